"""The rules of the clock, on rows: windows and buckets."""

import pytest

from apigateway.model.windows import WindowUnit, Zone
from apigateway.ports import Dimension, Limit
from apigateway.store.windows import CALL, PATIENCE_MS, Count, charge, count_at, distinct_keys, look

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
NOW_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS + 1_000
START_MS = NOW_MS - 1_000

LIMIT = Limit("a", 2, WindowUnit.MINUTE, Dimension.API)
OTHER = Limit("b", 0, WindowUnit.MINUTE, Dimension.APP)
BUCKET = Limit("a", 10, WindowUnit.SECOND, Dimension.API, queue=5)


def row(start_ms: int, used: int = 1, *, length_ms: int = MINUTE_MS) -> Count:
    return Count("a", length_ms, start_ms, used)


def level(at_ms: int, calls: float) -> Count:
    return Count("a", 0, at_ms, round(calls * CALL))


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param(None, row(START_MS, 1), id="nothing on record"),
        pytest.param(row(START_MS), row(START_MS, 2), id="the window on record"),
        pytest.param(row(START_MS - MINUTE_MS), row(START_MS, 1), id="a later window"),
        pytest.param(row(START_MS + MINUTE_MS), row(START_MS + MINUTE_MS, 2), id="one earlier"),
        pytest.param(row(START_MS + 2 * MINUTE_MS), row(START_MS, 2), id="far earlier"),
        pytest.param(level(NOW_MS, 1), row(START_MS, 1), id="a bucket"),
    ],
)
def test_a_call_is_counted_in_the_right_window(recorded: Count | None, expected: Count) -> None:
    tally, counts = charge([LIMIT], {"a": recorded} if recorded else {}, NOW_MS)
    assert counts == [expected]
    assert tally.refused is None
    assert tally.standings[0].used == expected.used


def test_a_refusal_puts_nothing_on_record() -> None:
    tally, counts = charge([LIMIT, OTHER], {"a": row(START_MS)}, NOW_MS)
    assert tally.refused == tally.standings[1]
    assert counts == []


def test_a_refusal_keeps_the_move_of_a_carried_count_but_not_a_charge() -> None:
    far = START_MS + 9 * MINUTE_MS
    _, counts = charge([LIMIT, OTHER], {"a": row(far)}, NOW_MS)
    assert counts == [row(START_MS, 1)]


def test_a_count_keeps_the_length_of_its_own_window() -> None:
    """A day of 23 hours; and one of 25 that is on record as the next one."""
    berlin = Limit("a", 9, WindowUnit.DAY, Dimension.API, zone=Zone("Europe/Berlin"))
    start_ms = 1_774_738_800_000  # 29 March 2026, midnight
    tally, counts = charge([berlin], {}, start_ms + HOUR_MS)
    assert counts == [row(start_ms, length_ms=23 * HOUR_MS)]
    assert tally.standings[0].resets_ms == start_ms + 23 * HOUR_MS
    recorded = row(start_ms + 23 * HOUR_MS, 4, length_ms=24 * HOUR_MS)
    tally, counts = charge([berlin], {"a": recorded}, start_ms + 23 * HOUR_MS - 1)
    assert counts == [recorded._replace(used=5)]


@pytest.mark.parametrize("hours", [-5, 8])
def test_a_window_of_another_time_zone_is_carried_into_that_of_now(hours: int) -> None:
    day = Limit("a", 9, WindowUnit.DAY, Dimension.API)
    midnight_ms = NOW_MS - NOW_MS % (24 * HOUR_MS)
    recorded = row(midnight_ms + hours * HOUR_MS, 4, length_ms=24 * HOUR_MS)
    _, counts = charge([day], {"a": recorded}, midnight_ms + 12 * HOUR_MS)
    expected = midnight_ms if hours < 0 else recorded.start_ms
    assert counts == [row(expected, 5, length_ms=24 * HOUR_MS)]


