"""The trail of a call that ended, or of one that went through every stage and was not sent."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from apigateway.answers import message_of, status_of
from apigateway.chain import Call
from apigateway.errors import Fault, Refusal
from apigateway.exchange import (
    Admitted,
    Authorized,
    Identified,
    Mapped,
    Permitted,
    Received,
    Resolved,
    Routed,
    Signed,
    Throttled,
    Validated,
)
from apigateway.model.settings import ErrorStyle
from apigateway.trail import admission, arrival, delivery, identity
from apigateway.trail.backend_request import backend_request
from apigateway.trail.declared import declared_of
from apigateway.trail.identity import secrets_of as secrets_of
from apigateway.trail.known import holds_a_start, starts_of, without_secrets
from apigateway.trail.masking import shown
from apigateway.trail.passed import STAGES, alike_of, passed
from apigateway.trail.strings import server_string

Decided = dict[str, Any]

LONGEST_MESSAGE = 1_000

DISPATCH = "Dispatch"

_REFUSED: dict[str, tuple[type[Received], Callable[[Any, Refusal], Decided]]] = {
    "Routing": (Received, arrival.routing_refused),
    "Access": (Routed, arrival.access_refused),
    "Authentication": (Admitted, identity.authentication_refused),
    "Authorization": (Identified, identity.authorization_refused),
    "Throttling": (Authorized, admission.throttling_refused),
    "Validation": (Throttled, admission.validation_refused),
    "Mapping": (Validated, delivery.mapping_refused),
    "Resolution": (Mapped, delivery.resolution_refused),
    "VpcAllowList": (Resolved, delivery.vpc_allow_list_refused),
    "Signing": (Permitted, delivery.signing_refused),
}

_DEPTHS: dict[type[object], int] = {
    Received: 0,
    Routed: 1,
    Admitted: 2,
    Identified: 3,
    Authorized: 4,
    Throttled: 5,
    Validated: 6,
    Mapped: 7,
    Resolved: 8,
    Permitted: 9,
    Signed: 10,
}


def trail_of(call: Call, style: ErrorStyle, *, ended: float | None = None) -> dict[str, Any]:
    """JSON data only: what flows' metadata and a record can hold. `ended` is the moment at which
    the call did, of `time.perf_counter`; None for now.

    `signature` is there after a refused signature: with the string of the gateway alone, since
    finding out the caller's costs more than a call (`strings.signature_of` does it).
    """
    moment = time.perf_counter() if ended is None else ended
    total_ms = int((moment - call.started) * 1_000_000) / 1000
    state, refusal = call.state, call.refusal
    if type(state) is Signed and call.refused_by not in STAGES:
        return _of_a_passed(call, state, style, total_ms)
    if refusal is None and call.answer is None:
        refusal = Refusal(Fault.INTERNAL, "no stage decided")
    string = None
    if refusal is not None and isinstance(refusal.evidence, str) and isinstance(state, Admitted):
        string = server_string(state, refusal.evidence)
    trail = {
        "request_id": call.request_id,
        "received_ms": call.received_ms,
        "verdict": _verdict(call, refusal, style, string),
        "total_ms": total_ms,
        "stages": _stages(call, refusal),
        "backend_request": None,
        "signature": None if string is None else _unexplained(string),
    }
    return without_secrets(trail, secrets_of(state))


def _of_a_passed(call: Call, state: Signed, style: ErrorStyle, total_ms: float) -> Decided:
    """Of a call that every stage let pass, as nearly all are: so it is what costs."""
    declared = declared_of(state.served)
    alike = alike_of(state, declared)
    secrets, starts = alike.secrets, alike.starts
    if state.app is None or state.token:
        secrets = secrets_of(state)
        starts = starts_of(*secrets)
    sent, written = None, ""
    if alike.frame is not None:
        sent, written = backend_request(state, alike.frame, declared, secrets)
    took_ms, stages = call.took_ms.get, []
    for name, stage_anew, decided_anew, add_own in alike.stages:
        stage = stage_anew()
        stage["ms"] = int(took_ms(name, 0.0) * 1000) / 1000
        if add_own is not None:
            stage["decided"] = decided = decided_anew()
            add_own(decided, state, declared)
        stages.append(stage)
    texts = _callers_texts(stages, written)
    stages.append(_dispatch(call, alike.dispatch, total_ms))
    refusal = call.refusal
    trail = {
        "request_id": call.request_id,
        "received_ms": call.received_ms,
        "verdict": _verdict(call, refusal, style, None),
        "total_ms": total_ms,
        "stages": stages,
        "backend_request": sent,
        "signature": None,
    }
    if refusal is None and not holds_a_start(texts, starts):
        return trail
    return without_secrets(trail, secrets)


def _callers_texts(stages: Sequence[Decided], sent: str) -> str:
    """Every text of a call that was let pass which its caller wrote; `sent` are those that the
    backend got."""
    routed, identified = stages[0]["decided"], stages[2]["decided"]
    texts = [sent, routed["path"], identified.get("nonce", "")]
    for argument in stages[5]["decided"]["arguments"]:
        texts.append(argument["value"])
    if "path_values" in routed:
        texts += routed["path_values"].values()
    if "path_rest" in routed:
        texts += routed["path_rest"]
    return "\n".join(texts)


def _verdict(call: Call, refusal: Refusal | None, style: ErrorStyle, string: str | None) -> Decided:
    if refusal is None:
        answer = call.answer
        if answer is None:
            return _let_pass(0, "")
        return _let_pass(answer.status, DISPATCH if type(call.state) is Signed else "Routing")
    told = refusal
    if string is not None:
        told = Refusal(refusal.fault, string_to_sign=string.replace("\n", "#"))
    return {
        "served": False,
        "status": status_of(refusal, style),
        "fault": refusal.fault.name,
        "code": refusal.fault.value.code,
        "message": shown(message_of(told, style), LONGEST_MESSAGE),
        "by": call.refused_by or "nobody",
        "detail": shown(refusal.detail, LONGEST_MESSAGE),
    }


@lru_cache(maxsize=256)
def _let_pass(status: int, by: str) -> Decided:
    """`by` is "" for a call that was not sent."""
    return {
        "served": by != "",
        "status": status,
        "fault": "",
        "code": "",
        "message": "",
        "by": by,
        "detail": "",
    }


def _stages(call: Call, refusal: Refusal | None) -> list[Decided]:
    """The stages that gave a pass, then the one that ended the call, then the others."""
    state, took_ms = call.state, call.took_ms
    depth = _DEPTHS.get(type(state), 0)
    if refusal is not None and call.refused_by in STAGES:
        # A used nonce is Authentication's refusal, and found out two stages later.
        depth = min(depth, STAGES.index(call.refused_by))
    found = []
    if isinstance(state, Routed):
        found = [
            {
                "stage": name,
                "outcome": "passed",
                "ms": int(took_ms.get(name, 0.0) * 1000) / 1000,
                "decided": decided,
            }
            for name, decided in passed(state, depth)
        ]
    found += _ended(call, refusal, STAGES[depth:])
    found.append({"stage": DISPATCH, "outcome": "not reached", "ms": None, "decided": {}})
    return found


def _ended(call: Call, refusal: Refusal | None, names: Sequence[str]) -> Iterator[Decided]:
    state = call.state
    for name in names:
        outcome, ms, decided = "not reached", None, {}
        if refusal is not None and name == call.refused_by:
            outcome, decided = "refused", {"fault": refusal.fault.name}
            enters, refused = _REFUSED[name]
            if isinstance(state, enters):  # it was not refused for a stage that was left out
                decided |= refused(state, refusal)
        elif name == "Routing" and call.answer is not None and state is not None:
            outcome, decided = "answered", arrival.routing_answered(state)
        if outcome != "not reached":
            ms = int(call.took_ms.get(name, 0.0) * 1000) / 1000
        yield {"stage": name, "outcome": outcome, "ms": ms, "decided": decided}


def _dispatch(call: Call, goes_to: Decided, total_ms: float) -> Decided:
    outcome, ms, decided = "not reached", None, goes_to.copy()
    if (answer := call.answer) is not None:
        outcome, ms = "answered", int(answer.elapsed_ms * 1000) / 1000
        decided["status"] = answer.status
        decided["backend_ms"] = ms
        decided["answer_bytes"] = len(answer.body)
    elif call.refusal is not None:  # by Dispatch: every stage before gave its pass
        outcome, ms = "refused", round(max(0.0, total_ms - sum(call.took_ms.values())), 3)
        decided["fault"] = call.refusal.fault.name
    return {"stage": DISPATCH, "outcome": outcome, "ms": ms, "decided": decided}


def _unexplained(string: str) -> Decided:
    return {
        "client_string": None,
        "server_string": string,
        "first_difference": None,
        "causes": [],
    }
