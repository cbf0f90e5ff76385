"""What the gateway's processes say of themselves. In SQLite in every store: they are processes of
this machine."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from apigateway.model.worker import WorkerStatus
from apigateway.store.connection import Connection, transaction

KEPT_MS = 86_400_000
"""A process that was not seen for so long is dropped when another one reports."""

_NAMES = tuple(field.name for field in fields(WorkerStatus))
_COLUMNS = ", ".join(_NAMES)
_PUT = f"INSERT OR REPLACE INTO workers ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
_values: Callable[[WorkerStatus], tuple[Any, ...]] = attrgetter(*_NAMES)


class SqliteWorkers:
    """The port `Workers`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def report(self, status: WorkerStatus) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.execute(
                    "DELETE FROM workers WHERE seen_ms < ?", (status.seen_ms - KEPT_MS,)
                )
                connection.execute(_PUT, _values(status))

        self._connection.run(work)

    def statuses(self) -> Sequence[WorkerStatus]:
        query = f"SELECT {_COLUMNS} FROM workers ORDER BY number, process, machine"
        rows = self._connection.run(lambda link: link.execute(query).fetchall())
        return [WorkerStatus(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def forget(self, machine: str, process: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM workers WHERE machine = ? AND process = ?", (machine, process)
            )

        self._connection.run(work)
