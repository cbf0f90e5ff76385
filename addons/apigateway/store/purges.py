"""How a table that only grows at its end is kept short."""

import sqlite3
from collections.abc import Sequence

from apigateway.store.connection import transaction


def delete_oldest(
    connection: sqlite3.Connection,
    table: str,
    *,
    keep: int,
    rows: int,
    with_them: Sequence[str] = (),
) -> int:
    """Delete up to `rows` of the oldest rows beyond the last `keep`; returns how many. In the
    tables `with_them`, what has the same request id goes too."""
    first, last = connection.execute(f"SELECT min(id), max(id) FROM {table}").fetchone()
    if last is None:
        return 0
    until = min(last - keep, first + rows - 1)
    if until < first:
        return 0
    with transaction(connection):
        for other in with_them:
            connection.execute(
                f"DELETE FROM {other} WHERE request_id IN"
                f" (SELECT request_id FROM {table} WHERE id <= ?)",
                (until,),
            )
        return connection.execute(f"DELETE FROM {table} WHERE id <= ?", (until,)).rowcount
