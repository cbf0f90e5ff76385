"""What every implementation of `Counters` does."""

import asyncio

import pytest
from contract.conftest import Store

from apigateway.model.windows import WindowUnit, Zone
from apigateway.ports import Dimension, Limit, StoreUnavailable, Tally

HOUR_MS = 3_600_000
NOON_MS = 1_700_006_400_000 // HOUR_MS * HOUR_MS


def limit(
    key: str, ceiling: int, unit: WindowUnit = WindowUnit.HOUR, dimension: Dimension = Dimension.API
) -> Limit:
    return Limit(key, ceiling, unit, dimension)


def bucket(key: str, ceiling: int, queue: int = 0) -> Limit:
    return Limit(key, ceiling, WindowUnit.SECOND, Dimension.API, queue)


def look(store: Store, *limits: Limit, now_ms: int = NOON_MS) -> Tally:
    return asyncio.run(store.counters.look(limits, now_ms))


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

    def test_a_day_is_that_of_the_zone(self, store: Store) -> None:
        shanghai = Limit("a", 1, WindowUnit.DAY, Dimension.API, zone=Zone("Asia/Shanghai"))
        midnight_ms = NOON_MS - NOON_MS % (24 * HOUR_MS) + 16 * HOUR_MS
        (standing,) = take(store, shanghai, now_ms=midnight_ms - 1).standings
        assert standing.resets_ms == midnight_ms
        assert not granted(store, shanghai, now_ms=midnight_ms - 1)
        assert granted(store, shanghai, now_ms=midnight_ms)

    def test_another_time_zone_keeps_what_was_used(self, store: Store) -> None:
        def day(zone: str) -> Limit:
            return Limit("a", 2, WindowUnit.DAY, Dimension.API, zone=Zone(zone))

        assert granted(store, day("UTC"))
        assert [granted(store, day("Asia/Shanghai")) for _ in range(2)] == [True, False]

    def test_concurrent_takes_never_pass_the_ceiling(self, store: Store) -> None:
        async def many() -> list[Tally]:
            takes = [store.counters.take([limit("a", 30)], NOON_MS) for _ in range(50)]
            return await asyncio.gather(*takes)

        assert sum(tally.refused is None for tally in asyncio.run(many())) == 30


