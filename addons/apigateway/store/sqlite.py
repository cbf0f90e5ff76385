"""The store that serves: one SQLite file, safe for any number of processes of one machine."""

import atexit
import sqlite3
import threading
from pathlib import Path

from apigateway.ports import StoreUnavailable
from apigateway.store.audit import SqliteAudit
from apigateway.store.calls import SqliteCalls
from apigateway.store.connection import Connection
from apigateway.store.counters import SqliteCounters
from apigateway.store.domain_bindings import SqliteDomainBindings
from apigateway.store.ledger import SqliteLedger
from apigateway.store.migrations import prepare
from apigateway.store.nonces import SqliteNonces
from apigateway.store.recorder import Recorder
from apigateway.store.releases import SqliteReleases
from apigateway.store.workers import SqliteWorkers

_DESK_PATIENCE_S = 5.0


class SqliteStore:
    """All ports on one file. Made unopened and at no cost; its ports may be handed on at once.

    Before `open` and after `close` every port raises StoreUnavailable; only a call record is then
    written at once, by whoever appends it.

    Two connections serve the ports: the ledger, and so `take` and `claim`, has one that never waits
    for a lock (a held one is awaited, at most `patience_s`), all the rest have one that does. The
    recorder's thread has a third.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        patience_s: float = 2.0,
        queue_records: int = 10_000,
        keep_records: int = 1_000_000,
        keep_trails: int = 100_000,
    ) -> None:
        self.path = Path(path)
        self._opening = threading.Lock()
        self._opened = False
        self._hot = Connection(self.path, busy_timeout_s=0)
        self._desk = Connection(self.path, busy_timeout_s=_DESK_PATIENCE_S)
        self._recorder = Recorder(self.path, capacity=queue_records)
        self.ledger = SqliteLedger(self._hot, patience_s=patience_s)
        self.counters = SqliteCounters(self._hot, self.ledger, patience_s=patience_s)
        self.nonces = SqliteNonces(self.ledger)
        self.releases = SqliteReleases(self._desk)
        self.audit = SqliteAudit(self._desk)
        self.domain_bindings = SqliteDomainBindings(self._desk)
        self.workers = SqliteWorkers(self._desk)
        self.calls = SqliteCalls(
            self.path,
            self._desk,
            self._recorder.put,
            keep_records=keep_records,
            keep_trails=keep_trails,
        )
        self._recorder.purges = (
            self.counters.purge,
            self.nonces.purge,
            self.calls.purge,
            self.calls.purge_trails,
            self.audit.purge,
        )

    def open(self) -> None:
        """Create the database or bring it up to date, and start. Does nothing when open.

        The folder is made for its owner alone (0700), and so is the file (0600).

        Raises:
            StoreTooNew: the database was written by a newer version.
            StoreUnavailable: it cannot be opened.
        """
        with self._opening:
            if self._opened:
                return
            try:
                prepare(self.path)
                self._hot.open()
                self._desk.open()
            except (sqlite3.Error, OSError) as error:
                self._hot.close()
                raise StoreUnavailable(f"{self.path} cannot be opened: {error}") from error
            self._recorder.start()
            self._opened = True
            # The thread is a daemon: without a close its last batch would go with the process.
            atexit.register(self.close)

    def close(self) -> None:
        """Write the queued records and close. Does nothing when not open; `open` works again."""
        with self._opening:
            if not self._opened:
                return
            self._opened = False
            atexit.unregister(self.close)
            self._recorder.stop()
            self._hot.close()
            self._desk.close()
