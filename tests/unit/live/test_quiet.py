"""Loading quietly is not felt beside it, and leaves the interpreter as it was."""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from apigateway.live.quiet import MANY_BLOCKS, NEVER, SWITCH_S, YOUNG, let_go, quietly


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def frozen_by(objects: int) -> int:
    """How many objects are set apart by a load that makes so many."""
    before = gc.get_freeze_count()
    with quietly():
        made = [[number] for number in range(objects)]
    assert len(made) == objects
    return gc.get_freeze_count() - before


def test_the_collector_looks_at_young_objects_only_and_threads_change_often_meanwhile() -> None:
    usual_s, usual = sys.getswitchinterval(), gc.get_threshold()
    with quietly():
        assert gc.get_threshold() == (YOUNG, 10, NEVER)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert gc.get_threshold() == usual
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_what_goes_wrong_leaves_nothing_behind() -> None:
    usual_s, usual = sys.getswitchinterval(), gc.get_threshold()
    with pytest.raises(ValueError, match="wrong"), quietly():
        raise ValueError("wrong")
    assert gc.get_threshold() == usual
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with quietly():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_no_look_during_a_load_or_behind_it_is_one_at_everything_that_was_made() -> None:
    looks: list[int] = []

    def on_look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    gc.callbacks.append(on_look)
    try:
        with quietly():
            made = [[number] for number in range(MANY_BLOCKS * 2)]
        assert set(looks) == {0, 1}
        assert len(gc.get_objects(generation=0)) < MANY_BLOCKS < len(made)
    finally:
        gc.callbacks.remove(on_look)


def test_what_a_large_load_leaves_is_set_apart_and_what_a_small_one_leaves_is_not() -> None:
    assert frozen_by(MANY_BLOCKS * 2) > MANY_BLOCKS * 2
    assert frozen_by(100) <= 0  # one that was set apart may go meanwhile


def test_two_loads_at_a_time_do_not_undo_each_other() -> None:
    usual_s, usual = sys.getswitchinterval(), gc.get_threshold()
    first_in, second_done = threading.Event(), threading.Event()

    def second() -> None:
        first_in.wait()
        with quietly():
            pass
        second_done.set()

    thread = threading.Thread(target=second)
    thread.start()
    with quietly():
        first_in.set()
        assert not second_done.wait(0.05)
        assert gc.get_threshold()[2] == NEVER
    thread.join()
    assert gc.get_threshold() == usual
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_letting_go_frees_what_nobody_else_holds_one_after_the_other() -> None:
    freed: list[int] = []

    class Part:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            freed.append(self.number)

    kept = Part(1)
    parts = [Part(0), kept, Part(2)]
    let_go(parts)
    assert parts == []
    assert freed == [2, 0]


def test_a_thread_beside_the_event_loop_rests_between_steps_and_a_start_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began: list[str] = []

    def in_steps() -> nullcontext[None]:
        began.append("steps")
        return nullcontext()

    monkeypatch.setattr("apigateway.live.quiet.in_steps", in_steps)

    def load() -> None:
        with quietly():
            pass

    load()
    assert began == []
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert began == ["steps"]
