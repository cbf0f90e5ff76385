"""Which calls are settled together, and what becomes of them when that fails."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from apigateway.ports import StoreUnavailable
from apigateway.store import group_commit as module
from apigateway.store.connection import StoreBusy
from apigateway.store.group_commit import MOST_AT_ONCE, GroupCommit


class Clock:
    """Stands in for the module `time`."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


class Till:
    """Answers each call with its double. `groups` are those it was given; the next one fails with
    the first of `problems`, where that is not None."""

    def __init__(self, *problems: Exception | None, patience_s: float = 60.0) -> None:
        self.groups: list[list[int]] = []
        self.problems = list(problems)
        self.commit = GroupCommit(self.settle, patience_s=patience_s)

    def settle(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem
        if 13 in group:
            raise KeyError("a bug of 13")
        return [2 * number for number in group]

    async def all(self, *numbers: int) -> list[Any]:
        """All of them in one turn."""
        calls = map(self.commit.settled, numbers)
        return [*await asyncio.gather(*calls, return_exceptions=True)]


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(work())


def test_who_comes_alone_is_settled_at_once_without_giving_way() -> None:
    till = Till()

    async def alone() -> None:
        for number in (1, 2):
            with pytest.raises(StopIteration) as ended:
                till.commit.settled(number).send(None)
            assert ended.value.value == 2 * number
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    run(alone)
    assert till.groups == [[1], [2]]


def test_all_behind_the_first_of_a_turn_are_one_group_in_their_order() -> None:
    till = Till()
    assert run(lambda: till.all(1, 2, 3, 4)) == [2, 4, 6, 8]
    assert till.groups == [[1], [2, 3, 4]]


def test_after_a_crowded_turn_the_first_one_waits_too_until_one_is_alone() -> None:
    till = Till()

    async def turns() -> None:
        await till.all(1, 2)
        await till.all(3, 4)
        await till.all(5)
        await till.all(6)
        await till.all(7, 8)

    run(turns)
    assert till.groups == [[1], [2], [3, 4], [5], [6], [7], [8]]


def test_a_group_is_no_larger_than_is_good_for_the_others() -> None:
    till = Till()
    run(lambda: till.all(*range(100, 101 + 2 * MOST_AT_ONCE)))
    assert [len(group) for group in till.groups] == [1, MOST_AT_ONCE, MOST_AT_ONCE]


def test_a_busy_store_is_asked_again_for_all_in_their_order() -> None:
    till = Till(StoreBusy("held"), StoreBusy("held"), StoreBusy("held"))
    assert run(lambda: till.all(1, 2, 3)) == [2, 4, 6]
    assert till.groups == [[1], [1, 2, 3], [1, 2, 3], [1, 2, 3]]


def test_a_group_that_found_the_store_busy_is_before_the_rest() -> None:
    till = Till(None, StoreBusy("held"))
    run(lambda: till.all(*range(100, 101 + 2 * MOST_AT_ONCE)))
    settled = [number for group in (till.groups[0], *till.groups[2:]) for number in group]
    assert settled == list(range(100, 101 + 2 * MOST_AT_ONCE))


def test_who_comes_while_the_store_is_busy_waits_behind_the_others() -> None:
    till = Till(*[StoreBusy("held")] * 3)

    async def late() -> list[int]:
        first = asyncio.create_task(till.commit.settled(1))
        while len(till.groups) < 2:
            await asyncio.sleep(0)
        return list(await asyncio.gather(first, till.commit.settled(2)))

    assert run(late) == [2, 4]
    assert till.groups == [[1], [1], [1, 2], [1, 2]]


def test_patience_is_everybodys_own_and_begins_when_the_store_was_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    till = Till(*[StoreBusy("held")] * 1_000, patience_s=5)
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)

    async def tries(more: int) -> None:
        wanted = len(till.groups) + more
        while len(till.groups) < wanted:
            await asyncio.sleep(0.001)

    async def late() -> list[Any]:
        first = asyncio.create_task(till.commit.settled(1))
        await tries(2)
        clock.now_s += 3
        second = asyncio.create_task(till.commit.settled(2))
        await tries(2)
        assert not first.done()
        clock.now_s += 3
        async with asyncio.timeout(60):
            found = [*await asyncio.gather(first, return_exceptions=True)]
        await tries(2)
        assert not second.done()
        till.problems.clear()
        return [*found, await second]

    problem, answer = run(late)
    assert isinstance(problem, StoreBusy)
    assert str(problem) == "held"
    assert answer == 4


