"""The add-on that shows calls in mitmweb and mitmproxy."""

import logging
import sys
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from apigateway.proxy.flows import BACKEND_LEG
from apigateway.proxy.hooks import Desk
from apigateway.proxy.listener import StartError
from apigateway.proxy.options import end_at_wrong_values
from apigateway.web.commands import Commands
from apigateway.web.keeping import Keeper
from apigateway.web.leg import backend_leg, show
from apigateway.web.listed import as_called, open_as_saved
from apigateway.web.tasks import Background
from apigateway.web.told import Teller
from apigateway.web.views import GatewayView, install

logger = logging.getLogger(__name__)

KEPT_FLOWS = 5_000

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
        self._commands = Commands(desk, self._teller, self._background)
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
        self._commands.add_to(loader)
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


def lets_everybody_in(master: Any) -> bool:
    """Whether this is a mitmweb without a password (before mitmproxy 11.1.2)."""
    return hasattr(master, "app") and master.addons.get("webauth") is None
