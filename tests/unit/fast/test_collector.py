"""The collector is tuned, not turned off, and left as it was."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from apigateway.fast.collector import THRESHOLDS, tune_collector
from apigateway.live.quiet import quietly


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Circle:
    def __init__(self) -> None:
        self.own = self


def test_what_was_loaded_is_set_apart_and_everything_is_as_before_when_taken_out() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    undo = tune_collector()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > frozen
    undo()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


def test_circles_are_still_found_by_themselves() -> None:
    undo = tune_collector()
    try:
        seen = weakref.ref(Circle())
        kept = [[number] for number in range(2 * THRESHOLDS[0])]
        assert kept and seen() is None
    finally:
        undo()


def test_circles_that_stayed_for_a_while_do_not_add_up_whatever_was_loaded() -> None:
    loaded = [[number] for number in range(500_000)]
    gc.collect()
    undo = tune_collector()
    try:
        old = Circle()
        seen = weakref.ref(old)
        kept = [[number] for number in range(12 * THRESHOLDS[0])]  # old is no young object any more
        del old
        kept += [[number] for number in range(3 * THRESHOLDS[0] * THRESHOLDS[1] * THRESHOLDS[2])]
        assert kept and loaded
        assert seen() is None
        assert THRESHOLDS[0] * THRESHOLDS[1] * THRESHOLDS[2] <= 100_000
    finally:
        undo()


def test_a_load_meanwhile_has_thresholds_of_its_own_and_gives_ours_back() -> None:
    undo = tune_collector()
    try:
        with quietly():
            assert gc.get_threshold() != THRESHOLDS
        assert gc.get_threshold() == THRESHOLDS
    finally:
        undo()
