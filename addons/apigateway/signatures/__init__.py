"""Both signatures of the protocol, and why one does not verify. Pure.

caller, caller_explain               the caller's: the string both sides sign; which string a client
                                     signed instead
backend, backend_explain             the gateway's own, as a backend verifies it; what was changed
backend_changes                      on the way to it
"""
