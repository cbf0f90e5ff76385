"""The commands of mitmweb and mitmproxy: `gateway.explain` and the others."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitmproxy import ctx, flow, hooks, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import CommandError

from apigateway.definition.places import policies_beside
from apigateway.lifecycle.release import fault_of_note
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.proxy.hooks import Desk
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.flow_file import call_of
from apigateway.web.judging import SAME, judged, replayed, with_result
from apigateway.web.tasks import Background, HasToWait, at_once
from apigateway.web.told import Teller

logger = logging.getLogger(__name__)

FEW = 10
"""So many calls are judged in some milliseconds; more are done beside the calls under way."""


class Commands:
    """What each returns is shown on one line; where it has several, the event log has them all."""

    def __init__(self, desk: Desk, teller: Teller, background: Background) -> None:
        self._desk = desk
        self._teller = teller
        self._background = background

    def add_to(self, loader: Loader) -> None:
        for one in (self.explain, self.replay, self.release, self.limits, self.status):
            loader.add_command(f"gateway.{one.__name__}", one)

    def explain(self, flows: Sequence[flow.Flow]) -> str:
        """Tell what every stage decided of the flows, or would decide now of those that were
        kept without a trail. Nothing is sent or spent."""
        found = _callers(flows)
        for one in found:
            if TRAIL not in one.metadata:
                self._judge(one, self._served())
        texts = ["\n".join(self._teller.lines(one)) for one in found[:FEW]]
        if len(found) > FEW:
            texts.append(f"({len(found) - FEW} more flows; name fewer)")
        return _told("gateway.explain", "\n\n".join(texts))

    def replay(self, flows: Sequence[flow.Flow]) -> str:
        """Take the flows through every stage again, offline, against what is served now, and put
        into their comments what would end otherwise. Nothing is sent or spent."""
        found = _callers(flows)
        catalog = self._served()
        if len(found) <= FEW:
            return _told("gateway.replay", at_once(self._replay(found, catalog, rests=False)))
        self._background.start("gateway.replay", self._replay(found, catalog, rests=True))
        return f"replaying {len(found)} flows; see their comments, and the event log for the sum"

    def release(
        self, name: str, environment: str, note: str, accept_what_breaks: bool = False
    ) -> str:
        """Release a draft: an API, group/API, or a group (all its APIs), to TEST, PRE or RELEASE,
        with a note for the history. The result is in the event log."""
        known = {one.value: one for one in Environment}
        chosen = known.get(environment.upper())
        if chosen is None:
            raise CommandError(f"{environment} is no environment; it is one of {', '.join(known)}")
        if fault := fault_of_note(note):
            raise CommandError(f"the note {fault}")
        self._served()
        self._background.start(
            "gateway.release", self._release(name, chosen, note, accept_what_breaks)
        )
        return f"releasing {name} to {chosen}; the event log tells the result"

    def limits(self, api: str = "") -> str:
        """Tell what every limit has used, and when it resets: of an API (its name, or
        group/name), or of all. Nothing is spent."""
        from apigateway.web.standing import limit_lines

        async def lines() -> str:
            try:
                return "\n".join(await limit_lines(catalog, self._desk.settings.store, api))
            except StoreUnavailable as problem:
                raise CommandError(f"the store cannot be read: {problem}") from None

        catalog = self._served()
        if catalog.settings.redis is None:
            try:
                return _told("gateway.limits", at_once(lines()))
            except HasToWait:
                raise CommandError("the store is busy; try again") from None
        self._background.start("gateway.limits", lines())
        return "asking the store; the event log tells the result"

    def status(self) -> str:
        """Tell how the gateway is: what it serves, since when, and why a change is not served."""
        from apigateway.web.standing import status_lines

        catalog, settings = self._served(), self._desk.settings
        status = settings.status()
        if status is None:
            raise CommandError("the gateway has not started yet; try again")
        view: Any = ctx.master.addons.get("view")
        lines = status_lines(
            status,
            catalog,
            store=settings.place(catalog.settings),
            under_way=len(self._desk.calls),
            flows=-1 if view is None else view.store_count(),
            keep=ctx.options.gateway_keep_flows,
        )
        return _told("gateway.status", "\n".join(lines))

    def _served(self) -> Catalog:
        catalog = self._desk.settings.catalog
        if catalog is None:
            raise CommandError("nothing is served at the moment; the event log says why")
        return catalog

    def _judge(self, one: http.HTTPFlow, catalog: Catalog) -> None:
        async def judge() -> str:
            self._teller.keep(one, await judged(_timed(one), catalog, self._desk.settings.store))
            return "the Gateway view of the flow shows it"

        if catalog.settings.redis is None:
            try:
                at_once(judge())
                return
            except (HasToWait, StoreUnavailable):
                raise CommandError("the store is busy; try again") from None
        self._background.start("gateway.explain", judge())

    async def _replay(
        self, found: Sequence[http.HTTPFlow], catalog: Catalog, *, rests: bool
    ) -> str:
        """In the order in which the calls came."""
        flows = {one.id: one for one in found}
        results = []
        for call in in_order(map(_timed, found)):
            result = await replayed(call, catalog)
            one = flows[call.flow_id]
            one.comment = with_result(one.comment, result)
            results.append((call, result))
            if rests:
                await asyncio.sleep(0)
        ctx.master.addons.trigger(hooks.UpdateHook(list(found)))
        same = sum(result == SAME for _, result in results)
        others = [
            f"{call.request.method} {call.request.target.partition('?')[0]}: {result}"
            for call, result in results
            if result != SAME
        ]
        if len(others) > FEW:
            others[FEW:] = [f"({len(others) - FEW} more; see the comments)"]
        return "\n".join([f"{same} of {len(results)} end as they did", *others])

    async def _release(self, name: str, to: Environment, note: str, accept: bool) -> str:
        from apigateway.web.releasing import release

        definitions = Path(ctx.options.gateway_definitions)
        policies = ctx.options.gateway_policies
        return await asyncio.to_thread(
            release,
            definitions,
            Path(policies) if policies else policies_beside(definitions),
            self._desk.settings.store.releases,
            name=name,
            environment=to,
            note=note,
            accept=accept,
            now_ms=time.time_ns() // 1_000_000,
        )


def _told(name: str, text: str) -> str:
    """What a command returns. Several lines go to the event log too: mitmweb and mitmproxy show
    what is returned on one."""
    if "\n" in text:
        logger.info("%s:\n%s", name, text)
    return text


def _callers(flows: Sequence[flow.Flow]) -> list[http.HTTPFlow]:
    found = [
        one for one in flows if isinstance(one, http.HTTPFlow) and BACKEND_LEG not in one.metadata
    ]
    if not found:
        raise CommandError("there is no caller's flow among these; select one, or name @all")
    if any(one.live for one in found):
        found = [one for one in found if not one.live]
        if not found:
            raise CommandError("the call is still under way; try again when it has ended")
    return found


def _timed(one: http.HTTPFlow) -> CapturedCall:
    """A call whose flow tells no time comes now."""
    call = call_of(one)
    if call.received_ms is not None:
        return call
    return replace(call, received_ms=time.time_ns() // 1_000_000)
