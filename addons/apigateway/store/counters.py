"""Counters in SQLite: charged through the ledger, looked at and purged here."""

import sqlite3
from collections.abc import Sequence

from apigateway.ports import Limit, Tally
from apigateway.store.connection import Connection, transaction
from apigateway.store.ledger import SqliteLedger, recorded_counts
from apigateway.store.windows import count_at, distinct_keys, look

_BUCKET_KEPT_MS = 86_400_000


class SqliteCounters:
    """The port `Counters`. A locked database is awaited for `patience_s`, then unavailable."""

    def __init__(self, connection: Connection, ledger: SqliteLedger, *, patience_s: float) -> None:
        self._connection = connection
        self._ledger = ledger
        self._patience_s = patience_s

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._ledger.spend(None, limits, now_ms)

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        keys = distinct_keys(limits)
        if not keys:
            return Tally(())

        def work(connection: sqlite3.Connection) -> Tally:
            recorded = recorded_counts(connection, keys)
            counts = [count_at(recorded.get(limit.key), limit, now_ms) for limit in limits]
            return look(limits, counts, now_ms)

        return await self._connection.run_patiently(work, self._patience_s)

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` counts whose window ended a whole length ago, and buckets not used
        for a day; returns how many.

        Time is that of the latest take, so what was never used is never aged. Looking for them
        takes no write lock: on the path of a call nobody waits for a scan.
        """
        now_ms = self._ledger.latest_ms
        old = f"start_ms + CASE length_ms WHEN 0 THEN {_BUCKET_KEPT_MS} ELSE 2 * length_ms END <= ?"
        found = connection.execute(
            f"SELECT key FROM counters WHERE {old} LIMIT ?", (now_ms, rows)
        ).fetchall()
        if found:
            with transaction(connection):
                connection.executemany(
                    f"DELETE FROM counters WHERE key = ? AND {old}",
                    [(key, now_ms) for (key,) in found],
                )
        return len(found)
