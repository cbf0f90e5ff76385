"""One SQLite connection and the manners every user of it keeps.

The database is in WAL mode, `synchronous=NORMAL`: a killed process loses nothing, a power cut
may take back the last moments but never corrupts. No connection checkpoints by itself: a
checkpoint waits for the disk, and only the recorder's thread may do that.
"""

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from apigateway.ports import StoreUnavailable

T = TypeVar("T")

_WAL_KEPT_BYTES = 1024 * 1024


class StoreBusy(StoreUnavailable):
    """Another connection holds the write lock; asking again may help."""


def is_busy(error: BaseException) -> bool:
    """True when `error` says that a lock is held elsewhere (extended codes included)."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_BUSY


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection in autocommit, which waits up to `busy_timeout_s` for a lock.

    Any thread may use it; the caller sees to it that only one does at a time.
    """
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}")
        connection.execute(f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock; commit at the end, roll back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Leave whatever transaction is open; an error on the way out must not hide the first one."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


class Connection:
    """A connection that opens and closes with its store and is used under one lock."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._path, busy_timeout_s=self._busy_timeout_s)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Let `work` use the connection; whatever it left open is rolled back when it fails.

        Raises:
            StoreBusy: a lock was held for longer than the busy timeout.
            StoreUnavailable: not open, or any other error of SQLite or of the system.
        """
        with self._lock:
            connection = self._connection
            if connection is None:
                raise StoreUnavailable(f"{self._path} is not open")
            try:
                return work(connection)
            except (sqlite3.Error, OSError) as error:
                roll_back(connection)
                kind = StoreBusy if is_busy(error) else StoreUnavailable
                raise kind(f"{self._path}: {error}") from error
            except BaseException:
                roll_back(connection)
                raise

    async def run_patiently(self, work: Callable[[sqlite3.Connection], T], patience_s: float) -> T:
        """As `run`, but a held lock is awaited beside the event loop for `patience_s`.

        The first attempt is made at once and without giving way to other tasks. No lock is held
        across an await, so a cancelled caller leaves nothing behind.
        """
        deadline: float | None = None
        while True:
            try:
                return self.run(work)
            except StoreBusy:
                now = time.monotonic()
                if deadline is None:
                    deadline = now + patience_s
                elif now >= deadline:
                    raise
            # Drawn by lot, so that waiting processes do not meet again at the same moment.
            await asyncio.sleep(random.uniform(0.0005, 0.003))
