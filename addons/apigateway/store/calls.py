"""Call records in SQLite: how they are written, read and, at last, deleted."""

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from apigateway.model.record import CallRecord
from apigateway.store.connection import Connection, connect, transaction
from apigateway.store.migrations import prepare
from apigateway.store.purges import delete_oldest

logger = logging.getLogger(__name__)

_NAMES = tuple(field.name for field in fields(CallRecord) if field.name != "trail")
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO calls ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
_INSERT_TRAIL = "INSERT INTO trails (request_id, trail) VALUES (?, ?)"
_values: Callable[[CallRecord], tuple[object, ...]] = attrgetter(*_NAMES)

LONGEST_TRAIL = 100_000
"""Characters of JSON. A longer one is that of a caller who wants to fill the disk."""

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
    """Write `records` and their trails in one transaction.

    A record that no database could take must not hold up the others: then each is written for
    itself, and one that still fails is kept in the log.
    """
    trails = list(_trails(records))  # not made while calls wait for the lock
    try:
        with transaction(connection):
            connection.executemany(_INSERT, map(_values, records))
            connection.executemany(_INSERT_TRAIL, trails)
    except _UNSTORABLE:
        with transaction(connection):
            for record in records:
                try:
                    connection.execute(_INSERT, [_storable(value) for value in _values(record)])
                except _UNSTORABLE as error:
                    logger.error("call record cannot be stored (%s): %r", error, record)
            connection.executemany(_INSERT_TRAIL, trails)


def _trails(records: Sequence[CallRecord]) -> Iterator[tuple[str, str]]:
    """Request ids and trails as JSON, of the records that have one which can be kept."""
    for record in records:
        if record.trail is None:
            continue
        try:
            text = json.dumps(record.trail, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            logger.error("[%s] the trail cannot be stored (%s)", record.request_id, error)
            continue
        if len(text) <= LONGEST_TRAIL:
            yield record.request_id, text


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

    Of the records the last `keep_records` are kept, of their trails the last `keep_trails`.
    """

    def __init__(
        self,
        path: Path,
        connection: Connection,
        enqueue: Callable[[CallRecord], bool],
        *,
        keep_records: int,
        keep_trails: int,
    ) -> None:
        self._path = path
        self._connection = connection
        self._enqueue = enqueue
        self._keep_records = keep_records
        self._keep_trails = keep_trails

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

    def trail(self, request_id: str) -> Mapping[str, Any] | None:
        """The last one that was written of a request id.

        Raises:
            StoreUnavailable: the store is not open, or cannot be read.
        """
        query = "SELECT trail FROM trails WHERE request_id = ? ORDER BY id DESC LIMIT 1"
        row = self._connection.run(lambda link: link.execute(query, (request_id,)).fetchone())
        if row is None:
            return None
        trail: dict[str, Any] = json.loads(row[0])
        return trail

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` of the oldest records beyond those that are kept, and their
        trails."""
        return delete_oldest(
            connection, "calls", keep=self._keep_records, rows=rows, with_them=("trails",)
        )

    def purge_trails(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` of the oldest trails beyond those that are kept: a record takes some
        hundred bytes, a trail some thousand."""
        return delete_oldest(connection, "trails", keep=self._keep_trails, rows=rows)