def test_keys_stand_in_order_and_once() -> None:
    assert distinct_keys([LIMIT, OTHER]) == ["a", "b"]
    with pytest.raises(ValueError, match="share a key"):
        distinct_keys([LIMIT, BUCKET])


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param(None, level(NOW_MS, 1), id="nothing on record"),
        pytest.param(row(START_MS, 7), level(NOW_MS, 1), id="a window"),
        pytest.param(level(NOW_MS, 3), level(NOW_MS, 4), id="the same moment"),
        pytest.param(level(NOW_MS - 100, 3), level(NOW_MS, 3), id="a call leaked since"),
        pytest.param(level(NOW_MS - 1, 3), level(NOW_MS, 3.99), id="part of a call leaked"),
        pytest.param(level(NOW_MS - 400, 3), level(NOW_MS, 1), id="empty since"),
        pytest.param(level(NOW_MS - 10**12, 9), level(NOW_MS, 1), id="empty for long"),
        pytest.param(level(NOW_MS + 500, 3), level(NOW_MS + 500, 4), id="a clock set back"),
        pytest.param(
            level(NOW_MS + PATIENCE_MS, 3), level(NOW_MS + PATIENCE_MS, 4), id="by a second"
        ),
        pytest.param(level(NOW_MS + PATIENCE_MS + 1, 3), level(NOW_MS, 4), id="far back"),
    ],
)
def test_a_bucket_leaks_as_time_goes_on(recorded: Count | None, expected: Count) -> None:
    tally, counts = charge([BUCKET], {"a": recorded} if recorded else {}, NOW_MS)
    assert counts == [expected]
    assert tally.refused is None


@pytest.mark.parametrize(
    ("calls", "granted", "wait_ms"),
    [
        (8.99, True, 0),
        (9, True, 0),
        (9.001, True, 1),
        (10, True, 100),
        (14, True, 500),
        (14.001, False, 0),
        (15, False, 0),
    ],
)
def test_a_bucket_with_a_queue_lets_wait_or_refuses(
    calls: float, granted: bool, wait_ms: int
) -> None:
    tally, _ = charge([BUCKET], {"a": level(NOW_MS, calls)}, NOW_MS)
    assert (tally.refused is None) == granted
    if granted:
        assert tally.wait_ms == wait_ms


def test_a_full_bucket_says_when_there_is_room_for_one_call_to_the_millisecond() -> None:
    recorded = {"a": level(NOW_MS, 14.001)}
    refused = charge([BUCKET], recorded, NOW_MS)[0].refused
    assert refused is not None
    assert refused.resets_ms == NOW_MS + 1
    assert charge([BUCKET], recorded, refused.resets_ms - 1)[0].refused is not None
    assert charge([BUCKET], recorded, refused.resets_ms)[0].refused is None


def test_a_bucket_that_is_not_full_says_when_it_is_empty() -> None:
    (standing,) = charge([BUCKET], {"a": level(NOW_MS, 1.5)}, NOW_MS)[0].standings
    assert standing.resets_ms == NOW_MS + 250
    assert (standing.used, standing.remaining) == (3, 7)


def test_a_wait_counts_from_now_although_the_bucket_is_ahead() -> None:
    recorded = {"a": level(NOW_MS + 300, 10)}
    assert charge([BUCKET], recorded, NOW_MS)[0].wait_ms == 400


def test_after_a_refusal_a_bucket_is_put_on_record_only_if_it_was_moved_back() -> None:
    limits = [BUCKET, OTHER]
    assert charge(limits, {"a": level(NOW_MS - 100, 3)}, NOW_MS)[1] == []
    assert charge(limits, {"a": level(NOW_MS + 100, 3)}, NOW_MS)[1] == []
    far = level(NOW_MS + 10_000, 3)
    assert charge(limits, {"a": far}, NOW_MS)[1] == [level(NOW_MS, 3)]


def test_the_largest_limits_are_counted_exactly() -> None:
    largest = Limit("a", 10**9, WindowUnit.SECOND, Dimension.API, queue=10**9)
    almost = Count("a", 0, NOW_MS, (2 * 10**9 - 1) * CALL)
    tally, (count,) = charge([largest], {"a": almost}, NOW_MS)
    assert tally.refused is None
    assert count.used == 2 * 10**9 * CALL < 2**53
    assert charge([largest], {"a": count}, NOW_MS)[0].refused is not None


def test_a_look_is_what_the_next_take_is_decided_by() -> None:
    recorded = {"a": level(NOW_MS - 50, 14.2)}
    seen = look([BUCKET, OTHER], [count_at(recorded["a"], BUCKET, NOW_MS), Count("b", 1, 1, 0)], 0)
    assert seen.refused is not None
    assert seen.refused.limit is OTHER
    assert seen.standings[0].used == 14
