"""The audit log in SQLite: no more of it than is kept."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from apigateway.model.audit import AuditEntry
from apigateway.ports import StoreUnavailable
from apigateway.store.audit import SqliteAudit, audit_rows, write_audit
from apigateway.store.connection import Connection, connect
from apigateway.store.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("no_purges")


def entries(count: int) -> list[AuditEntry]:
    return [
        AuditEntry(at_ms=number, by="ann", action="grant", subject="an app")
        for number in range(count)
    ]


def test_only_the_last_entries_are_kept(store: SqliteStore, path: Path) -> None:
    desk = Connection(path, busy_timeout_s=5)
    desk.open()
    audit = SqliteAudit(desk, keep_entries=10)
    audit.write(entries(17))
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert [audit.purge(connection, 4) for _ in range(3)] == [4, 3, 0]
    assert [entry.at_ms for entry in audit.entries()] == list(range(16, 6, -1))
    desk.close()


def test_the_store_purges_it_like_call_records(store: SqliteStore) -> None:
    assert store.audit.purge in store._recorder.purges


def test_rows_go_with_the_transaction_they_are_written_in(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("BEGIN")
        write_audit(connection, audit_rows(entries(2)))
        connection.execute("ROLLBACK")
    assert list(store.audit.entries()) == []


def test_entries_that_fail_half_way_leave_none(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN new.at_ms = 2"
            " BEGIN SELECT raise(ABORT, 'not now'); END"
        )
    with pytest.raises(StoreUnavailable, match="not now"):
        store.audit.write(entries(4))
    assert list(store.audit.entries()) == []


def test_the_audit_log_of_a_closed_store_is_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).audit.entries()
