"""The gateway's own options in mitmproxy, its start and its stop.

mitmproxy fails open in several ways; what is set here closes them (README, "Fail closed"): the
only mode is a reverse proxy to an address that nobody has, no connection is made before a call
is decided, and the listener opens when everything is loaded.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs

from apigateway.backend import Backends, SystemResolver
from apigateway.definition.places import policies_beside
from apigateway.definition.problems import DefinitionError
from apigateway.definition.reader import ProjectReader
from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.edge.refusals import speak_our_format
from apigateway.editing.reading import UndisturbedReader
from apigateway.guard import Guard
from apigateway.lifecycle.start import notices
from apigateway.listener import Listener, StartError, close_servers
from apigateway.live.loading import Loaded
from apigateway.live.quiet import quietly
from apigateway.live.reloader import Reloader
from apigateway.live.upkeep import Upkeep
from apigateway.model.catalog import Catalog
from apigateway.model.settings import GatewaySettings
from apigateway.ports import StoreUnavailable
from apigateway.store.door import StoreDoor, place_of
from apigateway.tls import TlsDoor

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 1.0

DEAD_TARGET = "reverse:http://127.0.0.1:1"

OPTIONS = (
    "gateway_definitions",
    "gateway_policies",
    "gateway_reuse_port",
    "gateway_supervisor",
)

PROXY_OPTIONS: dict[str, Any] = {
    "connection_strategy": "lazy",
    "keep_host_header": True,
    "onboarding": False,
    "rawtcp": False,
    "showhost": True,
    "validate_inbound_headers": True,
    "websocket": False,
}
"""Options whose stock value would let something pass the stages; and `showhost`, since the real
target is nowhere and the host that was called is what one wants to read."""


def closed_modes(modes: Sequence[str]) -> list[str]:
    """The modes the gateway runs in for those asked for: the same ports, and no real target.

    Raises:
        StartError: a mode that is no reverse proxy.
    """
    closed = []
    for text in modes:
        try:
            mode = mode_specs.ProxyMode.parse(text)
        except ValueError as problem:
            raise StartError(f"--mode {text}: {problem}") from None
        if mode.type_name not in ("regular", "reverse"):
            raise StartError(
                f"--mode {text}: a gateway is a reverse proxy; leave --mode out, and choose "
                "the port with --listen-port"
            )
        _, at, listen = text.rpartition("@")
        closed.append(f"{DEAD_TARGET}@{listen}" if at else DEAD_TARGET)
    return closed


def check_given_options() -> None:
    """mitmproxy keeps what `--set` says of options it does not know yet, and says nothing of those
    that never come; one given twice it drops with the whole script.

    Raises:
        StartError: an option `gateway_...` that does not exist, or stands twice.
    """
    given: Mapping[str, Any] = getattr(ctx.options, "deferred", {})
    for name, kept in given.items():
        values = getattr(kept, "val", ())
        if not name.startswith("gateway_"):
            continue
        if name not in OPTIONS:
            raise StartError(f"--set {name}: there is no such option, only {', '.join(OPTIONS)}")
        if len(values) > 1:
            raise StartError(f"--set {name} stands {len(values)} times; give it once")


class Settings:
    """The first add-on: options, start, stop, and the catalog that is served now.

    `root` is the project's folder; `definitions/` and `policies/` are looked for there unless
    the options say otherwise. `catalog` is None until everything is loaded.
    """

    name = "apigateway-settings"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = StoreDoor()
        self.backends = Backends()
        self.resolver = SystemResolver()
        self.catalog: Catalog | None = None
        self._guard = Guard()
        self._tls = TlsDoor()
        self._listener = Listener()
        self._upkeep: Upkeep | None = None
        self._opening: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        try:
            check_given_options()
        except StartError as problem:
            self._give_up(str(problem))
        loader.add_option(
            "gateway_definitions",
            str,
            str(self.root / "definitions"),
            "Folder of gateway.yaml, the API groups and the apps.",
        )
        loader.add_option(
            "gateway_policies",
            str,
            "",
            "Folder of policies, grants and bindings. Default: policies, beside the definitions.",
        )
        loader.add_option(
            "gateway_reuse_port",
            bool,
            False,
            "Share the port with other gateways of the same store. Start with --set server=false.",
        )
        loader.add_option(
            "gateway_supervisor",
            int,
            0,
            "The line to the supervisor; `apigateway serve --workers N` sets it.",
        )
        self._guard = Guard.install(ctx.master.addons)
        self._tls = TlsDoor.install(ctx.master.addons)
        keeper = Doorkeeper.install(ctx.master.addons, self.served_settings)
        self._listener = Listener.install(ctx.master.addons, keeper)
        speak_our_format(lambda: keeper.rules().style)
        try:
            changes = {**PROXY_OPTIONS, "mode": closed_modes(ctx.options.mode)}
        except StartError as problem:
            self._give_up(str(problem))
        if not self._guard.serving:
            changes["server"] = False
            if not ctx.options.listen_host:
                changes["listen_host"] = "127.0.0.1"
        ctx.options.update(**changes)

    def configure(self, updated: set[str]) -> None:
        if "mode" not in updated:
            return
        try:
            closed = closed_modes(ctx.options.mode)
        except StartError as problem:
            raise exceptions.OptionsError(str(problem)) from None
        if closed != list(ctx.options.mode):
            raise exceptions.OptionsError("a gateway forwards to no target of its own")

    def running(self) -> None:
        if not self._guard.serving:
            # On Python 3.12 and later mitmproxy opens its port a moment before it loads scripts
            # (the guard refuses what comes in by then), unless started with `server=false`.
            close_servers()
        try:
            if not self._guard.serving:
                self._listener.prepare()
            self._start()
        except (DefinitionError, StoreUnavailable, StartError) as problem:
            self._give_up(_told(problem))
        if not self._guard.serving and self.catalog is not None:
            self._opening = asyncio.create_task(self._open_port(), name="open the gateway's port")

    def done(self) -> "asyncio.Future[list[None]] | None":
        """What is returned is awaited at the end of the process; at a reload of the script, which
        cannot wait, it goes on by itself."""
        self.catalog = None
        if self._retrying is not None:
            self._retrying.cancel()
        closing = [self.backends.close()]
        if self._upkeep is not None:
            self._upkeep.stop()
            closing.append(asyncio.ensure_future(self._upkeep.closed()))
        self.store.close()
        return asyncio.gather(*filter(None, closing)) if any(closing) else None

    def served_settings(self) -> GatewaySettings | None:
        return None if self.catalog is None else self.catalog.settings

    def _start(self) -> None:
        """
        Raises:
            DefinitionError, StoreUnavailable, StartError
        """
        reader = UndisturbedReader(ProjectReader(*self._folders(), cached=True))
        with quietly():
            project = reader.read()
            for warning in project.warnings:
                logger.warning("%s", warning)
            if not self._guard.serving:
                self._listener.look_around(project.settings.store)
            self.store.open(project.settings)
            self.backends.open()
            reloader = Reloader(
                reader=reader,
                store=self.store,
                folders=reader.folders,
                on_loaded=self._serve,
                leads=self._listener.leads,
            )
            loaded = reloader.first(project)
            for notice in notices(project, self.store.releases.current()):
                logger.warning("%s", notice)
        gc.freeze()  # what was loaded stays: no later collection has to look at all of it
        self._upkeep = Upkeep(reloader, self.store, number=self._listener.number)
        self._upkeep.start()
        logger.info(
            "gateway: APIs served: %d, apps: %d, store: %s",
            len(loaded.catalog.served),
            len(loaded.catalog.apps),
            place_of(project.settings),
        )

    def _serve(self, loaded: Loaded, before: Loaded | None) -> None:
        """From the next call on, what was loaded; a call under way keeps what it began with."""
        self._tls.serve(loaded.catalog)
        self.catalog = loaded.catalog
        if before is not None and self._upkeep is not None:
            self._upkeep.changed(before.project, loaded)

    def _folders(self) -> tuple[Path, Path]:
        """Raises StartError for a folder that was asked for and is not there."""
        definitions = Path(ctx.options.gateway_definitions)
        if not ctx.options.gateway_policies:
            return definitions, policies_beside(definitions)
        policies = Path(ctx.options.gateway_policies)
        if not policies.is_dir():
            raise StartError(f"--set gateway_policies={policies}: there is no such folder")
        return definitions, policies

    async def _open_port(self) -> None:
        """A gateway without its port ends."""
        if await self._listener.open():
            self._guard.serving = True
        else:
            asyncio.get_running_loop().call_soon(sys.exit, 1)

    def _give_up(self, problem: str) -> None:
        """Say why and end with 1, or, in a gateway that is running, stay closed until it is
        mended."""
        if self._guard.serving:
            logger.error("the gateway answers 503 until this is mended:\n%s", problem)
            self._retrying = asyncio.create_task(self._try_again(problem), name="start again")
            return
        print(problem, file=sys.stderr, flush=True)
        sys.exit(1)

    async def _try_again(self, told: str) -> None:
        while True:
            await asyncio.sleep(TRY_AGAIN_S)
            try:
                self._start()
            except (DefinitionError, StoreUnavailable, StartError) as problem:
                if (now := _told(problem)) != told:
                    told = now
                    logger.error("the gateway answers 503 until this is mended:\n%s", told)
            else:
                logger.info("the gateway answers again")
                return


def _told(problem: Exception) -> str:
    if isinstance(problem, DefinitionError):
        return "\n".join(map(str, problem.problems))
    return str(problem)
