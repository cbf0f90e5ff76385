"""What drives mitmproxy: the add-ons around the stages, and what they make of mitmproxy's own.

settings                 the start and the stop; `options` of the gateway and of mitmproxy
hooks                    the chain as add-ons, and the two ends of a call
guard                    lets nothing pass undecided when all else is gone
reception, flows         a caller's request, on the wire or captured
flow_metadata, live_trail    the trail of a call on its flow
listener                 how a process comes to its port, and how it leaves it
tls                      which certificate a handshake is shown; tls_context how it is spoken,
                         tls_renewal how a certificate follows its files
"""