@pytest.mark.parametrize("kind", [StoreUnavailable, StoreBusy])
def test_a_failure_fails_each_with_an_error_of_its_own(kind: type[StoreUnavailable]) -> None:
    failure = kind("the disk is full")
    failure.__cause__ = OSError("ENOSPC")
    till = Till(None, *[failure] * 2, patience_s=0)
    first, *others = run(lambda: till.all(1, 2, 3))
    assert first == 2
    assert {(type(each), str(each)) for each in others} == {(kind, "the disk is full")}
    assert {each.__cause__ for each in others} == {failure.__cause__}
    assert others[0] is not others[1]
    till.problems.clear()
    assert run(lambda: till.all(4)) == [8]


def test_a_mistake_of_one_is_not_the_others() -> None:
    till = Till()
    first, second, wrong, last = run(lambda: till.all(1, 2, 13, 4))
    assert (first, second, last) == (2, 4, 8)
    assert isinstance(wrong, KeyError)
    assert till.groups == [[1], [2, 13, 4], [2], [13], [4]]
    assert run(lambda: till.all(6, 7, 8)) == [12, 14, 16]


def test_a_mistake_of_one_alone_is_its_own() -> None:
    till = Till()
    (wrong,) = run(lambda: till.all(13))
    assert isinstance(wrong, KeyError)


def test_who_is_cancelled_before_was_never_a_part_of_it() -> None:
    till = Till()

    async def cancel() -> list[Any]:
        tasks = [asyncio.create_task(till.commit.settled(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)  # they have begun, and nothing more
        tasks[1].cancel()
        return [*await asyncio.gather(*tasks, return_exceptions=True)]

    first, cancelled, last = run(cancel)
    assert (first, last) == (2, 6)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert till.groups[-1][-1] == 3
    assert 2 not in [number for group in till.groups for number in group]


def test_who_is_cancelled_afterwards_takes_nothing_back() -> None:
    till = Till()

    async def cancel() -> list[Any]:
        tasks = [asyncio.create_task(till.commit.settled(number)) for number in (1, 2)]
        while len(till.groups) < 2:
            await asyncio.sleep(0)
        tasks[1].cancel()
        return [*await asyncio.gather(*tasks, return_exceptions=True)]

    assert isinstance(run(cancel)[1], asyncio.CancelledError)
    assert till.groups == [[1], [2]]


def test_who_is_cancelled_while_the_store_is_busy_is_not_asked_for_again() -> None:
    till = Till(*[StoreBusy("held")] * 3)

    async def cancel() -> list[Any]:
        tasks = [asyncio.create_task(till.commit.settled(number)) for number in (1, 2)]
        while len(till.groups) < 3:
            await asyncio.sleep(0)
        tasks[0].cancel()
        return [*await asyncio.gather(*tasks, return_exceptions=True)]

    assert run(cancel)[1] == 4
    assert till.groups == [[1], [1, 2], [1, 2], [2]]


def test_each_event_loop_has_turns_of_its_own() -> None:
    till = Till(None, *[StoreBusy("held")] * 100)

    async def left() -> None:
        for number in (1, 2):
            asyncio.create_task(till.commit.settled(number))  # noqa: RUF006
        await asyncio.sleep(0.01)

    run(left)
    till.problems.clear()
    assert run(lambda: till.all(3, 4)) == [6, 8]
    assert till.groups[-2:] == [[3], [4]]


def test_the_loop_goes_on_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUSY_WAIT_S", (0.05, 0.06))
    till = Till(*[StoreBusy("held")] * 5)

    async def both() -> int:
        asked = asyncio.create_task(till.commit.settled(1))
        passed = 0
        while not asked.done():
            await asyncio.sleep(0)
            passed += 1
        return passed

    assert run(both) > 50
