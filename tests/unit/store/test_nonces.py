"""Nonces in SQLite: they do not pile up on the disk."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from apigateway.ports import StoreUnavailable
from apigateway.store.connection import connect
from apigateway.store.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("no_purges")

NOW_MS = 1_700_000_000_000


def claim(store: SqliteStore, nonce: str, now_ms: int) -> bool:
    return asyncio.run(store.nonces.claim("key", nonce, now_ms, 1_000))


def test_a_held_lock_is_unavailable_when_patience_ends(store: SqliteStore, path: Path) -> None:
    impatient = SqliteStore(path, patience_s=0.05)
    impatient.open()
    with contextlib.closing(connect(path, busy_timeout_s=5)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            claim(impatient, "n", NOW_MS)
    assert claim(impatient, "n", NOW_MS)
    impatient.close()


def counted(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM nonces").fetchone()
    return int(count)


def swept(store: SqliteStore, connection: sqlite3.Connection, rows: int) -> None:
    """Purge until there is nothing more to do, as the recorder does."""
    while store.nonces.purge(connection, rows) >= rows:
        pass


def test_nonces_are_purged_a_minute_after_they_expired(store: SqliteStore, path: Path) -> None:
    for number in range(5):
        claim(store, f"old-{number}", NOW_MS)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        claim(store, "living", NOW_MS + 60_999)
        swept(store, connection, 10)
        assert counted(connection) == 6
        claim(store, "last", NOW_MS + 61_000)
        swept(store, connection, 10)
        assert counted(connection) == 2
    assert not claim(store, "living", NOW_MS + 61_001)


def test_a_purge_looks_at_no_more_than_asked_and_goes_on_where_it_was(
    store: SqliteStore, path: Path
) -> None:
    for number in range(10):
        claim(store, f"old-{number}", NOW_MS)
    claim(store, "new", NOW_MS + 61_000)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        left = []
        for _ in range(4):
            store.nonces.purge(connection, 3)
            left.append(counted(connection))
        assert left == sorted(left, reverse=True)
        assert 7 <= left[0] + 0 <= 9
        assert left[-1] == 1
    assert not claim(store, "new", NOW_MS + 61_001)


def test_a_purge_takes_no_write_lock_where_nothing_has_expired(
    store: SqliteStore, path: Path
) -> None:
    claim(store, "living", NOW_MS)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with contextlib.closing(connect(path, busy_timeout_s=0)) as connection:
            swept(store, connection, 10)


def test_what_was_never_used_is_never_purged(store: SqliteStore, path: Path) -> None:
    claim(store, "old", NOW_MS)
    later = SqliteStore(path)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        later.nonces.purge(connection, 10)
        assert counted(connection) == 1


def test_under_steady_load_nonces_do_not_pile_up(store: SqliteStore, path: Path) -> None:
    """A hundred a second that live a second: a minute and a second of them are kept, and at most a
    third more."""
    kept, most = 61_000 // 10, 0

    async def load(connection: sqlite3.Connection) -> None:
        nonlocal most
        for second in range(300):
            for number in range(100):
                now_ms = NOW_MS + second * 1_000 + number * 10
                await store.nonces.claim("key", f"{second} {number}", now_ms, 1_000)
            swept(store, connection, 50)
            most = max(most, counted(connection))

    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        asyncio.run(load(connection))
    assert kept < most < kept * 3 // 2
