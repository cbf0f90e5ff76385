"""The trail of a call: what every stage decided and with which values, as plain data.

Nothing is collected while a call is on its way: everything is read from its last pass, its
refusal and its times. Pure: no mitmproxy, no store.
"""