class TestBuckets:
    def test_it_holds_as_many_calls_as_the_ceiling_at_once(self, store: Store) -> None:
        only = bucket("a", 3)
        assert [granted(store, only) for _ in range(5)] == [True] * 3 + [False] * 2

    def test_a_full_one_has_room_for_a_call_after_its_part_of_a_second(self, store: Store) -> None:
        only = bucket("a", 4)
        for _ in range(4):
            assert granted(store, only)
        refused = take(store, only, now_ms=NOON_MS + 1).refused
        assert refused is not None
        assert refused.resets_ms == NOON_MS + 250
        assert not granted(store, only, now_ms=NOON_MS + 249)
        assert granted(store, only, now_ms=NOON_MS + 250)
        assert not granted(store, only, now_ms=NOON_MS + 250)

    def test_it_knows_no_edge_of_a_second(self, store: Store) -> None:
        only = bucket("a", 2)
        assert [granted(store, only, now_ms=NOON_MS - 1) for _ in range(2)] == [True, True]
        assert not granted(store, only, now_ms=NOON_MS)

    def test_calls_in_the_queue_wait_one_after_the_other(self, store: Store) -> None:
        only = bucket("a", 2, queue=3)
        tallies = [take(store, only) for _ in range(6)]
        assert [tally.refused is None for tally in tallies] == [True] * 5 + [False]
        assert [tally.wait_ms for tally in tallies[:5]] == [0, 0, 500, 1000, 1500]

    def test_what_remains_is_what_passes_without_waiting(self, store: Store) -> None:
        only = bucket("a", 2, queue=2)
        remaining = [take(store, only).standings[0].remaining for _ in range(4)]
        assert remaining == [1, 0, 0, 0]

    def test_a_ceiling_of_nothing_lets_nobody_wait(self, store: Store) -> None:
        assert not granted(store, bucket("a", 0, queue=5))

    def test_beside_a_full_window_it_is_not_charged(self, store: Store) -> None:
        only, full = bucket("a", 2), limit("full", 0)
        assert not granted(store, only, full)
        assert take(store, only).standings[0].used == 1

    def test_a_full_one_charges_no_window(self, store: Store) -> None:
        only, wide = bucket("a", 1), limit("wide", 9)
        assert granted(store, only, wide)
        assert not granted(store, only, wide)
        assert look(store, wide).standings[0].used == 1

    def test_a_clock_set_back_a_little_gives_no_calls(self, store: Store) -> None:
        only = bucket("a", 10)
        for _ in range(10):
            assert granted(store, only)
        assert not granted(store, only, now_ms=NOON_MS - 900)
        assert not granted(store, only)
        assert granted(store, only, now_ms=NOON_MS + 100)

    def test_a_clock_set_far_back_locks_nobody_out_for_more_than_a_second(
        self, store: Store
    ) -> None:
        only = bucket("a", 10)
        for _ in range(10):
            assert granted(store, only)
        assert not granted(store, only, now_ms=NOON_MS - HOUR_MS)
        assert not granted(store, only, now_ms=NOON_MS - HOUR_MS + 99)
        assert granted(store, only, now_ms=NOON_MS - HOUR_MS + 100)

    def test_a_lower_ceiling_holds_at_once(self, store: Store) -> None:
        for _ in range(10):
            assert granted(store, bucket("a", 10))
        assert not granted(store, bucket("a", 2), now_ms=NOON_MS + 1000)

    def test_levels_outlive_closing_and_opening(self, store: Store) -> None:
        assert granted(store, bucket("a", 1))
        store.close()
        store.open()
        assert not granted(store, bucket("a", 1))

    def test_concurrent_takes_get_each_turn_once(self, store: Store) -> None:
        async def many() -> list[Tally]:
            takes = [store.counters.take([bucket("a", 10, queue=10)], NOON_MS) for _ in range(50)]
            return await asyncio.gather(*takes)

        tallies = [tally for tally in asyncio.run(many()) if tally.refused is None]
        turns = [0] * 10 + [100 * place for place in range(1, 11)]
        assert sorted(tally.wait_ms for tally in tallies) == turns


class TestLook:
    def test_it_spends_nothing(self, store: Store) -> None:
        limits = (limit("a", 2), bucket("b", 2))
        assert granted(store, *limits)
        for _ in range(5):
            assert [found.used for found in look(store, *limits).standings] == [1, 1]
        assert [found.used for found in take(store, *limits).standings] == [2, 2]

    def test_what_was_never_used_is_all_there(self, store: Store) -> None:
        tally = look(store, limit("a", 2), bucket("b", 3))
        assert [found.remaining for found in tally.standings] == [2, 3]
        assert tally.refused is None

    def test_it_names_the_limit_that_would_refuse(self, store: Store) -> None:
        limits = (limit("a", 5), bucket("b", 1), limit("c", 1))
        assert look(store, *limits).refused is None
        assert granted(store, *limits)
        seen = look(store, *limits)
        assert seen.refused == seen.standings[1]
        assert seen == take(store, *limits)

    def test_it_does_not_move_a_count(self, store: Store) -> None:
        ahead_ms = NOON_MS + 50 * HOUR_MS
        assert granted(store, limit("a", 1), now_ms=ahead_ms)
        assert look(store, limit("a", 1)).refused is not None
        assert not granted(store, limit("a", 1), now_ms=ahead_ms)

    def test_nothing_is_nothing(self, store: Store) -> None:
        assert look(store) == Tally(())

    def test_two_limits_with_one_key_are_an_error(self, store: Store) -> None:
        with pytest.raises(ValueError, match="share a key"):
            look(store, limit("a", 1), limit("a", 2))

    def test_a_closed_store_is_unavailable(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailable):
            look(store, limit("a", 3))
