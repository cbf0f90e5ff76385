"""The trail of a call that ended, or of one that went through every stage and was not sent."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apigateway.answers import message_of, status_of
from apigateway.chain import Call
from apigateway.errors import Fault, Refusal
from apigateway.exchange import (
    Admitted,
    Authorized,
    HttpUpstream,
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
from apigateway.signature import KEY
from apigateway.trail import admission, arrival, delivery, identity
from apigateway.trail.backend_request import backend_request
from apigateway.trail.declared import Declared, declared_of
from apigateway.trail.known import holds_a_secret, without_secrets
from apigateway.trail.masking import shown
from apigateway.trail.strings import server_string

Decided = dict[str, Any]

LONGEST_MESSAGE = 1_000

_PASSED: tuple[tuple[str, Callable[[Any, Declared], Decided]], ...] = (
    ("Routing", arrival.routing),
    ("Access", arrival.access),
    ("Authentication", identity.authentication),
    ("Authorization", identity.authorization),
    ("Throttling", admission.throttling),
    ("Validation", admission.validation),
    ("Mapping", delivery.mapping),
    ("Resolution", delivery.resolution),
    ("VpcAllowList", delivery.vpc_allow_list),
    ("Signing", delivery.signing),
)

STAGES = tuple(name for name, _ in _PASSED)
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


def trail_of(call: Call, style: ErrorStyle) -> dict[str, Any]:
    """JSON data only: what flows' metadata and a record can hold.

    `signature` is there after a refused signature: with the string of the gateway alone, since
    finding out the caller's costs more than a call (`strings.signature_of` does it).
    """
    total_ms = int((time.perf_counter() - call.started) * 1_000_000) / 1000
    state, refusal = call.state, call.refusal
    depth = _DEPTHS.get(type(state), 0)
    if refusal is None and call.answer is None and depth < len(STAGES):
        refusal = Refusal(Fault.INTERNAL, "no stage decided")
    secrets = secrets_of(state)
    declared = declared_of(state.served) if isinstance(state, Routed) else None
    sent = string = None
    written = ""
    if isinstance(state, Signed) and declared and isinstance(state.upstream, HttpUpstream):
        sent, written = backend_request(state, state.upstream, declared, secrets)
    elif refusal is not None and isinstance(refusal.evidence, str) and isinstance(state, Admitted):
        string = server_string(state, refusal.evidence)
    stages = _stages(call, refusal, declared, total_ms)
    trail: dict[str, Any] = {
        "request_id": call.request_id,
        "received_ms": call.received_ms,
        "verdict": _verdict(call, refusal, style, string),
        "total_ms": total_ms,
        "stages": stages,
        "backend_request": sent,
        "signature": None if string is None else _unexplained(string),
    }
    if refusal is None and declared is not None:
        texts = "\n".join(_callers_texts(stages, written))
        return without_secrets(trail, secrets) if holds_a_secret(texts, secrets) else trail
    return without_secrets(trail, secrets)


def secrets_of(state: Received | None) -> list[str]:
    """What the gateway knows by value of the secrets that a call could hold."""
    if state is None:
        return []
    found = []
    key = state.headers.first(KEY)
    app = state.app if isinstance(state, Identified) else None
    if app is None and key is not None:
        app = state.catalog.apps.get(key)
    if app is not None:
        found.append(app.secret.reveal())
        if app.code is not None:
            found.append(app.code.reveal())
    if isinstance(state, Routed) and (signing_key := state.served.signature_key) is not None:
        found.append(signing_key.secret.reveal())
    if isinstance(state, Identified):
        if state.token:
            found.append(state.token)
    elif isinstance(state, Admitted) and state.served.api.auth.type.has_openid:
        found.extend(identity.tokens_of(state))
    return found


def _callers_texts(stages: list[Decided], sent: str) -> list[str]:
    """Every text of a call that was let pass which its caller wrote; `sent` are those that the
    backend got."""
    routed, identified = stages[0]["decided"], stages[2]["decided"]
    texts = [sent, routed["path"], identified.get("nonce", "")]
    texts += [argument["value"] for argument in stages[5]["decided"]["arguments"]]
    texts += routed.get("path_values", {}).values()
    texts += routed.get("path_rest", ())
    return texts


def _verdict(call: Call, refusal: Refusal | None, style: ErrorStyle, string: str | None) -> Decided:
    if refusal is None:
        answer = call.answer
        return {
            "served": answer is not None,
            "status": 0 if answer is None else answer.status,
            "fault": "",
            "code": "",
            "message": "",
            "by": "" if answer is None else DISPATCH if type(call.state) is Signed else "Routing",
            "detail": "",
        }
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


def _stages(
    call: Call, refusal: Refusal | None, declared: Declared | None, total_ms: float
) -> list[Decided]:
    """The stages that gave a pass, then the one that ended the call, then the others."""
    state, took_ms = call.state, call.took_ms
    found: list[Decided] = []
    depth = 0
    if declared is not None:
        depth = _DEPTHS[type(state)]
        if refusal is not None and call.refused_by in STAGES:
            # A used nonce is Authentication's refusal, and found out two stages later.
            depth = min(depth, STAGES.index(call.refused_by))
        found = [
            {
                "stage": name,
                "outcome": "passed",
                "ms": int(took_ms.get(name, 0.0) * 1000) / 1000,
                "decided": decided(state, declared),
            }
            for name, decided in _PASSED[:depth]
        ]
    if depth < len(STAGES):
        found += _ended(call, refusal, STAGES[depth:])
    found.append(_dispatch(call, refusal, total_ms))
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


def _dispatch(call: Call, refusal: Refusal | None, total_ms: float) -> Decided:
    state = call.state
    outcome, ms, decided = "not reached", None, {}
    if isinstance(state, Signed):
        decided = delivery.dispatch(call, state)
        if call.answer is not None:
            outcome, ms = "answered", decided["backend_ms"]
        elif refusal is not None:  # by Dispatch: every stage before gave its pass
            outcome, ms = "refused", round(max(0.0, total_ms - sum(call.took_ms.values())), 3)
            decided["fault"] = refusal.fault.name
    return {"stage": DISPATCH, "outcome": outcome, "ms": ms, "decided": decided}


def _unexplained(string: str) -> Decided:
    return {
        "client_string": None,
        "server_string": string,
        "first_difference": None,
        "causes": [],
    }
