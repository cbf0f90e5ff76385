"""The fast profile: what mitmproxy does for every call and a gateway has no use for, left out.

Each piece replaces a little of mitmproxy in one process, does what it replaces does, and puts it
back when it is told to. A piece that does not know this mitmproxy stays out (`known.py`).
"""
