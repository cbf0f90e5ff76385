"""The ledger in SQLite: one transaction for the calls of a turn, whole or not at all. What every
ledger does is in tests/contract, and that no others are charged in tests/property."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, NonceClaim, NonceUsed, StoreUnavailable, Tally
from apigateway.store.connection import connect
from apigateway.store.ledger import recorded_counts
from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000


def limit(key: str, ceiling: int = 1_000) -> Limit:
    return Limit(key, ceiling, WindowUnit.DAY, Dimension.API)


def claim(nonce: str) -> NonceClaim:
    return NonceClaim("key", nonce, 900_001)


@contextlib.contextmanager
def watched(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else."""
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        yield connection


@contextlib.contextmanager
def traced(store: SqliteStore) -> Iterator[list[str]]:
    """The statements that the ledger makes."""
    seen: list[str] = []
    store._hot.run(lambda connection: connection.set_trace_callback(seen.append))
    yield seen
    store._hot.run(lambda connection: connection.set_trace_callback(None))


def spent(path: Path) -> int:
    with watched(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM nonces").fetchone()
    return int(count)


def spend_all(store: SqliteStore, *calls: tuple[str, list[Limit]]) -> list[Any]:
    async def at_once() -> list[Any]:
        spending = [store.ledger.spend(claim(nonce), limits, NOW_MS) for nonce, limits in calls]
        return [*await asyncio.gather(*spending, return_exceptions=True)]

    return asyncio.run(at_once())


def test_calls_of_one_turn_share_a_transaction(store: SqliteStore) -> None:
    calls = [(f"n{number}", [limit("a"), limit(f"b{number}")]) for number in range(9)]
    with traced(store) as seen:
        spend_all(store, *calls)
    assert [text for text in seen if text.startswith(("BEGIN", "COMMIT"))] == [
        *("BEGIN IMMEDIATE", "COMMIT") * 2
    ]
    assert sum(text.startswith("SELECT") for text in seen) == 2
    assert sum(text.startswith("INSERT INTO counters") for text in seen) == 3


def test_a_failure_in_the_middle_of_a_group_leaves_nothing_of_it(
    store: SqliteStore, path: Path
) -> None:
    with watched(path) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON counters WHEN new.key = 'bad'"
            " BEGIN SELECT raise(ABORT, 'no bad'); END"
        )
    calls = [("0", [limit("a")]), ("1", [limit("a")]), ("2", [limit("bad")]), ("3", [limit("a")])]
    first, *others = spend_all(store, *calls)
    assert first.standings[0].used == 1
    assert {type(each) for each in others} == {StoreUnavailable}
    assert spent(path) == 1
    tally = spend_all(store, ("1", [limit("a")]))[0]
    assert tally.standings[0].used == 2


def test_a_key_that_is_no_text_is_the_mistake_of_one_call(store: SqliteStore) -> None:
    calls = [("0", [limit("a")]), ("1", [limit("\udcff")]), ("2", [limit("a")])]
    first, wrong, last = spend_all(store, *calls)
    assert isinstance(wrong, UnicodeEncodeError)
    assert (first.standings[0].used, last.standings[0].used) == (1, 2)


def test_a_used_nonce_alone_leaves_no_transaction_open(store: SqliteStore) -> None:
    spend_all(store, ("n", [limit("a")]))
    (used,) = spend_all(store, ("n", [limit("a")]))
    assert isinstance(used, NonceUsed)
    assert store._hot.run(lambda connection: connection.in_transaction) is False


def test_a_refused_call_without_a_nonce_writes_nothing(store: SqliteStore) -> None:
    with traced(store) as seen:
        tally = asyncio.run(store.ledger.spend(None, [limit("a", 0)], NOW_MS))
    assert tally.refused is not None
    assert seen[-1] == "ROLLBACK"


def test_a_group_waits_for_a_lock_and_is_then_charged_in_its_order(
    store: SqliteStore, path: Path
) -> None:
    async def group(holder: sqlite3.Connection) -> list[Tally]:
        spending = [
            asyncio.create_task(store.ledger.spend(claim(f"n{number}"), [limit("a")], NOW_MS))
            for number in range(5)
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any(one.done() for one in spending)
        holder.execute("ROLLBACK")
        return await asyncio.gather(*spending)

    with watched(path) as holder:
        holder.execute("BEGIN IMMEDIATE")
        tallies = asyncio.run(group(holder))
    assert [tally.standings[0].used for tally in tallies] == [1, 2, 3, 4, 5]


def test_a_call_cancelled_while_the_store_is_busy_spends_and_charges_nothing(
    store: SqliteStore, path: Path
) -> None:
    async def cancel() -> None:
        with watched(path) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(TimeoutError):
                spending = store.ledger.spend(claim("n"), [limit("a")], NOW_MS)
                await asyncio.wait_for(spending, 0.02)

    asyncio.run(cancel())
    assert spent(path) == 0
    (tally,) = spend_all(store, ("n", [limit("a")]))
    assert tally.standings[0].used == 1


def test_any_number_of_counts_is_read(store: SqliteStore) -> None:
    keys = [f"k{number}" for number in range(70)]
    spend_all(store, ("n", [limit(key) for key in keys]))
    for some in (0, 1, 7, 8, 9, 17, 70):
        found = store._hot.run(lambda link, some=some: recorded_counts(link, keys[:some]))  # type: ignore[misc]
        assert sorted(found) == sorted(keys[:some])
        assert all(count.used == 1 for count in found.values())
