"""The audit log in SQLite. The recorder's thread deletes what is beyond the last entries."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from apigateway.model.audit import AuditEntry
from apigateway.store.canonical import canonical
from apigateway.store.connection import Connection, transaction
from apigateway.store.purges import delete_oldest

KEPT_ENTRIES = 100_000

_NAMES = tuple(field.name for field in fields(AuditEntry))
# BEFORE and AFTER are words of SQL.
_COLUMNS = ", ".join(f'"{name}"' for name in _NAMES)
_INSERT = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
_values: Callable[[AuditEntry], tuple[Any, ...]] = attrgetter(*_NAMES)


def audit_rows(entries: Sequence[AuditEntry]) -> list[tuple[Any, ...]]:
    """
    Raises:
        TypeError, ValueError: `before` or `after` is not plain JSON data.
    """
    return [_values(_written(entry)) for entry in entries]


def write_audit(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows of `audit_rows`, inside the transaction of what they tell of."""
    connection.executemany(_INSERT, rows)


class SqliteAudit:
    """The port `Audit`."""

    def __init__(self, connection: Connection, *, keep_entries: int = KEPT_ENTRIES) -> None:
        self._connection = connection
        self._keep_entries = keep_entries

    def write(self, entries: Sequence[AuditEntry]) -> None:
        rows = audit_rows(entries)

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                write_audit(connection, rows)

        if rows:
            self._connection.run(work)

    def entries(
        self, *, subject: str = "", action: str = "", limit: int = 100
    ) -> Sequence[AuditEntry]:
        query = (
            f"SELECT {_COLUMNS} FROM audit"
            " WHERE (:subject = '' OR subject = :subject OR instr(subject, :subject || '/') = 1)"
            " AND (:action = '' OR action = :action) ORDER BY id DESC LIMIT :limit"
        )
        asked = {"subject": subject, "action": action, "limit": max(0, limit)}
        rows = self._connection.run(lambda link: link.execute(query, asked).fetchall())
        return [_read(row) for row in rows]

    def purge(self, connection: sqlite3.Connection, rows: int) -> int:
        """Delete up to `rows` of the oldest entries beyond those that are kept."""
        return delete_oldest(connection, "audit", keep=self._keep_entries, rows=rows)


def _written(entry: AuditEntry) -> AuditEntry:
    return replace(entry, before=_text(entry.before), after=_text(entry.after))


def _text(value: Any) -> str | None:
    return None if value is None else canonical(value)


def _read(row: tuple[Any, ...]) -> AuditEntry:
    entry = AuditEntry(**dict(zip(_NAMES, row, strict=True)))
    return replace(entry, before=_value(entry.before), after=_value(entry.after))


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
