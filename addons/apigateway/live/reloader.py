"""When to look for changes, what to do with them, and what to say about it.

There is a reason to look when the file system says so, when the number of the store's changes is
another one, and every now and then anyway (file systems of other machines say nothing). A look
that finds nothing new costs little and changes nothing. What is new is loaded in a thread while
calls go on, and is then served from one call to the next: `on_loaded` is called in the event loop.

Files may be seen while they are written, or missed while they are replaced: what they say is
believed, and what is wrong with them told, when a second look a moment later finds the same. What
cannot be loaded changes nothing, and is tried again at every reason to look; what the store says
is followed meanwhile.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apigateway.definition.problems import DefinitionError, Problem
from apigateway.definition.project import Project
from apigateway.live.loading import Lived, Loaded, Reader, load
from apigateway.live.quiet import let_go, quietly
from apigateway.live.watch import FileWatch
from apigateway.ports import StoreUnavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

Said = Project | tuple[Problem, ...]
"""What files come to: a project, or what is wrong with it."""

POLL_STORE_S = 0.2
LOOK_ANYWAY_S = 1.0
SETTLE_S = 0.15
"""How long after a look that found something new the next one is made that it is compared to."""

KEEP_AFTER_S = 2.0

MOST_LOOKS = 4
"""Files that are another each time are believed at last."""

MOST_TOLD = 20
"""Releases that a load made by itself and that are named in the log."""

MANY = 1000
LET_GO_AFTER_S = 60.0
"""Of what is served no more: a call may take half a minute."""

_REST = 3
"""A look that took t is followed by a rest of three t, one that comes by itself by a hundred."""

_LONGEST_REST_S = 2.0

_REST_OF_LOOKS_ANYWAY = 100


@dataclass(slots=True)
class Tally:
    """What became of all loads of this process; times are milliseconds since the epoch."""

    reloads: int = 0
    failed: int = 0
    loaded_ms: int = 0
    failed_ms: int = 0
    problems: tuple[str, ...] = ()
    took_ms: float = 0.0


@dataclass(slots=True)
class Reloader:
    """Keeps what is served up to date. `serving` is what is served; None until a first load.
    `cost_s` is what the last look took, without its waits."""

    reader: Reader
    store: Lived
    folders: Sequence[Path]
    on_loaded: Callable[[Loaded, Loaded | None], None]
    on_told: Callable[[], None] = lambda: None
    leads: bool = True
    serving: Loaded | None = None
    tally: Tally = field(default_factory=Tally)
    cost_s: float = 0.0
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _watch: FileWatch | None = None
    _said: Said | None = None
    _told: tuple[str, ...] = ()
    _warned: Set[tuple[str, str]] = frozenset()

    def first(self, project: Project) -> Loaded:
        """Load for the first time, at once.

        Raises:
            DefinitionError, StoreUnavailable
        """
        loaded = load(project, self.store, None, leads=self.leads, now_ms=_now_ms())
        self._said = project
        self._warned = _warnings_of(project).keys()
        self._take(loaded, loaded.took_ms)
        return loaded

    def start(self) -> None:
        """Follow the changes from now on; needs the running event loop."""
        if self._tasks:
            return
        loop = asyncio.get_running_loop()

        def is_due() -> None:  # in a thread of the watch, which may outlive the loop by a moment
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._due.set)

        self._watch = FileWatch(is_due)
        self._follow()
        self._tasks = [
            asyncio.create_task(self._look_when_due(), name="reload definitions"),
            asyncio.create_task(self._ask_the_store(), name="look for changes in the store"),
            asyncio.create_task(self._look_anyway(), name="look for changed files"),
        ]
        if self.leads:
            self._tasks.append(asyncio.create_task(self._keep(), name="keep what was read"))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    async def look(self) -> bool:
        """Load what has changed, if anything has; whether something else is served now."""
        self.cost_s = 0.0
        problems: tuple[str, ...] = ()
        before = self.serving
        try:
            project = await self._settled()
            loaded: Loaded | None = await self._loaded(project)
            self._warn(project)
        except DefinitionError as error:
            problems = tuple(map(str, error.problems))
            loaded = before
            if before is not None:
                with contextlib.suppress(DefinitionError, StoreUnavailable):
                    loaded = await self._loaded(before.project)
        except StoreUnavailable as problem:
            problems, loaded = (f"the store cannot be read: {problem}",), before
        if loaded is not None and loaded is not before:
            self._take(loaded, self.cost_s * 1000)
        if problems:
            self._fail(problems)
        else:
            self._mended()
        return loaded is not before

    async def _settled(self) -> Project:
        """What the files say, when they say the same twice or are as they were.

        Raises: DefinitionError
        """
        served = self.serving.project if self.serving else None
        said = await self._read()
        for _ in range(MOST_LOOKS - 1):
            if said is served or _says_the_same(said, self._said):
                break
            self._said = said
            await asyncio.sleep(SETTLE_S)
            said = await self._read()
        self._said = said
        if isinstance(said, tuple):
            raise DefinitionError(said)
        return said

    async def _read(self) -> Said:
        """The project, or what is wrong with it."""
        try:
            return await self._beside_calls(self.reader.read)
        except DefinitionError as error:
            return error.problems

    async def _loaded(self, project: Project) -> Loaded:
        """
        Raises:
            DefinitionError
            StoreUnavailable: twice, a moment apart.
        """

        def work() -> Loaded:
            return load(project, self.store, self.serving, leads=self.leads, now_ms=_now_ms())

        try:
            return await self._beside_calls(work)
        except StoreUnavailable:
            await asyncio.sleep(SETTLE_S)
            return await self._beside_calls(work)

    async def _beside_calls(self, work: Callable[[], T]) -> T:
        """In a thread, and on the bill of this look."""

        def quiet() -> T:
            with quietly():
                return work()

        began = time.monotonic()
        try:
            return await asyncio.to_thread(quiet)
        finally:
            self.cost_s += time.monotonic() - began

    def _take(self, loaded: Loaded, took_ms: float) -> None:
        before = self.serving
        self.on_loaded(loaded, before)
        self.serving = loaded
        self.tally.loaded_ms, self.tally.took_ms = _now_ms(), took_ms
        if before is not None:
            self.tally.reloads += 1
            logger.info("reload: %s (%.0f ms)", loaded.news, took_ms)
        for release in loaded.released[:MOST_TOLD]:
            logger.info(
                "released %s/%s to %s, version %s",
                release.group,
                release.api,
                release.environment,
                release.version,
            )
        if len(loaded.released) > MOST_TOLD:
            logger.info("released %d more", len(loaded.released) - MOST_TOLD)
        if len(loaded.replaced) > MANY:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks.append(asyncio.create_task(_let_go_later(loaded.replaced)))
        self.on_told()

    def _warn(self, project: Project) -> None:
        """Of what the look before did not warn of. Several processes look; one of them says it."""
        found = _warnings_of(project)
        for what, warning in found.items():
            if self.leads and what not in self._warned:
                logger.warning("reload: %s", warning)
        self._warned = found.keys()

    def _mended(self) -> None:
        if not self.tally.problems:
            return
        self.tally.problems = self._told = ()
        self.on_told()
        logger.info("reload: the problems are mended")

    def _fail(self, problems: tuple[str, ...]) -> None:
        """The same problems are told once, however often they are met."""
        self.tally.problems = problems
        if problems == self._told:
            return
        self._told = problems
        self.tally.failed += 1
        self.tally.failed_ms = _now_ms()
        self.on_told()
        rest = "what was served before goes on" if self.serving else "calls are answered 503"
        logger.error("reload: nothing has changed, %s:\n%s", rest, "\n".join(problems))

    def _follow(self) -> None:
        if self._watch is not None:
            self._watch.follow(self.folders, self.reader.files)

    async def _look_when_due(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.look()
                await self._beside_calls(self._follow)
            except Exception as bug:  # a loop that ended would never reload again
                problems = (f"a bug ({type(bug).__name__}: {bug}); see the log",)
                if problems != self._told:
                    logger.exception("reload: a bug; what was served before goes on")
                self._fail(problems)
            await asyncio.sleep(min(self.cost_s * _REST, _LONGEST_REST_S))

    async def _ask_the_store(self) -> None:
        while True:
            await asyncio.sleep(POLL_STORE_S)
            with contextlib.suppress(StoreUnavailable):  # calls say so
                changes = await asyncio.to_thread(self.store.releases.changes)
                if self.serving is not None and changes != self.serving.changes:
                    self._due.set()

    async def _keep(self) -> None:
        """What was read is kept for the next start, when it has been served for a while."""
        kept: Said | None = None
        while True:
            await asyncio.sleep(KEEP_AFTER_S)
            if self._said is kept or not isinstance(self._said, Project):
                continue
            kept = self._said
            try:
                await asyncio.to_thread(self._keep_quietly)
            except Exception:  # the next start reads the files themselves
                logger.exception("what was read could not be kept for the next start")

    def _keep_quietly(self) -> None:
        with quietly():
            self.reader.keep()

    async def _look_anyway(self) -> None:
        while True:
            await asyncio.sleep(max(LOOK_ANYWAY_S, self.cost_s * _REST_OF_LOOKS_ANYWAY))
            self._due.set()


def _warnings_of(project: Project) -> Mapping[tuple[str, str], Problem]:
    """By file and text: lines move with every edit above them."""
    return {(one.file, one.what): one for one in project.warnings}


def _says_the_same(said: Said, before: Said | None) -> bool:
    """A reader gives the very same project when nothing in it is another."""
    return said is before or (isinstance(said, tuple) and said == before)


async def _let_go_later(parts: list[object]) -> None:
    """When no call is under way any more that began with them."""

    def work() -> None:
        with quietly():
            let_go(parts)

    await asyncio.sleep(LET_GO_AFTER_S)
    await asyncio.to_thread(work)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
