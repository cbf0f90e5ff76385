"""Why a call ends otherwise when it is sent again, where the reason lies in sending it again."""

import re

from apigateway.errors import BACKEND_FAULTS, Fault
from apigateway.exchange import Answer
from apigateway.replay.call import CapturedCall
from apigateway.replay.placeholders import MARK
from apigateway.replay.seen import refusal_of

_THROTTLED = frozenset(fault for fault in Fault if fault.name.startswith("THROTTLED_BY_"))

LIMITS = "limits count other calls than they did"
BACKEND = "a backend failed, now or then"
LATE = "its time is that of the capture"
NONCE = "its nonce was used when it was captured"
TOKEN = "its token has expired since"
PEER = "it came from another address"
PLACEHOLDER = "a backend got a placeholder"

_FOR_A_BACKEND = re.compile(rf"{MARK}:(?!signature|appcode)")


def explanation(call: CapturedCall, now: Answer, *, fresh: bool) -> str:
    """A reason of these, or "" for a call that should have ended alike. `fresh` says that it was
    signed anew."""
    before = refusal_of(call.answer) if call.answer is not None else None
    after = refusal_of(now)
    faults = [refusal.fault for refusal in (before, after) if refusal is not None]
    latest = after.fault if after is not None else None
    if any(fault in _THROTTLED for fault in faults):
        return LIMITS
    if not fresh and latest is Fault.TIMESTAMP_EXPIRED:
        return LATE
    if not fresh and latest is Fault.NONCE_USED:
        return NONCE
    if latest is Fault.TOKEN_EXPIRED:
        return TOKEN
    if any(fault in BACKEND_FAULTS for fault in faults):
        return BACKEND
    if Fault.IP_DENIED in faults and call.request.peer not in ("", "127.0.0.1", "::1"):
        return PEER
    if not faults and _holds_placeholder(call):
        return PLACEHOLDER
    return ""


def _holds_placeholder(call: CapturedCall) -> bool:
    """One that is not put back before the call is sent."""
    request = call.request
    texts = [request.target, *(value for _, value in request.headers.fields)]
    texts.append(request.body.decode("utf-8", "surrogateescape"))
    return any(_FOR_A_BACKEND.search(text) for text in texts)
