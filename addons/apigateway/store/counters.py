"""Counters in SQLite: one transaction a call, run in place on the event loop's thread."""

import sqlite3
from collections.abc import Sequence
from functools import cache, partial

from apigateway.ports import Limit, Tally
from apigateway.store.connection import Connection, roll_back, transaction
from apigateway.store.windows import Count, charge, count_at, distinct_keys, look

_PUT = (
    "INSERT INTO counters (key, length_ms, start_ms, used) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET"
    " length_ms = excluded.length_ms, start_ms = excluded.start_ms, used = excluded.used"
)

_BUCKET_KEPT_MS = 86_400_000


@cache
def _select(keys: int) -> str:
    marks = ", ".join("?" * keys)
    return f"SELECT key, length_ms, start_ms, used FROM counters WHERE key IN ({marks})"


class SqliteCounters:
    """The port `Counters`. A locked database is awaited for `patience_s`, then unavailable."""

    def __init__(self, connection: Connection, *, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._latest_ms = 0

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        keys = distinct_keys(limits)
        if not keys:
            return Tally(())
        self._latest_ms = now_ms
        work = partial(_take, limits, keys, now_ms)
        return await self._connection.run_patiently(work, self._patience_s)

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        keys = distinct_keys(limits)
        if not keys:
            return Tally(())

        def work(connection: sqlite3.Connection) -> Tally:
            recorded = _recorded(connection, keys)
            counts = [count_at(recorded.get(limit.key), limit, now_ms) for limit in limits]
            return look(limits, counts, now_ms)

        return await self._connection.run_patiently(work, self._patience_s)

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` counts whose window ended a whole length ago, and buckets not used
        for a day; returns how many.

        Time is that of the latest take, so what was never used is never aged. Looking for them
        takes no write lock: on the path of a call nobody waits for a scan.
        """
        old = f"start_ms + CASE length_ms WHEN 0 THEN {_BUCKET_KEPT_MS} ELSE 2 * length_ms END <= ?"
        found = connection.execute(
            f"SELECT rowid FROM counters WHERE {old} LIMIT ?", (self._latest_ms, rows)
        ).fetchall()
        if found:
            with transaction(connection):
                connection.executemany(
                    f"DELETE FROM counters WHERE rowid = ? AND {old}",
                    [(rowid, self._latest_ms) for (rowid,) in found],
                )
        return len(found)


def _recorded(connection: sqlite3.Connection, keys: list[str]) -> dict[str, Count]:
    rows = connection.execute(_select(len(keys)), keys)
    return {row[0]: Count._make(row) for row in rows}


def _take(
    limits: Sequence[Limit], keys: list[str], now_ms: int, connection: sqlite3.Connection
) -> Tally:
    connection.execute("BEGIN IMMEDIATE")
    recorded = _recorded(connection, keys)
    tally, counts = charge(limits, recorded, now_ms)
    if counts:
        connection.executemany(_PUT, counts)
        connection.execute("COMMIT")
    else:
        roll_back(connection)
    return tally
