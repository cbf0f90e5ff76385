"""Nonces in SQLite: a claim is one statement, so it is atomic whoever else is claiming."""

import sqlite3
from functools import partial
from hashlib import blake2b

from apigateway.store.connection import Connection, transaction

# An expired row may be claimed again; a living one is a conflict that changes nothing.
_CLAIM = (
    "INSERT INTO nonces (claim, expires_ms) VALUES (?, ?)"
    " ON CONFLICT (claim) DO UPDATE SET expires_ms = excluded.expires_ms WHERE expires_ms <= ?"
)

# Expired nonces are kept a while longer, against a clock that is set back a little.
KEPT_MS = 60_000


def digest(app_key: str, nonce: str) -> bytes:
    """16 bytes that stand for a nonce of an app.

    A nonce comes from the caller and may be long or hold bytes that are no text; its digest is
    neither, and rows stay small. The length keeps `a` + `bc` and `ab` + `c` apart.
    """
    text = f"{len(app_key)}:{app_key}{nonce}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class SqliteNonces:
    """The port `Nonces`. A locked database is awaited for `patience_s`, then unavailable."""

    def __init__(self, connection: Connection, *, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._latest_ms = 0

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        self._latest_ms = now_ms
        row = (digest(app_key, nonce), now_ms + lifetime_ms, now_ms)
        return await self._connection.run_patiently(partial(_claim, row), self._patience_s)

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` expired nonces, oldest first; returns how many."""
        due_ms = self._latest_ms - KEPT_MS
        found = connection.execute(
            "SELECT claim FROM nonces WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?",
            (due_ms, rows),
        ).fetchall()
        if found:
            with transaction(connection):
                connection.executemany(
                    "DELETE FROM nonces WHERE claim = ? AND expires_ms <= ?",
                    [(claim, due_ms) for (claim,) in found],
                )
        return len(found)


def _claim(row: tuple[bytes, int, int], connection: sqlite3.Connection) -> bool:
    return connection.execute(_CLAIM, row).rowcount == 1
