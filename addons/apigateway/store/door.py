"""The ports before the store is known: stages are linked first, the settings are read later.

Which engine serves is said by the settings; here is the one place that chooses it.
"""

from collections.abc import Sequence
from pathlib import Path

from apigateway.model.record import CallRecord
from apigateway.ports import Limit, Releases, StoreUnavailable, Tally
from apigateway.store.sqlite import SqliteStore


class StoreDoor:
    """Counters, Nonces and Calls of the store that is open; closed, it refuses.

    A record that comes after `close` is still written: the proxy ends its last calls then.
    """

    def __init__(self) -> None:
        self._store: SqliteStore | None = None
        self._is_open = False

    def open(self, path: Path) -> None:
        """
        Raises:
            StoreUnavailable: the store cannot be opened; the text says why.
        """
        self.close()
        store = SqliteStore(path)
        store.open()
        self._store, self._is_open = store, True

    def close(self) -> None:
        """Write what is queued and let go of the files."""
        if self._store is not None:
            self._store.close()
        self._is_open = False

    @property
    def releases(self) -> Releases:
        return self._opened().releases

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._opened().counters.take(limits, now_ms)

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        return await self._opened().nonces.claim(app_key, nonce, now_ms, lifetime_ms)

    def append(self, record: CallRecord) -> None:
        if self._store is not None:
            self._store.calls.append(record)

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        return self._opened().calls.query(request_id=request_id, limit=limit)

    def _opened(self) -> SqliteStore:
        if self._store is None or not self._is_open:
            raise StoreUnavailable("not open")
        return self._store
