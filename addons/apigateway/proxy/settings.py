"""The gateway in mitmproxy: its start and its stop.

mitmproxy fails open in several ways; what is set here closes them (README, "Fail closed"): the
only mode is a reverse proxy to an address that nobody has, no connection is made before a call
is decided, and the listener opens when everything is loaded.
"""

import asyncio
import gc
import logging
import sys
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from apigateway.backends.resolver import SystemResolver
from apigateway.backends.sending import Backends
from apigateway.definition.places import policies_beside
from apigateway.definition.problems import DefinitionError
from apigateway.definition.reader import ProjectReader
from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.edge.refusals import speak_our_format
from apigateway.editing.reading import UndisturbedReader
from apigateway.lifecycle.start import notices
from apigateway.live.loading import Loaded
from apigateway.live.quiet import quietly
from apigateway.live.reloader import Reloader
from apigateway.live.upkeep import Upkeep
from apigateway.model.catalog import Catalog
from apigateway.model.settings import GatewaySettings
from apigateway.model.worker import WorkerStatus
from apigateway.ports import StoreUnavailable
from apigateway.proxy.guard import Guard
from apigateway.proxy.listener import Listener, StartError, close_servers
from apigateway.proxy.live_trail import LiveTrail, keep_in_har
from apigateway.proxy.options import PROXY_OPTIONS, add_options, check_given_options, closed_modes
from apigateway.proxy.tls import TlsDoor
from apigateway.store.door import StoreDoor, place_of

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 1.0


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
        self.live_trail = LiveTrail()
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
        add_options(loader, self.root)
        self._guard = Guard.install(ctx.master.addons)
        self._tls = TlsDoor.install(ctx.master.addons)
        keeper = Doorkeeper.install(ctx.master.addons, self.served_settings)
        self._listener = Listener.install(ctx.master.addons, keeper)
        speak_our_format(lambda: keeper.rules().style)
        keep_in_har(ctx.master)
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
        self.live_trail.configure(updated)
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

    def done(self) -> "asyncio.Future[None] | None":
        """What is returned is awaited at the end of the process; at a reload of the script, which
        cannot wait, it goes on by itself."""
        self.catalog = None
        if self._retrying is not None:
            self._retrying.cancel()
        self.backends.close()
        closing = None
        if self._upkeep is not None:
            self._upkeep.stop()
            closing = asyncio.ensure_future(self._upkeep.closed())
        self.store.close()
        return closing

    def served_settings(self) -> GatewaySettings | None:
        return None if self.catalog is None else self.catalog.settings

    def status(self) -> WorkerStatus | None:
        """How this process is now; None before its start is over."""
        return None if self._upkeep is None else self._upkeep.status()

    @staticmethod
    def place(settings: GatewaySettings) -> str:
        """Where the store is, as people read it."""
        return place_of(settings)

    def _start(self) -> None:
        """
        Raises:
            DefinitionError, StoreUnavailable, StartError
        """
        reader = UndisturbedReader(ProjectReader(*self._folders(), cached=True, resumes=True))
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
        if self._guard.serving:  # loaded anew: what was loaded before was set apart, and goes
            gc.unfreeze()
            gc.collect()
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
