"""The oldest rows go first, a few at a time."""

import sqlite3
from collections.abc import Iterator

import pytest

from apigateway.store.purges import delete_oldest


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY)")
    yield made
    made.close()


def left(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT id FROM lines ORDER BY id")]


def test_an_empty_table_has_nothing_to_delete(connection: sqlite3.Connection) -> None:
    assert delete_oldest(connection, "lines", keep=3, rows=4) == 0


def test_what_is_beyond_the_last_goes_in_steps(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO lines VALUES (?)", [(number,) for number in range(1, 11)])
    deleted = [delete_oldest(connection, "lines", keep=3, rows=4) for _ in range(3)]
    assert deleted == [4, 3, 0]
    assert left(connection) == [8, 9, 10]
    assert delete_oldest(connection, "lines", keep=3, rows=4) == 0


def test_what_belongs_to_the_deleted_goes_with_them(connection: sqlite3.Connection) -> None:
    for table in ("calls", "trails"):
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, request_id TEXT)")
    calls = [(number, f"r{number}") for number in range(1, 9)]
    connection.executemany("INSERT INTO calls VALUES (?, ?)", calls)
    connection.executemany(
        "INSERT INTO trails (request_id) VALUES (?)", [("r2",), ("r5",), ("r7",)]
    )
    deleted = delete_oldest(connection, "calls", keep=3, rows=4, with_them=("trails",))
    assert deleted == 4
    kept = [name for (name,) in connection.execute("SELECT request_id FROM trails ORDER BY id")]
    assert kept == ["r5", "r7"]
