"""The rules of the clock, on rows."""

import pytest

from apigateway.model.policy import WindowUnit
from apigateway.ports import Dimension, Limit
from apigateway.store.windows import Count, charge

MINUTE_MS = 60_000
NOW_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS + 1_000
START_MS = NOW_MS - 1_000

LIMIT = Limit("a", 2, WindowUnit.MINUTE, Dimension.API)
OTHER = Limit("b", 0, WindowUnit.MINUTE, Dimension.APP)


def row(start_ms: int, used: int = 1, *, key: str = "a", unit_ms: int = MINUTE_MS) -> Count:
    return Count(key, unit_ms, start_ms, used)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param(None, row(START_MS, 1), id="nothing on record"),
        pytest.param(row(START_MS), row(START_MS, 2), id="the window on record"),
        pytest.param(row(START_MS - MINUTE_MS), row(START_MS, 1), id="a later window"),
        pytest.param(row(START_MS + MINUTE_MS), row(START_MS + MINUTE_MS, 2), id="one earlier"),
        pytest.param(row(START_MS + 2 * MINUTE_MS), row(START_MS, 2), id="far earlier"),
        pytest.param(row(START_MS, unit_ms=1_000), row(START_MS, 1), id="another unit"),
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
