"""What a caller's answer tells: whether the gateway refused, by which fault, and what the backend
had answered before the gateway's own fields were added."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from apigateway.answers import CLASSIC_TYPE, DEBUG_INFO, ERROR_CODE, ERROR_MESSAGE, REQUEST_ID
from apigateway.errors import BACKEND_FAULTS, Fault, Refusal
from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers
from apigateway.replay.call import CapturedCall

_ADDRESS_FAULTS = (Fault.BACKEND_ADDRESS, Fault.VPC_ACCESS_DENIED)

_OURS = frozenset(
    name.lower()
    for name in (
        REQUEST_ID,
        ERROR_CODE,
        ERROR_MESSAGE,
        DEBUG_INFO,
        "RateLimit",
        "RateLimit-Policy",
    )
)
_GAP = re.compile(r"(\\ (?=\\\{\w+\\\}$))?\\\{(\w+)\\\}")


def refusal_of(answer: Answer) -> Refusal | None:
    """The refusal that an answer of the gateway's is the text of; None for one that is none.

    Only a refusal has a code; in the classic style every answer has a message, and a refusal one
    of the product's with its status and no body. Two faults that read alike are the first of them.
    """
    headers = Headers(answer.headers)
    code, message = headers.first(ERROR_CODE), headers.first(ERROR_MESSAGE)
    if message is None:
        return None
    if code is None and (answer.body or headers.first("Content-Type") != CLASSIC_TYPE):
        return None  # a backend's 503 reads like one of the gateway's
    for fault, pattern in _patterns(code is not None):
        text = fault.value
        fits = text.classic_status == answer.status if code is None else text.code == code
        if fits and (found := pattern.fullmatch(message)):
            return _refusal(fault, found.groupdict())
    fault_of_code = (fault for fault in Fault if fault.value.code == code)
    return next((_refusal(fault, {}) for fault in fault_of_code), None)


def _refusal(fault: Fault, parts: Mapping[str, str | None]) -> Refusal:
    refusal = Refusal(fault, "as captured")
    refusal.parts.update({name: parts.get(name) or "" for name in _names(fault)})
    return refusal


def _names(fault: Fault) -> list[str]:
    """The gaps of its messages."""
    return re.findall(r"\{(\w+)\}", fault.value.message + fault.value.classic_message)


@cache
def _patterns(coded: bool) -> tuple[tuple[Fault, re.Pattern[str]], ...]:
    """The messages, those without a gap first: what fits one of them is no other's."""
    texts = {
        fault: fault.value.message if coded else fault.value.classic_message for fault in Fault
    }
    return tuple(
        (fault, re.compile(_GAP.sub(_group, re.escape(text)), re.DOTALL))
        for fault, text in sorted(texts.items(), key=lambda one: one[1].count("{"))
    )


def _group(gap: re.Match[str]) -> str:
    """Whatever stands in a gap; the blank before it goes with it, for one that is empty."""
    blank, name = gap.groups()
    return f"(?: (?P<{name}>.*))?" if blank else f"(?P<{name}>.*)"


def backend_answer(call: CapturedCall) -> Answer | Refusal | None:
    """What came from behind the gateway when the call was captured: the backend's answer, the way
    it failed, or None where the capture does not tell (no answer, or refused before)."""
    if call.answer is None:
        return None
    if call.trail is not None and not call.trail.get("backend_request", True):
        return None
    refusal = refusal_of(call.answer)
    if refusal is None:
        return _without_ours(call.answer)
    outside = _read_alike(refusal.fault, coded=ERROR_CODE in Headers(call.answer.headers))
    if outside is None or call.refused_by not in ("", "Dispatch"):
        return None
    failure = Refusal(outside, call.refused_why or refusal.detail, reason="")
    failure.parts.update(refusal.parts)
    return failure


def _read_alike(fault: Fault, *, coded: bool) -> Fault | None:
    """The failure of a backend that a fault is; in the classic style several read alike."""
    if coded:
        return fault if fault in BACKEND_FAULTS else None
    text = fault.value
    for one in BACKEND_FAULTS:
        same = one.value
        if (same.classic_status, same.classic_message) == (
            text.classic_status,
            text.classic_message,
        ):
            return one
    return None


def unresolved(call: CapturedCall) -> bool:
    """Whether a backend's name had no address when the call was captured."""
    if call.answer is None or call.refused_by not in ("", "VpcAllowList"):
        return False
    if call.refused_why and not call.refused_why.endswith("has no address"):
        return False
    refusal = refusal_of(call.answer)
    return refusal is not None and refusal.fault in _ADDRESS_FAULTS


def _without_ours(answer: Answer) -> Answer:
    """Without the fields that the gateway adds, which it will add again."""
    phrase = Headers(answer.headers).first(ERROR_MESSAGE)
    headers = tuple(field for field in answer.headers if field[0].lower() not in _OURS)
    return replace(answer, headers=headers, reason=answer.reason if phrase is None else phrase)
