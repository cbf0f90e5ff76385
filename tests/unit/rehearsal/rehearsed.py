"""Rehearsals for tests, of catalogs and calls that are made by hand."""

import asyncio
from collections.abc import Sequence
from typing import Any

from unit.build import GROUP, a_catalog, an_api, parameter, serve
from unit.replay.calls import a_call, a_request, a_signed_request

from apigateway.model.api import Api, Auth, ParameterType
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.rehearsal.rehearsal import Report, rehearse
from apigateway.rehearsal.sides import Sides
from apigateway.replay.call import CapturedCall
from apigateway.replay.offline import OfflineChain
from apigateway.store.memory import MemoryStore

TABLE = (GROUP.id, Environment.RELEASE)


def forecast(most: int = 14, **changes: Any) -> Api:
    """Asks for a signature, and for no more than so many days."""
    days = parameter("days", type=ParameterType.INT, maximum=most)
    return an_api(auth=Auth(), request={"parameters": (days,)}, **changes)


def days(number: object, **more: Any) -> CapturedCall:
    nonce = f"nonce-{number}-{len(more)}"
    return a_call(a_signed_request(f"/forecast?days={number}", nonce=nonce), **more)


def anonymous(target: str = "/forecast", **more: Any) -> CapturedCall:
    return a_call(a_request(target), **more)


def sides(live: Catalog, candidate: Catalog, **more: Any) -> Sides:
    known: dict[str, Any] = {
        "environment": Environment.RELEASE,
        "changed": ("weather/GetForecast",),
        "removed": (),
        "touched": frozenset({TABLE}),
        **more,
    }
    return Sides(live=live, candidate=candidate, **known)


def of(live: Api | None, candidate: Api | None) -> Sides:
    one, other = (a_catalog(*(() if api is None else (serve(api),))) for api in (live, candidate))
    return sides(one, other)


def rehearsed(two: Sides, calls: Sequence[CapturedCall], **more: Any) -> Report:
    chains = []
    for catalog in (two.live, two.candidate):
        store = MemoryStore()
        chains.append(OfflineChain(catalog, counters=store.counters, nonces=store.nonces))
    live, candidate = chains
    return asyncio.run(rehearse(two, live, candidate, calls, **more))


def numbers(report: Report) -> dict[str, list[int]]:
    """The calls of each cause, by the name of it."""
    return {group.cause.name: [number for number, _ in group.calls] for group in report.groups}
