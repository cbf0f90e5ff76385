"""What the stages that let a call pass decided.

Most of it is the same in call after call of one app to one API. Of calls that went through every
stage it is made once, and stands in all their trails as the same object: nobody changes a trail.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apigateway.exchange import HttpUpstream, Routed, Signed
from apigateway.model.catalog_memo import CatalogMemo
from apigateway.trail import admission, arrival, delivery, identity
from apigateway.trail.arrival import Decided
from apigateway.trail.backend_request import Frame, frame_of
from apigateway.trail.declared import Declared, declared_of
from apigateway.trail.identity import secrets_of
from apigateway.trail.known import starts_of

Common = Callable[[Any, Declared], Decided]
Own = Callable[[Decided, Any, Declared], None]
Anew = Callable[[], Decided]

_STAGES: tuple[tuple[str, Common, Own | None], ...] = (
    ("Routing", arrival.routing, arrival.routing_own),
    ("Access", arrival.access, arrival.access_own),
    ("Authentication", identity.authentication, identity.authentication_own),
    ("Authorization", identity.authorization, None),
    ("Throttling", admission.throttling, admission.throttling_own),
    ("Validation", admission.validation, admission.validation_own),
    ("Mapping", delivery.mapping, None),
    ("Resolution", delivery.resolution, None),
    ("VpcAllowList", delivery.vpc_allow_list, None),
    ("Signing", delivery.signing, None),
)

STAGES = tuple(name for name, _, _ in _STAGES)


def passed(call: Routed, depth: int) -> Iterator[tuple[str, Decided]]:
    """What the first so many stages decided of a call that came to their doors."""
    declared = declared_of(call.served)
    for name, common, add_own in _STAGES[:depth]:
        decided = common(call, declared)
        if add_own is not None:
            add_own(decided, call, declared)
        yield name, decided


# --- Calls that are alike

MOST_ALIKE = 2_000
"""Kinds of calls that are kept of one catalog."""

_MOST_FIELDS, _LONGEST_NAMES = 50, 1_500
"""Of a request to a backend whose kind is kept: callers make up names of headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What trails of calls that are alike have in common. `stages` are (name, what makes all that
    is said of it, what makes what it decided, what adds the call's own to that). `secrets` are
    those of the app and the API, and `starts` give them away; none without an app or with a token.
    `held` keeps what the key knows by its `id`."""

    stages: tuple[tuple[str, Anew, Anew, Own | None], ...]
    dispatch: Decided
    frame: Frame | None
    secrets: Sequence[str]
    starts: tuple[str, ...]
    held: tuple[object, ...]


_alike: CatalogMemo[tuple[object, ...], Alike] = CatalogMemo()


def alike_of(call: Signed, declared: Declared) -> Alike:
    """Made once for the present catalog, which is the one that holds what the key names."""
    served, sent = call.served, call.dispatched
    names = tuple([name for name, _ in sent.headers])
    # All that the functions below read of a call, as the stages make it.
    key = (
        id(served),
        id(call.app),
        id(call.upstream),
        call.host,
        call.method,
        call.scheme,
        arrival.environment_from(call, call.bound),
        call.proof,
        call.authorized_by,
        call.pinned,
        tuple(call.arguments),
        tuple(call.files),
        _claims_there(call, declared) if declared.claims else (),
        names,
        sent.defined,
    )
    known = _alike.of(call.catalog)
    alike = known.get(key)
    if alike is None:
        alike = _made(call, declared)
        if len(names) <= _MOST_FIELDS and sum(map(len, names)) <= _LONGEST_NAMES:
            if len(known) >= MOST_ALIKE:
                known.clear()
            known[key] = alike
    return alike


def _claims_there(call: Signed, declared: Declared) -> tuple[bool, ...]:
    return tuple(call.claims.get(source) is not None for source, _ in declared.claims)


def _stage(name: str, decided: Decided, add_own: Own | None) -> tuple[str, Anew, Anew, Own | None]:
    stage = {"stage": name, "outcome": "passed", "ms": None, "decided": decided}
    return name, stage.copy, decided.copy, add_own


def _made(call: Signed, declared: Declared) -> Alike:
    upstream = call.upstream
    # A token is one call's own, and so is the key of an app that does not prove itself.
    secrets = [] if call.token or call.app is None else secrets_of(call)
    return Alike(
        stages=tuple(_stage(name, common(call, declared), own) for name, common, own in _STAGES),
        dispatch=delivery.dispatch(call, declared),
        frame=frame_of(call, upstream, declared) if isinstance(upstream, HttpUpstream) else None,
        secrets=secrets,
        starts=starts_of(*secrets),
        held=(call.served, call.app, upstream),
    )
