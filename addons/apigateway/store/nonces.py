"""Nonces in SQLite: spent through the ledger, swept out here.

They have no index by time: it would be one more page to write for every call. They are gone
through in the order of their digests instead, which for a sweep lie side by side.
"""

import sqlite3

from apigateway.ports import NonceClaim, NonceUsed
from apigateway.store.connection import transaction
from apigateway.store.ledger import SqliteLedger

# Expired nonces are kept a while longer, against a clock that is set back a little.
KEPT_MS = 60_000

SEEN_FOR_EACH = 4
"""How many nonces are looked at for each that is spent. Those that nobody has looked at since they
expired are then at most a third of those that live, however fast they come."""


class SqliteNonces:
    """The port `Nonces`."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self._seen = 0
        self._place = b""

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        try:
            await self._ledger.spend(NonceClaim(app_key, nonce, lifetime_ms), (), now_ms)
        except NonceUsed:
            return False
        return True

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Look at the next `rows` nonces and delete those that have expired.

        Returns `rows` while there is more to look at now. Time is that of the latest call.
        """
        due_ms = self._ledger.latest_ms - KEPT_MS
        owed = SEEN_FOR_EACH * self._ledger.claimed
        found = connection.execute(
            "SELECT claim, expires_ms FROM nonces WHERE claim > ? ORDER BY claim LIMIT ?",
            (self._place, rows),
        ).fetchall()
        expired = [(claim, due_ms) for claim, expires_ms in found if expires_ms <= due_ms]
        if expired:
            with transaction(connection):
                connection.executemany(
                    "DELETE FROM nonces WHERE claim = ? AND expires_ms <= ?", expired
                )
        if len(found) < rows:  # that was the last of them: all have been seen
            self._place, self._seen = b"", owed
            return 0
        self._place = found[-1][0]
        self._seen = min(self._seen + rows, owed)
        return rows if self._seen < owed else 0
