"""Releases in SQLite: all or nothing, read once, and from any thread."""

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from contract.releasing import FIRST, abolish, apply, at_once, everything, publish, put, switch
from sqlite_utils import Database

from apigateway.ports import ReleasedMeanwhile, StoreUnavailable
from apigateway.store.connection import connect
from apigateway.store.migrations import MIGRATIONS
from apigateway.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    "write",
    [
        "INSERT ON releases",
        "INSERT ON current_releases",
        "UPDATE ON current_releases",
        "DELETE ON current_releases",
        "INSERT ON audit",
        "UPDATE ON changes",
    ],
)
def test_changes_that_fail_half_way_change_nothing(
    store: SqliteStore, path: Path, write: str
) -> None:
    for api in ("Edited", "Rolled", "Rolled", "Gone"):
        put(store, publish(api))
    before = everything(store)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute(
            f"CREATE TRIGGER refuse AFTER {write} BEGIN SELECT raise(ABORT, 'not now'); END"
        )
    batch = [publish("Edited"), publish("New"), switch(FIRST, "Rolled"), abolish("Gone")]
    with pytest.raises(StoreUnavailable, match="not now"):
        apply(store, *batch)
    assert everything(store) == before
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("DROP TRIGGER refuse")
    apply(store, *batch)
    assert everything(store) != before


def test_releases_of_a_closed_store_are_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).releases.current()
    with pytest.raises(StoreUnavailable, match="not open"):
        apply(SqliteStore(path), publish())


def test_a_lock_that_is_held_too_long_is_unavailable_and_changes_nothing(
    store: SqliteStore, path: Path
) -> None:
    desk = store._desk
    desk.run(lambda connection: connection.execute("PRAGMA busy_timeout=20"))
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            put(store)
        connection.execute("ROLLBACK")
    assert put(store).version == FIRST


def statements_of(store: SqliteStore, path: Path) -> list[str]:
    """The SELECTs of one look at what is current."""
    said: list[str] = []
    store._desk.run(lambda connection: connection.set_trace_callback(said.append))
    store.releases.current()
    store._desk.run(lambda connection: connection.set_trace_callback(None))
    return [statement for statement in said if "document" in statement]


def test_a_second_look_reads_only_what_is_new(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path)
    other.open()
    for api in ("One", "Two", "Three"):
        put(other, publish(api))
    assert len(statements_of(store, path)) == 1
    assert statements_of(store, path) == []
    put(other, publish("Two"))
    (statement,) = statements_of(store, path)
    assert statement.endswith("WHERE id IN (4)")
    apply(other, abolish("One"))
    assert statements_of(store, path) == []
    assert list(store.releases.current()) == list(other.releases.current())
    other.close()


def test_a_second_look_at_ten_thousand_takes_milliseconds(path: Path, store: SqliteStore) -> None:
    apply(store, *(publish(f"Api{number}") for number in range(10_000)))
    assert len(store.releases.current()) == 10_000
    took_s = []
    for _ in range(5):
        before = time.thread_time()
        store.releases.current()
        took_s.append(time.thread_time() - before)
    assert min(took_s) < 0.05


def test_of_gateways_that_release_at_the_same_time_one_wins(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(6)]
    for store in stores:
        store.open()

    def work(number: int) -> bool:
        try:
            apply(stores[number], publish("One", served=""), publish("Two", served=""))
        except ReleasedMeanwhile:
            return False
        return True

    assert sum(at_once(work, len(stores))) == 1
    for store in stores:
        assert [one.version for one in store.releases.current()] == [FIRST, FIRST]
        assert store.releases.changes() == 1
        store.close()


def test_any_thread_may_look_while_others_release(store: SqliteStore) -> None:
    problems: list[BaseException] = []
    over = threading.Event()

    def look() -> None:
        try:
            while not over.is_set():
                served = store.releases.current()
                assert all(one.document["name"] == one.api for one in served)
                store.releases.changes()
                store.audit.entries(limit=5)
                store.workers.statuses()
                store.domain_bindings.all()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        put(store, publish(f"Api{number % 7}"))
    over.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.releases.current()) == 7


def test_what_a_release_before_this_version_left_is_served(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        MIGRATIONS.apply(Database(connection), stop_before="m007_audit")
        connection.execute(
            "INSERT INTO releases (api_id, group_name, api_name, environment, version, note,"
            " released_by, released_ms, document) VALUES"
            f" ('id-of-GetForecast', 'weather', 'GetForecast', 'RELEASE', '{FIRST}', '', 'me', 0,"
            """ '{"name":"GetForecast"}')"""
        )
        connection.execute("INSERT INTO current_releases VALUES ('id-of-GetForecast','RELEASE',1)")
    store = SqliteStore(path)
    store.open()
    (old,) = store.releases.current()
    assert (old.version, old.document) == (FIRST, {"name": "GetForecast"})
    new = put(store, publish(served=FIRST, after=FIRST))
    assert list(store.releases.current()) == [new]
    store.close()
