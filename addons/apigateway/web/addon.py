"""The add-on that shows calls in mitmweb and mitmproxy, and their commands."""

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitmproxy import command, ctx, flow, hooks, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import CommandError, OptionsError

from apigateway.definition.places import policies_beside
from apigateway.lifecycle.release import fault_of_note
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.proxy.hooks import Desk
from apigateway.proxy.listener import StartError
from apigateway.proxy.options import end_at_wrong_values
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.flow_file import call_of
from apigateway.web.judging import SAME, judged, replayed, with_result
from apigateway.web.keeping import Keeper
from apigateway.web.leg import backend_leg, show
from apigateway.web.listed import as_called, open_as_saved
from apigateway.web.tasks import Background, HasToWait, at_once
from apigateway.web.told import Teller
from apigateway.web.views import GatewayView, install

logger = logging.getLogger(__name__)

KEPT_FLOWS = 5_000

FEW = 10
"""So many calls are judged in some milliseconds; more are done beside the calls under way."""

BROKEN_OFF = ":scissors:"

LEG, KEEP = "gateway_backend_leg", "gateway_keep_flows"


def problem_of(option: str, text: str) -> str:
    """What is wrong with a value that an option is given at start, "" where nothing is."""
    if option == LEG:
        is_one = text in ("", "true", "false", "toggle")
        return "" if is_one else f"{option}={text}: it is true or false"
    try:
        is_one = int(text) >= 0
    except ValueError:
        is_one = False
    return "" if is_one else f"{option}={text}: it is how many flows are kept; 0 keeps all"


class Web:
    """Stands between Dispatch, which ends a call, and MetricsLog, which lets go of it."""

    name = "apigateway-web"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._background = Background()
        self._teller = Teller(lambda: desk.settings.catalog, self._background)
        self._keeper: Keeper | None = None
        self._lock: Any = None
        self._opens_browser = False

    # --- start and stop

    def load(self, loader: Loader) -> None:
        end_at_wrong_values((LEG, KEEP), problem_of)
        loader.add_option(
            LEG,
            bool,
            False,
            "Show the gateway's own request to the backend as a flow beside the caller's.",
        )
        loader.add_option(
            KEEP,
            int,
            KEPT_FLOWS,
            "How many flows mitmweb and mitmproxy keep in their list, the newest; 0 for all. "
            "Flows that you marked stay.",
        )
        install(GatewayView(self._teller.lines))
        open_as_saved(ctx.master)
        view: Any = ctx.master.addons.get("view")
        self._keeper = None if view is None else Keeper(view)
        if lets_everybody_in(ctx.master):
            self._lock_up(loader)
        if "web_columns" in ctx.options and not ctx.options.has_changed("web_columns"):
            ctx.options.update(web_columns=[*ctx.options.web_columns, "comment"])

    def configure(self, updated: set[str]) -> None:
        if KEEP in updated and ctx.options.gateway_keep_flows < 0:
            raise OptionsError(problem_of(KEEP, str(ctx.options.gateway_keep_flows)))

    def running(self) -> None:
        if self._lock is None:
            return
        if ctx.options.web_password.startswith("$"):
            logger.error("web_password: mitmproxy 11 knows no hashes; give the password itself")
        logger.info("Open mitmweb at %s", self._lock.url)
        if self._opens_browser:
            self._opens_browser = False
            self._lock.open_browser()

    def done(self) -> None:
        self._background.stop()

    def _lock_up(self, loader: Loader) -> None:
        from apigateway.web.lock import lock_mitmweb

        loader.add_option(
            "web_password", str, "", "Password of mitmweb; without one a token is made at start."
        )
        try:
            self._lock = lock_mitmweb(ctx.master)
        except StartError as problem:
            print(problem, file=sys.stderr, flush=True)
            sys.exit(1)
        if ctx.options.web_open_browser:  # mitmproxy 11 would open it without the token
            self._opens_browser = True
            ctx.options.update(web_open_browser=False)

    # --- flows

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if BACKEND_LEG in flow.metadata and flow.live:
            logger.warning("a backend leg is not replayed: replay the caller's flow instead")
            flow.kill()

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.live:
            as_called(flow)
        if ctx.options.gateway_backend_leg:
            self._show_leg(flow)
        if self._keeper is not None:
            self._keeper.look(ctx.options.gateway_keep_flows)

    def error(self, flow: http.HTTPFlow) -> None:
        if BACKEND_LEG in flow.metadata:
            flow.revert()  # to what it was before somebody replayed it
            return
        if not flow.comment and flow.error is not None:
            flow.comment, flow.marked = f"broken off: {flow.error.msg}", BROKEN_OFF
        self.response(flow)

    def _show_leg(self, flow: http.HTTPFlow) -> None:
        call = self._desk.calls.get(flow.id)
        if call is None:
            return
        try:
            leg = backend_leg(flow, call, self._desk.style)
        except Exception:  # the caller's answer does not wait for a picture of it
            logger.exception("[%s] the backend leg cannot be shown", call.request_id)
            return
        if leg is not None:
            show(leg)

    # --- commands

    @command.command("gateway.explain")  # type: ignore[untyped-decorator]
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

    @command.command("gateway.replay")  # type: ignore[untyped-decorator]
    def replay(self, flows: Sequence[flow.Flow]) -> str:
        """Take the flows through every stage again, offline, against what is served now, and put
        into their comments what would end otherwise. Nothing is sent or spent."""
        found = _callers(flows)
        catalog = self._served()
        if len(found) <= FEW:
            return _told("gateway.replay", at_once(self._replay(found, catalog, rests=False)))
        self._background.start("gateway.replay", self._replay(found, catalog, rests=True))
        return f"replaying {len(found)} flows; see their comments, and the event log for the sum"

    @command.command("gateway.release")  # type: ignore[untyped-decorator]
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

    @command.command("gateway.limits")  # type: ignore[untyped-decorator]
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

    @command.command("gateway.status")  # type: ignore[untyped-decorator]
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

    # --- what the commands do

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


def lets_everybody_in(master: Any) -> bool:
    """Whether this is a mitmweb without a password (before mitmproxy 11.1.2)."""
    return hasattr(master, "app") and master.addons.get("webauth") is None


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
