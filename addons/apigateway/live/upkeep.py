"""What a gateway does beside its calls: reload, look after domains, tell how it is.

One add-on starts and stops it. Nothing here is on the path of a call, and nothing that fails
here ends it: it is logged, and tried again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from apigateway.definition.project import Project
from apigateway.domains.keeper import DomainKeeper
from apigateway.lifecycle.start import BY_ITSELF
from apigateway.live.loading import Loaded
from apigateway.live.metrics_server import MetricsServer
from apigateway.live.reloader import Reloader
from apigateway.live.status import REPORT_EVERY_S, status_of
from apigateway.model.audit import AuditEntry
from apigateway.model.worker import WorkerStatus
from apigateway.ports import Audit, DomainBindings, Releases, StoreUnavailable, Workers

logger = logging.getLogger(__name__)

_LOOK_AT_DOMAINS_EVERY_S = 5.0


class Store(Protocol):
    @property
    def releases(self) -> Releases: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def domain_bindings(self) -> DomainBindings: ...
    @property
    def workers(self) -> Workers: ...


class Upkeep:
    """Of one process. The worker with the lowest `number` (1, or 0 where there is one process)
    does what is to be done once: domains, and the audit log of changed files."""

    def __init__(self, reloader: Reloader, store: Store, *, number: int) -> None:
        self._reloader = reloader
        self._store = store
        self._number = number
        self._does_what_is_done_once = number <= 1
        self._started_ms = _now_ms()
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._metrics = MetricsServer(store.workers)

    def start(self) -> None:
        """Needs the running event loop."""
        self._reloader.on_told = self.tell
        self._reloader.start()
        self._run(self._report(), "report the status")
        if self._does_what_is_done_once:
            self._run(self._keep_domains(), "look after domains")
        serving = self._reloader.serving
        if serving is not None and serving.catalog.settings.metrics is not None:
            self._run(self._open_metrics(*serving.catalog.settings.metrics), "serve metrics")

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._reloader.stop()
        with contextlib.suppress(StoreUnavailable):
            status = self.status()
            self._store.workers.forget(status.machine, status.process)

    async def closed(self) -> None:
        """Wait for what `stop` cannot end at once."""
        await self._metrics.close()

    def tell(self) -> None:
        """Something is to be reported before the next turn."""
        self._news.set()

    def changed(self, before: Project, after: Loaded) -> None:
        """Put into the audit log what another project than before changes."""
        if not self._does_what_is_done_once or before is after.project:
            return
        if not after.differences:
            return
        entry = AuditEntry(
            at_ms=_now_ms(),
            by=BY_ITSELF,
            action="reload",
            subject="definitions",
            note="files were changed",
            after=after.differences,
        )
        self._run(_in_a_thread(partial(self._store.audit.write, [entry])), "write the audit log")

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(work, name=name))

    def status(self) -> WorkerStatus:
        """How this process is now."""
        return status_of(
            self._reloader.serving,
            self._reloader.tally,
            number=self._number,
            started_ms=self._started_ms,
            now_ms=_now_ms(),
        )

    async def _report(self) -> None:
        while True:
            self._news.clear()
            await _in_a_thread(partial(self._store.workers.report, self.status()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_EVERY_S):
                    await self._news.wait()

    async def _keep_domains(self) -> None:
        keeper = DomainKeeper(self._store.domain_bindings, self._store.audit)
        while True:
            if self._reloader.serving is not None:
                try:
                    await keeper.look(self._reloader.serving.project, _now_ms())
                except StoreUnavailable as problem:
                    logger.debug("domains are looked at later: %s", problem)
                except Exception:  # a keeper that ended would never let a domain lapse
                    logger.exception("cannot look after the domains")
            await asyncio.sleep(_LOOK_AT_DOMAINS_EVERY_S)

    async def _open_metrics(self, host: str, port: int) -> None:
        try:
            await self._metrics.open(host, port)
        except OSError as problem:
            logger.error(
                "metrics cannot be served on %s:%d: %s; choose another address as metrics in "
                "gateway.yaml",
                host,
                port,
                problem.strerror or problem,
            )
        else:
            logger.info("metrics are served on http://%s:%d/metrics", host, port)


async def _in_a_thread(work: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(work)
    except StoreUnavailable as problem:
        logger.debug("not written to the store: %s", problem)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
