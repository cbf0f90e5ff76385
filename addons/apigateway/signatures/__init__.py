"""Both signatures of the protocol, and why one does not verify. Pure.

caller            the caller's: the string both sides sign, and the forms old clients use
caller_explain    which string a client signed instead
backend           the gateway's own, as the gateway and a backend compute it
backend_explain   what was changed on the way to a backend
backend_changes   each text that a part of the string may have had before
"""
