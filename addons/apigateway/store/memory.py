"""The ports without a file. For tests only: nothing is shared between processes or kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apigateway.ledgers import SeparateLedger
from apigateway.model.record import CallRecord
from apigateway.ports import Limit, StoreUnavailable, Tally
from apigateway.store.memory_desk import (
    MemoryAudit,
    MemoryDomainBindings,
    MemoryReleases,
    MemoryWorkers,
)
from apigateway.store.windows import Count, charge, count_at, distinct_keys, look


class MemoryStore:
    """All ports. Open when made, so that a test need not; `close` makes it unavailable."""

    def __init__(self) -> None:
        self.counters = MemoryCounters()
        self.nonces = MemoryNonces()
        self.ledger = SeparateLedger(self.counters, self.nonces)
        self.audit = MemoryAudit()
        self.releases = MemoryReleases(self.audit)
        self.domain_bindings = MemoryDomainBindings(self.releases)
        self.workers = MemoryWorkers()
        self.calls = MemoryCalls()

    def open(self) -> None:
        self.counters.available = self.nonces.available = True

    def close(self) -> None:
        self.counters.available = self.nonces.available = False


class MemoryCounters:
    def __init__(self) -> None:
        self.available = True
        self._counts: dict[str, Count] = {}

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        if not distinct_keys(limits):
            return Tally(())
        if not self.available:
            raise StoreUnavailable("closed")
        tally, counts = charge(limits, self._counts, now_ms)
        self._counts.update((count.key, count) for count in counts)
        return tally

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        if not distinct_keys(limits):
            return Tally(())
        if not self.available:
            raise StoreUnavailable("closed")
        counts = [count_at(self._counts.get(limit.key), limit, now_ms) for limit in limits]
        return look(limits, counts, now_ms)


class MemoryNonces:
    def __init__(self) -> None:
        self.available = True
        self._expires_ms: dict[tuple[str, str], int] = {}

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        if not self.available:
            raise StoreUnavailable("closed")
        if self._expires_ms.get((app_key, nonce), now_ms) > now_ms:
            return False
        self._expires_ms[app_key, nonce] = now_ms + lifetime_ms
        return True


class MemoryCalls:
    def __init__(self) -> None:
        self._records: list[CallRecord] = []

    def append(self, record: CallRecord) -> None:
        self._records.append(record)

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        found = [
            replace(record, trail=None)
            for record in reversed(self._records)
            if request_id in ("", record.request_id)
        ]
        return found[: max(0, limit)]

    def trail(self, request_id: str) -> Mapping[str, Any] | None:
        for record in reversed(self._records):
            if record.request_id == request_id and record.trail is not None:
                return record.trail
        return None
