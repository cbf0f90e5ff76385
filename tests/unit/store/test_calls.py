"""Records in SQLite: every field, any text, and no more of them than are kept."""

import contextlib
import logging
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest
from unit.store.actor import record

from apigateway.model.record import CallRecord
from apigateway.ports import StoreUnavailable
from apigateway.store.calls import LONGEST_TRAIL, write, write_at_once
from apigateway.store.connection import connect
from apigateway.store.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("no_purges")


def test_every_field_of_a_record_has_a_column(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(calls)")]
    names = [field.name for field in fields(CallRecord) if field.name != "trail"]
    assert columns == ["id", *names]


def test_a_query_of_a_closed_store_is_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).calls.query()


def test_bytes_that_are_no_text_are_shown_and_spoil_no_batch(
    store: SqliteStore, path: Path
) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [record(1), replace(record(2), path="/\udcff"), record(3)])
    assert [found.path for found in store.calls.query()] == [
        "/forecast/hangzhou",
        "/\\udcff",
        "/forecast/hangzhou",
    ]


def test_a_record_that_no_database_takes_goes_to_the_log_and_the_others_are_written(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = replace(record(2), request_bytes=2**70)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [record(1), bad, replace(record(3), total_ms=float("nan")), record(4)])
    assert [found.request_id for found in store.calls.query()] == ["r4", "r1"]
    assert [found.levelno for found in caplog.records] == [logging.ERROR] * 2
    assert repr(bad) in caplog.text


def test_a_record_before_the_first_open_is_written(path: Path) -> None:
    store = SqliteStore(path)
    store.calls.append(record(1))
    store.open()
    assert [found.request_id for found in store.calls.query()] == ["r1"]
    store.close()


def test_a_record_that_cannot_be_written_at_once_goes_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    write_at_once(tmp_path / "file" / "gateway.db", record(7))
    assert repr(record(7)) in caplog.text


def test_only_the_last_records_are_kept(path: Path) -> None:
    store = SqliteStore(path, keep_records=10)
    store.open()
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert store.calls.purge(connection, 4) == 0
        write(connection, [record(number) for number in range(17)])
        assert [store.calls.purge(connection, 4) for _ in range(3)] == [4, 3, 0]
    assert [found.request_id for found in store.calls.query()] == [
        f"r{number}" for number in range(16, 6, -1)
    ]
    store.close()


# --- trails


def refused(number: int, trail: object) -> CallRecord:
    return replace(record(number), trail=cast("dict[str, Any]", trail))


def test_trails_go_when_their_records_do(path: Path) -> None:
    store = SqliteStore(path, keep_records=2)
    store.open()
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [refused(number, {"n": number}) for number in range(5)])
        assert store.calls.purge(connection, 100) == 3
        assert connection.execute("SELECT count(*) FROM trails").fetchone() == (2,)
    assert [store.calls.trail(f"r{number}") for number in (2, 3)] == [None, {"n": 3}]
    store.close()


def test_fewer_trails_are_kept_than_records(path: Path) -> None:
    store = SqliteStore(path, keep_trails=2)
    store.open()
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [refused(number, {"n": number}) for number in range(5)])
        assert store.calls.purge_trails(connection, 100) == 3
    assert [store.calls.trail(f"r{number}") for number in (2, 3)] == [None, {"n": 3}]
    assert len(store.calls.query()) == 5
    store.close()


def test_a_trail_that_cannot_be_kept_costs_no_record(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    trails = [{"a": object()}, endless, {"a": "x" * LONGEST_TRAIL}, {"a": "\udcff"}]
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [refused(number, trail) for number, trail in enumerate(trails)])
    assert len(store.calls.query()) == 4
    found = [store.calls.trail(f"r{number}") for number in range(4)]
    assert found == [None, None, None, {"a": "\udcff"}]
    assert [one.levelno for one in caplog.records] == [logging.ERROR] * 2


def test_a_trail_is_written_where_its_batch_holds_what_is_no_text(
    store: SqliteStore, path: Path
) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        write(connection, [replace(record(1), path="/\udcff"), refused(2, {"a": 1})])
    assert store.calls.trail("r2") == {"a": 1}


def test_the_trails_of_a_closed_store_are_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).calls.trail("r1")
