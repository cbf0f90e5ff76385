"""Calls that were captured, and what becomes of them when they are judged again.

call, captured                 one captured call; captures read and written (flow_file, har, sent)
offline                        calls through the chain, without spending or sending anything
                               (edge, unspent: limits and nonces of its own, explained)
live, live_calls               calls to a gateway that runs (on_the_wire, seen)
signing, remade, restoring     a call signed anew, with secrets again where a capture has none
placeholders                   what stands in a scrubbed capture for a secret
outcome, differences           how a call ended, and what two endings differ in
"""
