"""The schema, and databases that this version cannot use."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, StoreUnavailable
from apigateway.store.migrations import MIGRATIONS, StoreTooNew, prepare
from apigateway.store.sqlite import SqliteStore


def applied(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [found.name for found in MIGRATIONS.applied(Database(connection))]


def test_every_migration_is_recorded_once(path: Path) -> None:
    prepare(path)
    prepare(path)
    assert applied(path) == [
        "m001_counters",
        "m002_nonces",
        "m003_releases",
        "m004_calls",
        "m005_buckets",
        "m006_changes",
        "m007_audit",
        "m008_domain_bindings",
        "m009_workers",
        "m010_calls_by_release",
        "m011_trails",
        "m012_ledger",
    ]


def test_counts_of_the_first_schema_are_kept(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        MIGRATIONS.apply(Database(connection), stop_before="m005_buckets")
        connection.execute(
            "INSERT INTO counters (key, unit_ms, start_ms, used) VALUES ('a', 60000, 0, 7)"
        )
    store = SqliteStore(path)
    store.open()
    limit = Limit("a", 8, WindowUnit.MINUTE, Dimension.API)
    tallies = [asyncio.run(store.counters.take([limit], 59_999)) for _ in range(2)]
    store.close()
    assert [tally.refused is None for tally in tallies] == [True, False]


def test_call_records_of_an_older_schema_are_kept(path: Path) -> None:
    old = dict(
        zip(
            ("request_id", "method", "scheme", "domain", "path", "client_ip", "detail"),
            ("r1", "GET", "http", "weather.example", "/", "192.0.2.1", "as it was"),
            strict=True,
        )
    )
    texts = ("group_id", "group_name", "api_id", "api_name", "environment", "app_id", "app_key")
    old |= dict.fromkeys((*texts, "error_code", "error_message", "refused_by"), "")
    numbers = ("received_ms", "status", "request_bytes", "response_bytes", "backend_status")
    row = {**old, **dict.fromkeys((*numbers, "backend_ms", "total_ms"), 7)}
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        database = Database(connection)
        MIGRATIONS.apply(database, stop_before="m007_audit")
        database.table("calls").insert(row)
    store = SqliteStore(path)
    store.open()
    (record,) = store.calls.query()
    store.close()
    assert (record.request_id, record.detail, record.status) == ("r1", "as it was", 7)
    assert (record.api_version, record.process) == ("", 0)


def test_migrations_that_fail_leave_nothing_half_done(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE calls (mine TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert tables.fetchall() == [("calls",)]


def test_a_database_of_a_newer_version_is_refused_with_its_reason(path: Path) -> None:
    prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('mitm-apigateway', 'm999_from_the_future', 'then')"
        )
    with pytest.raises(StoreTooNew, match=r"newer version .*m999_from_the_future"):
        SqliteStore(path).open()


def test_migrations_of_another_set_in_the_same_file_are_none_of_our_business(path: Path) -> None:
    prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('notes', 'm999', 'then')"
        )
    prepare(path)


def test_a_file_that_is_no_database_is_refused_and_untouched(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("these are my notes, not a database\n" * 50)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        SqliteStore(path).open()
    assert path.read_text() == "these are my notes, not a database\n" * 50


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        SqliteStore(tmp_path / "file" / "gateway.db").open()
