"""Nonces in SQLite: they do not pile up on the disk."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from apigateway.ports import StoreUnavailable
from apigateway.store.connection import connect
from apigateway.store.nonces import digest
from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000


def claim(store: SqliteStore, nonce: str, now_ms: int) -> bool:
    return asyncio.run(store.nonces.claim("key", nonce, now_ms, 1_000))


def test_a_nonce_is_kept_as_sixteen_bytes_however_long_it_is() -> None:
    assert len(digest("key", "x" * 100_000)) == 16


def test_a_held_lock_is_unavailable_when_patience_ends(store: SqliteStore, path: Path) -> None:
    impatient = SqliteStore(path, patience_s=0.05)
    impatient.open()
    with contextlib.closing(connect(path, busy_timeout_s=5)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            claim(impatient, "n", NOW_MS)
    assert claim(impatient, "n", NOW_MS)
    impatient.close()


def test_nonces_are_purged_a_minute_after_they_expired(store: SqliteStore, path: Path) -> None:
    for number in range(5):
        claim(store, f"old-{number}", NOW_MS)
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        claim(store, "living", NOW_MS + 60_999)
        assert store.nonces.purge(connection, 10) == 0
        claim(store, "last", NOW_MS + 61_000)
        assert [store.nonces.purge(connection, 3) for _ in range(3)] == [3, 2, 0]
        assert connection.execute("SELECT count(*) FROM nonces").fetchone() == (2,)
