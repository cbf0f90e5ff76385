"""The ports before the store is known: stages are linked first, the settings are read later.

Which engine serves is said by the settings; here is the one place that chooses it.
"""

from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apigateway.model.record import CallRecord
from apigateway.model.settings import GatewaySettings
from apigateway.ports import (
    Audit,
    DomainBindings,
    Limit,
    NonceClaim,
    Releases,
    StoreUnavailable,
    Tally,
    Workers,
)
from apigateway.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from apigateway.store.redis import RedisStore

NO_REDIS = (
    "gateway.yaml names a Redis store, and the package redis is not installed; install it: "
    "pip install 'mitm-apigateway[redis]'"
)


def store_of(settings: GatewaySettings) -> "SqliteStore | RedisStore":
    """The store that the settings ask for, unopened.

    Raises:
        StoreUnavailable: its client is not installed.
    """
    if settings.redis is None:
        return SqliteStore(settings.store)
    try:
        from apigateway.store.redis import RedisStore
    except ImportError as problem:
        raise StoreUnavailable(NO_REDIS) from problem
    return RedisStore(settings.redis, settings.store)


def place_of(settings: GatewaySettings) -> str:
    """Where the store is, as people read it. A URL in the settings holds no password."""
    if settings.redis is None:
        return str(settings.store)
    return f"{settings.redis.url}, call records: {settings.store}"


class StoreDoor:
    """Ledger, Counters, Nonces and Calls of the store that is open; closed, it refuses.

    A record that comes after `close` is still written: the proxy ends its last calls then.
    """

    def __init__(self) -> None:
        self._store: SqliteStore | RedisStore | None = None
        self._is_open = False

    def open(self, settings: GatewaySettings) -> None:
        """
        Raises:
            StoreUnavailable: the store cannot be opened; the text says why.
        """
        self.close()
        store = store_of(settings)
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

    @property
    def audit(self) -> Audit:
        return self._opened().audit

    @property
    def domain_bindings(self) -> DomainBindings:
        return self._opened().domain_bindings

    @property
    def workers(self) -> Workers:
        return self._opened().workers

    def spend(
        self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int
    ) -> Coroutine[Any, Any, Tally]:
        return self._opened().ledger.spend(claim, limits, now_ms)

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._opened().counters.take(limits, now_ms)

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._opened().counters.look(limits, now_ms)

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        return await self._opened().nonces.claim(app_key, nonce, now_ms, lifetime_ms)

    def append(self, record: CallRecord) -> None:
        if self._store is not None:
            self._store.calls.append(record)

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        return self._opened().calls.query(request_id=request_id, limit=limit)

    def trail(self, request_id: str) -> Mapping[str, Any] | None:
        return self._opened().calls.trail(request_id)

    def _opened(self) -> "SqliteStore | RedisStore":
        if self._store is None or not self._is_open:
            raise StoreUnavailable("not open")
        return self._store
