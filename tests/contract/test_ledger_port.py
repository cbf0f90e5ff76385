"""What every implementation of `Ledger` does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from contract.conftest import Store

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, NonceClaim, NonceUsed, StoreUnavailable, Tally

HOUR_MS = 3_600_000
NOON_MS = 1_700_006_400_000 // HOUR_MS * HOUR_MS
LIFETIME_MS = 900_001


def limit(key: str, ceiling: int, queue: int | None = None) -> Limit:
    unit = WindowUnit.HOUR if queue is None else WindowUnit.SECOND
    return Limit(key, ceiling, unit, Dimension.API, queue)


def claim(nonce: str, app_key: str = "key") -> NonceClaim:
    return NonceClaim(app_key, nonce, LIFETIME_MS)


def spend(store: Store, nonce: str | None, *limits: Limit, now_ms: int = NOON_MS) -> Tally | None:
    """None for a used nonce."""
    return asyncio.run(outcome(spending(store, nonce, *limits, now_ms=now_ms)))


def spending(
    store: Store, nonce: str | None, *limits: Limit, now_ms: int = NOON_MS
) -> Coroutine[Any, Any, Tally]:
    return store.ledger.spend(None if nonce is None else claim(nonce), limits, now_ms)


async def outcome(spending: Coroutine[Any, Any, Tally]) -> Tally | None:
    try:
        return await spending
    except NonceUsed:
        return None


def used(store: Store, *limits: Limit, now_ms: int = NOON_MS) -> list[int]:
    tally = asyncio.run(store.counters.look(limits, now_ms))
    return [standing.used for standing in tally.standings]


class TestLedger:
    def test_a_call_is_charged_and_its_nonce_spent(self, store: Store) -> None:
        tally = spend(store, "n", limit("a", 5), limit("b", 9))
        assert tally is not None
        assert [standing.used for standing in tally.standings] == [1, 1]
        assert not asyncio.run(store.nonces.claim("key", "n", NOON_MS, LIFETIME_MS))

    def test_without_a_nonce_it_is_a_take(self, store: Store) -> None:
        for expected in (1, 2):
            tally = spend(store, None, limit("a", 5))
            assert tally is not None
            assert tally.standings[0].used == expected
        assert spend(store, None) == Tally(())

    def test_without_limits_it_is_a_claim(self, store: Store) -> None:
        assert spend(store, "n") == Tally(())
        assert spend(store, "n") is None
        assert spend(store, "n", now_ms=NOON_MS + LIFETIME_MS) == Tally(())

    def test_a_used_nonce_charges_nothing(self, store: Store) -> None:
        both = limit("a", 5), limit("b", 5, queue=2)
        spend(store, "n", *both)
        assert spend(store, "n", *both) is None
        assert used(store, *both) == [1, 1]

    def test_a_used_nonce_is_told_before_a_full_limit(self, store: Store) -> None:
        spend(store, "n", limit("a", 1))
        assert spend(store, "n", limit("a", 1)) is None

    def test_a_call_that_a_limit_refuses_has_spent_its_nonce(self, store: Store) -> None:
        tally = spend(store, "n", limit("a", 0))
        assert tally is not None
        assert tally.refused == tally.standings[0]
        assert spend(store, "n", limit("b", 9)) is None
        assert used(store, limit("b", 9)) == [0]

    def test_a_claim_and_a_spent_nonce_are_the_same(self, store: Store) -> None:
        assert asyncio.run(store.nonces.claim("key", "n", NOON_MS, LIFETIME_MS))
        assert spend(store, "n", limit("a", 5)) is None
        other = store.ledger.spend(claim("n", app_key="other"), [limit("a", 5)], NOON_MS)
        assert asyncio.run(outcome(other)) is not None

    def test_calls_at_once_are_charged_one_after_the_other(self, store: Store) -> None:
        async def at_once() -> list[Tally | None]:
            calls = [spending(store, f"n{number}", limit("a", 30)) for number in range(100)]
            return await asyncio.gather(*map(outcome, calls))

        tallies = [tally for tally in asyncio.run(at_once()) if tally is not None]
        assert len(tallies) == 100
        granted = [one.standings[0].used for one in tallies if one.refused is None]
        assert sorted(granted) == list(range(1, 31))

    def test_of_copies_at_once_one_is_charged(self, store: Store) -> None:
        async def at_once() -> list[Tally | None]:
            calls = [spending(store, f"n{number % 2}", limit("a", 30)) for number in range(40)]
            return await asyncio.gather(*map(outcome, calls))

        assert sum(tally is not None for tally in asyncio.run(at_once())) == 2
        assert used(store, limit("a", 30)) == [2]

    def test_two_limits_with_one_key_are_a_mistake_of_that_call_alone(self, store: Store) -> None:
        async def at_once() -> list[Any]:
            calls = [
                spending(store, "x", limit("a", 5)),
                spending(store, "y", limit("a", 5), limit("a", 6)),
                spending(store, "z", limit("a", 5)),
            ]
            return [*await asyncio.gather(*calls, return_exceptions=True)]

        first, wrong, last = asyncio.run(at_once())
        assert isinstance(wrong, ValueError)
        assert (first.standings[0].used, last.standings[0].used) == (1, 2)

    def test_a_closed_store_is_unavailable(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailable):
            spend(store, "n", limit("a", 5))
        store.open()
        assert spend(store, "n", limit("a", 5)) is not None
