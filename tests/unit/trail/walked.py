"""Calls that went through the real chain, and what their trails say."""

import asyncio
from collections.abc import Iterable
from typing import Any

from unit.build import NOW_MS, REQUEST_ID, a_catalog, a_pass, an_api, rooms, serve

from apigateway.chain import Call, link, walk
from apigateway.exchange import Answer, Received
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.settings import ErrorStyle
from apigateway.ports import Counters, Nonces, Resolver
from apigateway.trail.trail import trail_of

Fields = Iterable[tuple[str, str]]


def walked(
    served: ServedApi | None = None,
    *,
    headers: Fields = (),
    catalog: Catalog | None = None,
    nonces: Nonces | None = None,
    counters: Counters | None = None,
    resolver: Resolver | None = None,
    answered: Answer | None = None,
    **changes: Any,
) -> Call:
    """A call after the ten stages, with an answer of the backend where it came so far."""
    served = served or serve(an_api())
    catalog = catalog or a_catalog(served)
    state = a_pass(Received, served, headers=headers, catalog=catalog, **changes)
    steps = link(*rooms(nonces=nonces, counters=counters, resolver=resolver))
    call = asyncio.run(walk(Call(REQUEST_ID, NOW_MS, state), steps))
    if not call.ended and answered is not None:
        call.answer = answered
    return call


def an_answer(status: int = 200, body: bytes = b"hello") -> Answer:
    return Answer(status=status, reason="", headers=(), body=body, elapsed_ms=12.5)


def timeless(trail: dict[str, Any]) -> dict[str, Any]:
    """A trail without the times that differ from run to run; it must have them."""
    assert trail.pop("total_ms") >= 0
    for stage in trail["stages"]:
        ms = stage.pop("ms")
        assert (ms is None) == (stage["outcome"] == "not reached")
        assert ms is None or ms >= 0
    return trail


def trail(served: ServedApi | None = None, **changes: Any) -> dict[str, Any]:
    changes.setdefault("answered", an_answer())
    return timeless(trail_of(walked(served, **changes), ErrorStyle.CODED))


def decided(stage: str, served: ServedApi | None = None, **changes: Any) -> dict[str, Any]:
    """The values that decided in a stage that let the call pass, or answered it."""
    return _of(stage, trail(served, **changes), "passed", "answered")


def refused(stage: str, served: ServedApi | None = None, **changes: Any) -> dict[str, Any]:
    """The values that decided in the stage that refused the call."""
    found = trail(served, **changes)
    assert found["verdict"]["by"] == stage, found["verdict"]
    return _of(stage, found, "refused")


def _of(stage: str, found: dict[str, Any], *outcomes: str) -> dict[str, Any]:
    (one,) = [one for one in found["stages"] if one["stage"] == stage]
    assert one["outcome"] in outcomes, found["verdict"]
    values: dict[str, Any] = one["decided"]
    return values
