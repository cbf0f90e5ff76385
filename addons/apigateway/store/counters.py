"""Counters in SQLite: one transaction a call, run in place on the event loop's thread."""

import sqlite3
from collections.abc import Sequence
from functools import cache, partial

from apigateway.ports import Limit, Tally
from apigateway.store.connection import Connection, roll_back, transaction
from apigateway.store.windows import Count, charge, distinct_keys

_PUT = (
    "INSERT INTO counters (key, unit_ms, start_ms, used) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET"
    " unit_ms = excluded.unit_ms, start_ms = excluded.start_ms, used = excluded.used"
)


@cache
def _select(keys: int) -> str:
    marks = ", ".join("?" * keys)
    return f"SELECT key, unit_ms, start_ms, used FROM counters WHERE key IN ({marks})"


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

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` counts whose window ended a whole unit ago; returns how many.

        Time is that of the latest take, so what was never used is never aged. Looking for them
        takes no write lock: on the path of a call nobody waits for a scan.
        """
        old = "start_ms + 2 * unit_ms <= ?"
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


def _take(
    limits: Sequence[Limit], keys: list[str], now_ms: int, connection: sqlite3.Connection
) -> Tally:
    connection.execute("BEGIN IMMEDIATE")
    recorded = {row[0]: Count._make(row) for row in connection.execute(_select(len(keys)), keys)}
    tally, counts = charge(limits, recorded, now_ms)
    if counts:
        connection.executemany(_PUT, counts)
        connection.execute("COMMIT")
    else:
        roll_back(connection)
    return tally
