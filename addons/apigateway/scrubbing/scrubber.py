"""A capture without secrets, of which every call ends as it did.

Each call is judged before and after, offline, against the same definitions. A placeholder that a
rule of the definitions refuses (a pattern, a length, a type) gives way to one of the value's shape;
where that is refused too, the call is kept and marked as one that cannot be judged.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace

from apigateway.chain import Call
from apigateway.exchange import Routed
from apigateway.model.catalog import Catalog
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Kind, differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import outcome_of
from apigateway.replay.unspent import NoCounters
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.scrub import Scrub, Scrubbed

_OF_PLACEHOLDERS = frozenset(
    {
        Kind.ANSWER_HEADER,
        Kind.ANSWER_BODY,
        Kind.BACKEND_PATH,
        Kind.BACKEND_QUERY,
        Kind.BACKEND_HEADER,
        Kind.BACKEND_FORM,
        Kind.BACKEND_BODY,
        Kind.BACKEND_SIGNATURE,
    }
)
"""What differs because a placeholder stands there; all else is a call that ends otherwise."""


class Scrubber:
    """`keep` and `scrub` are names of parameters, fields and members that are no secrets, and that
    are secrets besides those that their names tell."""

    def __init__(
        self, catalog: Catalog, *, keep: Iterable[str] = (), scrub: Iterable[str] = ()
    ) -> None:
        self._scrub = Scrub(catalog, Names.chosen(keep, scrub))
        self._chain = OfflineChain(catalog, counters=NoCounters())
        self._style = catalog.settings.errors

    def __call__(self, call: CapturedCall) -> Scrubbed:
        return asyncio.run(self.scrubbed(call))

    async def scrubbed(self, call: CapturedCall) -> Scrubbed:
        before = await self._run(call)
        routed = before.state if isinstance(before.state, Routed) else None
        found = self._scrub(call, routed)
        if call.lacks or call.edge is not None or await self._ends_alike(before, found):
            return found
        shaped = self._scrub(call, routed, alike=True)
        if await self._ends_alike(before, shaped):
            return shaped
        lacks = f"what was scrubbed of it decides ({', '.join(sorted(found.counts)) or 'a token'})"
        return replace(found, call=replace(found.call, lacks=lacks))

    async def _run(self, call: CapturedCall) -> Call:
        now_ms = time.time_ns() // 1_000_000 if call.received_ms is None else None
        return await self._chain.run(call, now_ms=now_ms)

    async def _ends_alike(self, before: Call, scrubbed: Scrubbed) -> bool:
        if not scrubbed.counts:
            return True
        after = await self._run(replace(scrubbed.call, received_ms=before.received_ms))
        one, other = outcome_of(before, self._style), outcome_of(after, self._style)
        if "StringToSign" in one.message and "StringToSign" in other.message:
            one, other = replace(one, message=""), replace(other, message="")
        return all(found.kind in _OF_PLACEHOLDERS for found in differences(one, other))
