"""What every implementation of `Counters` does."""

import asyncio

import pytest
from contract.conftest import Store

from apigateway.model.policy import WindowUnit
from apigateway.ports import Dimension, Limit, StoreUnavailable, Tally

HOUR_MS = 3_600_000
NOON_MS = 1_700_006_400_000 // HOUR_MS * HOUR_MS


def limit(
    key: str, ceiling: int, unit: WindowUnit = WindowUnit.HOUR, dimension: Dimension = Dimension.API
) -> Limit:
    return Limit(key, ceiling, unit, dimension)


def take(store: Store, *limits: Limit, now_ms: int = NOON_MS) -> Tally:
    return asyncio.run(store.counters.take(limits, now_ms))


def granted(store: Store, *limits: Limit, now_ms: int = NOON_MS) -> bool:
    return take(store, *limits, now_ms=now_ms).refused is None


class TestCounters:
    def test_as_many_calls_as_the_ceiling_are_granted(self, store: Store) -> None:
        assert [granted(store, limit("a", 3)) for _ in range(5)] == [True] * 3 + [False] * 2

    def test_a_ceiling_of_nothing_refuses_the_first_call(self, store: Store) -> None:
        assert not granted(store, limit("a", 0))

    def test_no_limits_grant(self, store: Store) -> None:
        assert take(store) == Tally(())

    def test_no_limits_grant_although_the_store_is_closed(self, store: Store) -> None:
        store.close()
        assert take(store) == Tally(())

    def test_a_closed_store_is_unavailable(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailable):
            take(store, limit("a", 3))

    def test_counts_outlive_closing_and_opening(self, store: Store) -> None:
        assert granted(store, limit("a", 1))
        store.close()
        store.open()
        assert not granted(store, limit("a", 1))

    def test_keys_are_counted_apart(self, store: Store) -> None:
        assert granted(store, limit("a", 1))
        assert granted(store, limit("b", 1))

    def test_two_limits_with_one_key_are_an_error(self, store: Store) -> None:
        with pytest.raises(ValueError, match="share a key"):
            take(store, limit("a", 1), limit("a", 2))

    def test_standings_come_in_the_order_asked(self, store: Store) -> None:
        second = limit("b", 9, WindowUnit.SECOND, Dimension.CLIENT_IP)
        take(store, second)
        tally = take(store, limit("a", 5), second)
        assert [(found.limit.key, found.used) for found in tally.standings] == [("a", 1), ("b", 2)]
        assert [found.remaining for found in tally.standings] == [4, 7]

    def test_a_window_resets_on_the_clock_and_not_after_its_first_call(self, store: Store) -> None:
        (standing,) = take(store, limit("a", 5), now_ms=NOON_MS + 1_234_567).standings
        assert standing.resets_ms == NOON_MS + HOUR_MS

    @pytest.mark.parametrize("unit", list(WindowUnit))
    def test_a_new_window_counts_from_zero(self, store: Store, unit: WindowUnit) -> None:
        start = NOON_MS - NOON_MS % unit.milliseconds
        only = limit("a", 1, unit)
        assert granted(store, only, now_ms=start)
        assert not granted(store, only, now_ms=start + unit.milliseconds - 1)
        assert granted(store, only, now_ms=start + unit.milliseconds)

    def test_when_one_limit_is_full_none_is_charged(self, store: Store) -> None:
        narrow, wide = limit("narrow", 1), limit("wide", 10)
        assert granted(store, wide, narrow)
        tally = take(store, wide, narrow)
        assert tally.refused == tally.standings[1]
        assert [standing.used for standing in tally.standings] == [1, 1]
        assert take(store, wide).standings[0].used == 2

    def test_the_first_full_limit_in_the_order_asked_is_named(self, store: Store) -> None:
        tally = take(store, limit("a", 1), limit("b", 0), limit("c", 0))
        assert tally.refused is not None
        assert tally.refused.limit.key == "b"

    def test_a_changed_ceiling_keeps_the_count(self, store: Store) -> None:
        assert granted(store, limit("a", 2))
        assert not granted(store, limit("a", 1))
        assert take(store, limit("a", 3)).standings[0].used == 2

    def test_a_clock_set_back_over_the_edge_of_a_window_gives_no_free_calls(
        self, store: Store
    ) -> None:
        assert granted(store, limit("a", 1), now_ms=NOON_MS)
        tally = take(store, limit("a", 1), now_ms=NOON_MS - 1)
        assert tally.refused is not None
        assert tally.refused.resets_ms == NOON_MS + HOUR_MS

    def test_a_clock_set_far_back_keeps_what_was_used(self, store: Store) -> None:
        assert granted(store, limit("a", 2), now_ms=NOON_MS + 50 * HOUR_MS)
        tally = take(store, limit("a", 2), now_ms=NOON_MS)
        assert [(found.used, found.resets_ms) for found in tally.standings] == [
            (2, NOON_MS + HOUR_MS)
        ]

    def test_a_clock_set_far_back_locks_nobody_out_beyond_its_window(self, store: Store) -> None:
        assert granted(store, limit("a", 1), now_ms=NOON_MS + 50 * HOUR_MS)
        assert not granted(store, limit("a", 1), now_ms=NOON_MS)
        assert granted(store, limit("a", 1), now_ms=NOON_MS + HOUR_MS)

    def test_concurrent_takes_never_pass_the_ceiling(self, store: Store) -> None:
        async def many() -> list[Tally]:
            takes = [store.counters.take([limit("a", 30)], NOON_MS) for _ in range(50)]
            return await asyncio.gather(*takes)

        assert sum(tally.refused is None for tally in asyncio.run(many())) == 30
