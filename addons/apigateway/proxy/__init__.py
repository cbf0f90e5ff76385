"""What drives mitmproxy: the add-ons around the stages, and what they change in mitmproxy.

settings         the start and the stop
options          the gateway's own options, and mitmproxy's that it sets
hooks            the chain as add-ons, and the two ends of a call
guard            lets nothing pass undecided when all else is gone
outliving        add-ons that stand among mitmproxy's own, and outlive the script
responses        answers as mitmproxy sends them
flows            a flow as the values that the gateway reads
flow_metadata    a flow's metadata with a trail that is made when it is first looked at
live_trail       the trail of a call that ended, put on its flow
listener         how a process comes to its port, and how it leaves it
tls              which certificate a handshake is shown
tls_context      how TLS is spoken
tls_renewal      how a certificate follows its files
"""
