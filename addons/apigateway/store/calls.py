"""Call records in SQLite: how they are written, read and, at last, deleted."""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

from apigateway.model.record import CallRecord
from apigateway.store.connection import Connection, connect, transaction
from apigateway.store.migrations import prepare
from apigateway.store.purges import delete_oldest

logger = logging.getLogger(__name__)

_NAMES = tuple(field.name for field in fields(CallRecord))
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO calls ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
_values: Callable[[CallRecord], tuple[object, ...]] = attrgetter(*_NAMES)

# What SQLite raises for the values of a record, not for the state of the database.
_UNSTORABLE = (
    UnicodeEncodeError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
)


def write(connection: sqlite3.Connection, records: Sequence[CallRecord]) -> None:
    """Write `records` in one transaction.

    A record that no database could take must not hold up the others: then each is written for
    itself, and one that still fails is kept in the log.
    """
    try:
        with transaction(connection):
            connection.executemany(_INSERT, map(_values, records))
    except _UNSTORABLE:
        with transaction(connection):
            for record in records:
                try:
                    connection.execute(_INSERT, [_storable(value) for value in _values(record)])
                except _UNSTORABLE as error:
                    logger.error("call record cannot be stored (%s): %r", error, record)


def _storable(value: object) -> object:
    """Text as UTF-8: a request line may hold bytes that are no text, shown here as `\\udc..`."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def write_at_once(path: Path, record: CallRecord) -> None:
    """Write a record without a running store; what cannot be written is kept in the log."""
    try:
        prepare(path)
        with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
            write(connection, [record])
    except Exception as error:
        logger.error("call record not written to %s (%s): %r", path, error, record)


class SqliteCalls:
    """The port `Calls`. `enqueue` takes a record for the writing thread, if there is one.

    Of the records the last `keep_records` are kept.
    """

    def __init__(
        self,
        path: Path,
        connection: Connection,
        enqueue: Callable[[CallRecord], bool],
        *,
        keep_records: int,
    ) -> None:
        self._path = path
        self._connection = connection
        self._enqueue = enqueue
        self._keep_records = keep_records

    def append(self, record: CallRecord) -> None:
        if not self._enqueue(record):
            write_at_once(self._path, record)

    def query(self, *, request_id: str = "", limit: int = 100) -> Sequence[CallRecord]:
        """Written records, newest first.

        Raises:
            StoreUnavailable: the store is not open, or cannot be read.
        """
        where, parameters = ("WHERE request_id = ?", [request_id]) if request_id else ("", [])
        query = f"SELECT {_COLUMNS} FROM calls {where} ORDER BY id DESC LIMIT ?"
        rows = self._connection.run(
            lambda link: link.execute(query, [*parameters, max(0, limit)]).fetchall()
        )
        return [CallRecord(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` of the oldest records beyond those that are kept."""
        return delete_oldest(connection, "calls", keep=self._keep_records, rows=rows)
