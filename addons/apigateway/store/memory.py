"""The ports without a file. For tests only: nothing is shared between processes or kept."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from apigateway.model.group import Environment
from apigateway.model.record import CallRecord
from apigateway.model.release import Release
from apigateway.ports import Limit, ReleasedMeanwhile, StoreUnavailable, Tally
from apigateway.store.releases import canonical, version_at
from apigateway.store.windows import Count, charge, count_at, distinct_keys, look


class MemoryStore:
    """All four ports. Open when made, so that a test need not; `close` makes it unavailable."""

    def __init__(self) -> None:
        self.counters = MemoryCounters()
        self.nonces = MemoryNonces()
        self.releases = MemoryReleases()
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


class MemoryReleases:
    def __init__(self) -> None:
        self._released: list[Release] = []
        self._changes = 0

    def put(
        self,
        *,
        api_id: str,
        group: str,
        api: str,
        environment: Environment,
        document: Mapping[str, Any],
        note: str,
        released_by: str,
        now_ms: int,
        after: str | None = None,
    ) -> Release:
        before = self.history(api_id, environment)
        last = before[0].version if before else ""
        if after is not None and after != last:
            raise ReleasedMeanwhile(last)
        release = Release(
            api_id=api_id,
            group=group,
            api=api,
            environment=environment,
            version=version_at(now_ms, last or None),
            note=note,
            released_by=released_by,
            released_ms=now_ms,
            document=json.loads(canonical(document)),
        )
        self._released.append(release)
        self._changes += 1
        return release

    def current(self) -> Sequence[Release]:
        last = {(release.api_id, release.environment): release for release in self._released}
        return sorted(last.values(), key=lambda found: (found.group, found.api, found.environment))

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        return [
            release
            for release in reversed(self._released)
            if release.api_id == api_id and environment in (None, release.environment)
        ]

    def announce(self) -> None:
        self._changes += 1

    def changes(self) -> int:
        return self._changes


class MemoryCalls:
    def __init__(self) -> None:
        self._records: list[CallRecord] = []

    def append(self, record: CallRecord) -> None:
        self._records.append(record)

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        found = [
            record for record in reversed(self._records) if request_id in ("", record.request_id)
        ]
        return found[: max(0, limit)]
