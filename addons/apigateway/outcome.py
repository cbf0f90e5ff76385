"""How a call ended: what the caller gets of it, and what is said of it at a glance."""

import time
from collections.abc import Iterator
from dataclasses import replace

from apigateway.answers import debug_info, message_of, render_answer, render_refusal
from apigateway.chain import Call
from apigateway.cors import cors_fields, without_own_cors
from apigateway.errors import BACKEND_FAULTS, Fault, Refusal
from apigateway.exchange import Answer, MockUpstream, Routed, Signed, Throttled
from apigateway.model.group import Environment
from apigateway.model.settings import ErrorStyle
from apigateway.stages.signing import is_debug
from apigateway.stages.throttling import remaining_headers

SERVED = ":white_check_mark:"
SERVED_A_FAULT = ":warning:"
REFUSED = ":no_entry:"
BACKEND_FAILED = ":boom:"
BUSY = ":hourglass:"
CRASHED = ":bug:"

MARKERS = frozenset({SERVED, SERVED_A_FAULT, REFUSED, BACKEND_FAILED, BUSY, CRASHED})
"""What `verdict` marks flows with; any other marker is somebody's own."""


def answer_of(call: Call, style: ErrorStyle, *, method: str) -> Answer:
    """The whole answer to a call that ended. One that did not is answered INTERNAL."""
    extra = tuple(_extra_fields(call))
    if call.answer is None:
        refusal = call.refusal or _undecided()
        return render_refusal(refusal, call.request_id, style, method=method, extra=extra)
    answer = call.answer
    if isinstance(call.state, Signed):  # else it is the answer to a preflight
        headers = without_own_cors(answer.headers, call.state)
        if headers is not answer.headers:
            answer = replace(answer, headers=headers)
    return render_answer(answer, call.request_id, style, method=method, extra=extra)


def _undecided() -> Refusal:
    return Refusal(Fault.INTERNAL, "no stage decided")


def _extra_fields(call: Call) -> Iterator[tuple[str, str]]:
    """Fields for browsers, for callers near a limit, and for debug mode."""
    state = call.state
    if state is None:
        return
    yield from cors_fields(state)
    if isinstance(state, Throttled):
        yield from remaining_headers(state)
    if is_debug(state.headers):
        service_ms = call.answer.elapsed_ms if call.answer is not None else 0.0
        yield debug_info(service_ms, (time.perf_counter() - call.started) * 1000)


def verdict(call: Call, style: ErrorStyle) -> tuple[str, str]:
    """A comment and a marker that tell at a glance, in mitmweb's list, how a call ended."""
    if call.answer is None:
        refusal = call.refusal or _undecided()
        return _refused(refusal, call.refused_by or "nobody", style)
    status, name = call.answer.status, "preflight"
    if isinstance(call.state, Routed):
        name, environment = call.state.served.api.name, call.state.environment
        if environment is not Environment.RELEASE:
            name = f"{name} in {environment}"
    if status < 500:
        return f"served {name}: {status}", SERVED
    whose = "mock" if _is_a_mock(call) else "backend"
    return f"served {name}: {status} from the {whose}", SERVED_A_FAULT


def _is_a_mock(call: Call) -> bool:
    return isinstance(call.state, Signed) and isinstance(call.state.upstream, MockUpstream)


def _refused(refusal: Refusal, by: str, style: ErrorStyle) -> tuple[str, str]:
    fault = refusal.fault
    message = message_of(refusal, style)
    if fault is Fault.INVALID_SIGNATURE:  # the rest is the whole string to sign
        message = message.partition(", Server StringToSign")[0]
    # a caller's bytes that are no text cannot be saved with the flow
    message = message[:200].encode("utf-8", "backslashreplace").decode("utf-8")
    text = f"{fault.value.code} {message}"
    if fault in BACKEND_FAULTS:
        return f"refused by {by}: backend fault: {text}", BACKEND_FAILED
    marker = {Fault.INTERNAL: CRASHED, Fault.BUSY: BUSY}.get(fault, REFUSED)
    return f"refused by {by}: {text}", marker
