"""Counters in SQLite: locks held by others, errors, and rows that are no longer needed."""

import asyncio
import contextlib
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, StoreUnavailable, Tally
from apigateway.store.connection import connect
from apigateway.store.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("no_purges")

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000


def limit(key: str, unit: WindowUnit = WindowUnit.MINUTE) -> Limit:
    return Limit(key, 100, unit, Dimension.API)


def take(store: SqliteStore, *limits: Limit, now_ms: int = NOW_MS) -> Tally:
    return asyncio.run(store.counters.take(limits, now_ms))


def take_at_last(store: SqliteStore, only: Limit) -> Tally:
    """By a store with little patience: its own thread may write too, and slowly."""
    for _ in range(100):
        with contextlib.suppress(StoreUnavailable):
            return take(store, only)
    raise AssertionError("the lock is never free")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """The write lock, held by somebody else."""
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_a_store_that_was_never_opened_is_unavailable_and_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        take(SqliteStore(path), limit("a"))
    assert not path.parent.exists()


def test_a_held_lock_is_unavailable_when_patience_ends(store: SqliteStore, path: Path) -> None:
    impatient = SqliteStore(path, patience_s=0.05)
    impatient.open()
    with locked(path), pytest.raises(StoreUnavailable, match="locked"):
        take(impatient, limit("a"))
    assert take_at_last(impatient, limit("a")).standings[0].used == 1
    impatient.close()


def test_other_tasks_go_on_while_a_lock_is_awaited(store: SqliteStore, path: Path) -> None:
    async def release_later(holder: sqlite3.Connection) -> float:
        """How long a turn of the loop takes; a busy machine makes some of them longer."""
        turns_s = []
        for _ in range(20):
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            turns_s.append(time.perf_counter() - before)
        holder.execute("ROLLBACK")
        return statistics.median(turns_s)

    async def both() -> tuple[Tally, float]:
        patient = SqliteStore(path, patience_s=60)
        patient.open()
        with contextlib.closing(patient), locked(path) as holder:
            return await asyncio.gather(
                patient.counters.take([limit("a")], NOW_MS), release_later(holder)
            )

    tally, turn_s = asyncio.run(both())
    assert tally.standings[0].used == 1
    assert turn_s < 0.5


def test_a_cancelled_take_charges_nothing_and_leaves_no_lock(
    store: SqliteStore, path: Path
) -> None:
    async def cancel() -> None:
        with locked(path):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(store.counters.take([limit("a")], NOW_MS), 0.02)

    asyncio.run(cancel())
    assert take(store, limit("a")).standings[0].used == 1


def test_an_error_of_the_database_is_unavailable_and_leaves_no_lock(
    store: SqliteStore, path: Path
) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("ALTER TABLE counters RENAME TO hidden")
        with pytest.raises(StoreUnavailable, match="no such table"):
            take(store, limit("a"))
        connection.execute("ALTER TABLE hidden RENAME TO counters")
    assert take(store, limit("a")).standings[0].used == 1


def test_a_failure_in_the_middle_of_a_charge_charges_nothing(
    store: SqliteStore, path: Path
) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON counters WHEN new.key = 'b'"
            " BEGIN SELECT raise(ABORT, 'no b'); END"
        )
    with pytest.raises(StoreUnavailable, match="no b"):
        take(store, limit("a"), limit("b"))
    assert take(store, limit("a")).standings[0].used == 1


def test_a_key_that_is_no_text_leaves_no_lock(store: SqliteStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        take(store, limit("\udcff"))
    assert take(store, limit("a")).standings[0].used == 1


def test_counts_are_purged_a_whole_unit_after_their_window(store: SqliteStore, path: Path) -> None:
    start_ms = NOW_MS - NOW_MS % MINUTE_MS
    take(store, limit("a"), limit("day", WindowUnit.DAY), now_ms=start_ms)
    take(store, limit("b"), now_ms=start_ms + 2 * MINUTE_MS - 1)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert store.counters.purge(connection, 10) == 0
        take(store, limit("b"), now_ms=start_ms + 2 * MINUTE_MS)
        assert store.counters.purge(connection, 10) == 1
        keys = connection.execute("SELECT key FROM counters ORDER BY key").fetchall()
    assert keys == [("b",), ("day",)]


def test_no_more_rows_are_purged_than_asked(store: SqliteStore, path: Path) -> None:
    take(store, *(limit(f"old-{number}") for number in range(5)))
    take(store, limit("new"), now_ms=NOW_MS + 3 * MINUTE_MS)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert [store.counters.purge(connection, 2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_bucket_is_purged_when_nobody_has_used_it_for_a_day(
    store: SqliteStore, path: Path
) -> None:
    day_ms = 86_400_000
    bucket = Limit("bucket", 100, WindowUnit.SECOND, Dimension.API, queue=0)
    take(store, bucket)
    take(store, limit("a"), now_ms=NOW_MS + day_ms - 1)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert store.counters.purge(connection, 10) == 0
        take(store, limit("a"), now_ms=NOW_MS + day_ms)
        assert store.counters.purge(connection, 10) == 1
        assert connection.execute("SELECT key FROM counters").fetchall() == [("a",)]


def test_a_look_takes_no_write_lock(store: SqliteStore, path: Path) -> None:
    take(store, limit("a"))
    impatient = SqliteStore(path, patience_s=0.05)
    impatient.open()
    with locked(path):
        tally = asyncio.run(impatient.counters.look([limit("a")], NOW_MS))
    impatient.close()
    assert tally.standings[0].used == 1


def test_a_look_puts_nothing_on_record(store: SqliteStore, path: Path) -> None:
    asyncio.run(store.counters.look([limit("a")], NOW_MS))
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        assert connection.execute("SELECT count(*) FROM counters").fetchone() == (0,)
