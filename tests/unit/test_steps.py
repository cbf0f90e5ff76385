"""Long work rests between its steps, where it has a reason to."""

import threading

import pytest

from apigateway import steps
from apigateway.steps import REST_S, WORK_S, in_steps, step


class Clock:
    """Time as `steps` sees it; it also notes the rests."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.rests: list[float] = []

    def perf_counter(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(steps, "time", clock)
    return clock


def test_a_step_is_followed_by_a_rest_when_it_was_long_enough(clock: Clock) -> None:
    with in_steps():
        step()
        clock.now_s += WORK_S * 0.9
        step()
        assert clock.rests == []
        clock.now_s += WORK_S * 0.2
        step()
        assert clock.rests == [REST_S]
        step()
        clock.now_s += WORK_S * 1.1
        step()
    assert clock.rests == [REST_S, REST_S]


def test_nobody_rests_without_a_reason(clock: Clock) -> None:
    clock.now_s += 10
    step()
    with in_steps():
        pass
    clock.now_s += 10
    step()
    assert clock.rests == []


def test_a_block_in_another_leaves_the_outer_one_as_it_was(clock: Clock) -> None:
    with in_steps():
        with in_steps():
            clock.now_s += WORK_S * 2
        step()
    assert clock.rests == [REST_S]


def test_what_goes_wrong_ends_the_rests(clock: Clock) -> None:
    with pytest.raises(ValueError, match="wrong"), in_steps():
        raise ValueError("wrong")
    clock.now_s += 10
    step()
    assert clock.rests == []


def test_a_thread_rests_for_itself(clock: Clock) -> None:
    with in_steps():
        clock.now_s += 10
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        assert clock.rests == []
        step()
    assert clock.rests == [REST_S]
