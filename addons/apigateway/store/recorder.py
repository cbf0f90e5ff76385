"""The thread behind the calls: it writes record batches, checkpoints the log and purges.

Whatever waits for the disk happens here, never on the event loop's thread.

The queue is bounded. Who appends to a full one waits `full_wait_s`, then the record is taken all
the same: that happens only while the database cannot be written, and then a record lost is
worse than a little memory. The wait is what bounds the memory: it slows the gateway down to some
tens of calls a second, calls that it must refuse anyhow because its counters cannot be written.
"""

import contextlib
import logging
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from apigateway.model.record import CallRecord
from apigateway.store.calls import write
from apigateway.store.connection import connect

logger = logging.getLogger(__name__)

BATCH_RECORDS = 1_000
BATCH_WAIT_S = 0.05
TICK_S = 1.0
BUSY_TIMEOUT_S = 2.0
BACKOFF_S = (0.1, 5.0)
CHECKPOINT_BYTES = 4 * 1024 * 1024
RESTART_BYTES = 256 * 1024 * 1024
PURGE_ROWS = 500
PURGE_ROUNDS = 20
# Between two transactions of this thread, so that calls find the lock free.
BREATH_S = 0.005

Purge = Callable[[sqlite3.Connection, int], int]


class Recorder:
    """Takes records from any thread. Runs between `start` and `stop`, any number of times.

    `purges` each deal with up to a number of rows and return how many; fewer mean that there is
    nothing more to do now.
    """

    def __init__(
        self,
        path: Path,
        *,
        capacity: int,
        full_wait_s: float = 0.02,
        close_patience_s: float = 5.0,
    ) -> None:
        self.purges: tuple[Purge, ...] = ()
        self._path = path
        self._capacity = capacity
        self._full_wait_s = full_wait_s
        self._close_patience_s = close_patience_s
        lock = threading.Lock()
        self._filled = threading.Condition(lock)
        self._space = threading.Condition(lock)
        self._pending: deque[CallRecord] = deque()
        self._thread: threading.Thread | None = None
        self._before: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        with self._filled:
            if self._thread is not None:
                return
            self._stopping = threading.Event()
            run = partial(self._run, self._before)
            self._thread = threading.Thread(target=run, name="call-records", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what is queued and end. What could not be written is reported, and kept for the
        next `start`."""
        with self._filled:
            thread, self._thread = self._thread, None
            self._before = thread or self._before
            self._stopping.set()
            self._filled.notify_all()
            self._space.notify_all()
        if thread is None:
            return
        thread.join(self._close_patience_s + 3 * BUSY_TIMEOUT_S)
        with self._filled:
            left = len(self._pending)
        if left or thread.is_alive():
            logger.error("%d call records could not be written to %s", left, self._path)

    def put(self, record: CallRecord) -> bool:
        """Queue a record. False when not running: then nothing was queued."""
        with self._filled:
            if len(self._pending) >= self._capacity and self._thread is not None:
                self._space.wait(self._full_wait_s)
            if self._thread is None:
                return False
            self._pending.append(record)
            # Any other length wakes nobody: the thread is at work, or lets a batch gather.
            if len(self._pending) in (1, BATCH_RECORDS):
                self._filled.notify()
            return True

    def _run(self, before: threading.Thread | None) -> None:
        stopping = self._stopping
        if before is not None:  # still at what it could not write in time: nothing is written twice
            before.join()
        connection: sqlite3.Connection | None = None
        failures = 0
        give_up = math.inf
        next_tick = 0.0
        while True:
            batch = self._gather(stopping, next_tick)
            if stopping.is_set():
                give_up = min(give_up, time.monotonic() + self._close_patience_s)
                if not batch or (failures and time.monotonic() >= give_up):
                    break
            try:
                if connection is None:
                    connection = connect(self._path, busy_timeout_s=BUSY_TIMEOUT_S)
                self._write(connection, batch)
                if time.monotonic() >= next_tick:
                    self._purge(connection, stopping)
                    next_tick = time.monotonic() + TICK_S
            except Exception as error:
                failures += 1
                if failures == 1:
                    logger.error("%s cannot be written (%s); records are kept", self._path, error)
                if connection is not None:
                    connection.close()
                    connection = None
                _back_off(failures, stopping)
            else:
                if failures:
                    logger.warning("%s can be written again", self._path)
                failures = 0
        if connection is not None:
            connection.close()

    def _gather(self, stopping: threading.Event, until: float) -> Sequence[CallRecord]:
        """The next batch, oldest first; none when there is nothing by `until` or at the end.

        It stays in the queue until it is written.
        """
        with self._filled:
            wait_s = max(0.0, until - time.monotonic())
            self._filled.wait_for(lambda: self._pending or stopping.is_set(), wait_s)
            if self._pending:
                self._filled.wait_for(
                    lambda: len(self._pending) >= BATCH_RECORDS or stopping.is_set(), BATCH_WAIT_S
                )
            return list(islice(self._pending, BATCH_RECORDS))

    def _write(self, connection: sqlite3.Connection, batch: Sequence[CallRecord]) -> None:
        # The first write after a checkpoint waits for the disk once more: with the batch right
        # behind it, that write is this thread's and not a call's.
        checkpoint(connection, self._path)
        if not batch:
            return
        write(connection, batch)
        with self._filled:
            for _ in batch:
                self._pending.popleft()
            self._space.notify_all()
        if len(batch) == BATCH_RECORDS:
            time.sleep(BREATH_S)

    def _purge(self, connection: sqlite3.Connection, stopping: threading.Event) -> None:
        for purge in self.purges:
            for _ in range(PURGE_ROUNDS):
                if stopping.is_set() or purge(connection, PURGE_ROWS) < PURGE_ROWS:
                    break
                time.sleep(BREATH_S)


def _back_off(failures: int, stopping: threading.Event) -> None:
    """Wait before the next attempt, longer each time; at the end of the store, only a little."""
    shortest_s, longest_s = BACKOFF_S
    if stopping.is_set():
        time.sleep(shortest_s)
    else:
        stopping.wait(min(shortest_s * 2 ** min(failures - 1, 10), longest_s))


def checkpoint(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the write-ahead log back into the database when it has grown.

    A passive checkpoint holds nobody up, but under steady load it never meets the end of the
    log, which therefore never starts anew. Far too long a log is worth a short lock: the rest is
    copied while writers wait, and the log starts anew. That waits for the disk: some 20 ms, at full
    load at most every ten seconds or so.
    """
    log = path.with_name(path.name + "-wal")
    with contextlib.suppress(FileNotFoundError):
        size = log.stat().st_size
        if size < CHECKPOINT_BYTES:
            return
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if size >= RESTART_BYTES:
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
