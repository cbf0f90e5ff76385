"""What this process tells of itself in the store, and which of those that told still run."""

import contextlib
import os
import socket
from collections.abc import Iterable, Sequence

from apigateway import __version__
from apigateway.live.loading import Loaded
from apigateway.live.reloader import Tally
from apigateway.model.worker import WorkerStatus

REPORT_EVERY_S = 5.0
SILENT_MS = 20_000
"""A process that said nothing for so long is not counted on."""


def status_of(
    loaded: Loaded | None, tally: Tally, *, number: int, started_ms: int, now_ms: int
) -> WorkerStatus:
    """How this process is now."""
    return WorkerStatus(
        machine=socket.gethostname(),
        process=os.getpid(),
        number=number,
        version=__version__,
        started_ms=started_ms,
        seen_ms=now_ms,
        loaded_ms=tally.loaded_ms,
        load_ms=tally.took_ms,
        catalog=loaded.digest if loaded else "",
        changes=loaded.changes if loaded else 0,
        apis=len(loaded.catalog.served) if loaded else 0,
        apps=len(loaded.catalog.apps) if loaded else 0,
        reloads=tally.reloads,
        failed_reloads=tally.failed,
        failed_ms=tally.failed_ms,
        problems="\n".join(tally.problems),
    )


def running(statuses: Iterable[WorkerStatus], now_ms: int) -> Sequence[WorkerStatus]:
    """Those of this machine that still run."""
    machine = socket.gethostname()
    return [
        status
        for status in statuses
        if status.machine == machine
        and now_ms - status.seen_ms < SILENT_MS
        and _is_there(status.process)
    ]


def _is_there(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        try:
            os.kill(process, 0)
        except PermissionError:
            return True
        return True
    return False
