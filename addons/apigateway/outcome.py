"""How a call ended: what the caller gets of it, and what is said of it at a glance."""

import time
from collections.abc import Iterator
from dataclasses import replace

from apigateway.answers import debug_info, message_of, render_answer, render_refusal
from apigateway.chain import Call
from apigateway.cors import cors_fields, without_own_cors
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, Routed, Signed, Throttled
from apigateway.model.settings import ErrorStyle
from apigateway.stages.signing import is_debug
from apigateway.stages.throttling import remaining_headers


def answer_of(call: Call, style: ErrorStyle, *, method: str) -> Answer:
    """The whole answer to a call that ended. One that did not is answered INTERNAL."""
    extra = tuple(_extra_fields(call))
    if call.answer is None:
        refusal = call.refusal or _undecided()
        return render_refusal(refusal, call.request_id, style, method=method, extra=extra)
    answer = call.answer
    if isinstance(call.state, Signed):  # else it is the answer to a preflight
        answer = replace(answer, headers=without_own_cors(answer.headers, call.state))
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
        code, text = refusal.fault.value.code, message_of(refusal, style)
        return f"refused by {call.refused_by or 'nobody'}: {code} {text[:200]}", ":no_entry:"
    status = call.answer.status
    name = call.state.served.api.name if isinstance(call.state, Routed) else "preflight"
    return f"served {name}: {status}", ":white_check_mark:" if status < 500 else ":warning:"
