"""The store as a whole: made unopened, opened and closed any number of times."""

import asyncio
import threading
from pathlib import Path

from unit.store.actor import limits, record

from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000


def used(store: SqliteStore) -> int:
    return asyncio.run(store.counters.take(limits(100), NOW_MS)).standings[0].used


def test_making_a_store_touches_nothing(path: Path) -> None:
    SqliteStore(path)
    assert not path.parent.exists()


def test_ports_taken_before_open_work_afterwards(path: Path) -> None:
    store = SqliteStore(str(path))
    counters, nonces = store.counters, store.nonces
    store.open()
    assert asyncio.run(counters.take(limits(1), NOW_MS)).refused is None
    assert asyncio.run(nonces.claim("key", "nonce", NOW_MS, 1_000))
    store.close()


def test_opening_and_closing_twice_is_opening_and_closing_once(path: Path) -> None:
    store = SqliteStore(path)
    store.close()
    for expected in (1, 2):
        store.open()
        store.open()
        assert used(store) == expected
        store.close()
        store.close()


def test_two_stores_of_one_process_share_one_file(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path)
    other.open()
    assert [used(store), used(other), used(store)] == [1, 2, 3]
    other.close()
    assert used(store) == 4


def test_nothing_is_left_behind_by_a_closed_store(path: Path) -> None:
    others = set(threading.enumerate())  # of which some may still end
    store = SqliteStore(path)
    store.open()
    store.calls.append(record(1))
    used(store)
    store.close()
    assert [found.name for found in path.parent.iterdir()] == ["gateway.db"]
    assert set(threading.enumerate()) <= others
