"""At most so many at a time, the others in their order, and no turn is ever lost."""

import asyncio
import contextlib
import random

import pytest

from apigateway.backends.turns import Address, Turns

HERE, THERE = ("192.0.2.1", 80), ("192.0.2.1", 81)


class Visitor:
    """A task that stays inside until it is told to go."""

    def __init__(self, turns: Turns, address: Address = HERE, limit: int = 1) -> None:
        self.inside = False
        self._go = asyncio.Event()
        self.task = asyncio.create_task(self._visit(turns, address, limit))

    async def _visit(self, turns: Turns, address: Address, limit: int) -> None:
        async with turns.turn(address, limit):
            self.inside = True
            try:
                await self._go.wait()
            finally:
                self.inside = False

    def go(self) -> None:
        self._go.set()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_those_beyond_the_limit_wait_in_the_order_they_came() -> None:
    async def run() -> None:
        turns = Turns()
        visitors = [Visitor(turns, limit=2) for _ in range(4)]
        await settle()
        assert [visitor.inside for visitor in visitors] == [True, True, False, False]
        visitors[1].go()
        await settle()
        assert [visitor.inside for visitor in visitors] == [True, False, True, False]
        late = Visitor(turns, limit=2)
        visitors[0].go()
        await settle()
        assert (visitors[3].inside, late.inside) == (True, False)
        for visitor in (*visitors, late):
            visitor.go()
        await asyncio.gather(*(visitor.task for visitor in (*visitors, late)))
        assert not turns._queues

    asyncio.run(run())


def test_each_address_has_turns_of_its_own() -> None:
    async def run() -> None:
        turns = Turns()
        here, there = Visitor(turns, HERE), Visitor(turns, THERE)
        await settle()
        assert here.inside and there.inside
        here.go()
        there.go()
        await asyncio.gather(here.task, there.task)

    asyncio.run(run())


def test_one_that_is_cancelled_while_waiting_is_passed_over() -> None:
    async def run() -> None:
        turns = Turns()
        first, second, third = (Visitor(turns) for _ in range(3))
        await settle()
        second.task.cancel()
        first.go()
        await settle()
        assert third.inside
        third.go()
        await third.task
        assert not turns._queues

    asyncio.run(run())


def test_one_that_is_called_and_cancelled_in_one_moment_gives_its_turn_on() -> None:
    async def run() -> None:
        turns = Turns()
        first, second, third = (Visitor(turns) for _ in range(3))
        await settle()
        first.go()
        await asyncio.sleep(0)  # the first has left and called the second, which has not run yet
        second.task.cancel()
        await settle()
        assert second.task.cancelled() and third.inside
        third.go()
        await third.task
        assert not turns._queues

    asyncio.run(run())


def test_one_that_hears_late_of_its_cancellation_ends_no_queue_but_its_own() -> None:
    async def run() -> None:
        turns, go, done = Turns(), asyncio.Event(), asyncio.Event()

        async def twice() -> None:
            async with turns.turn(HERE, 1):
                await go.wait()
            async with turns.turn(HERE, 1):
                await done.wait()

        first = asyncio.create_task(twice())
        await settle()
        second = Visitor(turns)
        await settle()
        go.set()
        second.task.cancel()  # its queue is over, and a new one begun, before it runs
        await settle()
        third = Visitor(turns)
        await settle()
        assert not third.inside
        done.set()
        third.go()
        await asyncio.gather(first, third.task)

    asyncio.run(run())


def test_an_error_inside_ends_the_turn() -> None:
    async def run() -> None:
        turns = Turns()
        with pytest.raises(ValueError):
            async with turns.turn(HERE, 1):
                raise ValueError
        async with asyncio.timeout(30), turns.turn(HERE, 1):
            pass

    asyncio.run(run())


def test_a_larger_limit_lets_more_in_and_a_smaller_one_waits_until_it_is_kept() -> None:
    async def run() -> None:
        turns = Turns()
        old = [Visitor(turns, limit=1) for _ in range(2)]
        await settle()
        new = [Visitor(turns, limit=3) for _ in range(2)]
        old[0].go()
        await settle()
        assert (old[1].inside, new[0].inside, new[1].inside) == (True, True, True)
        strict = Visitor(turns, limit=1)
        for visitor in (old[1], new[0]):
            visitor.go()
        await settle()
        assert not strict.inside
        new[1].go()
        await settle()
        assert strict.inside
        strict.go()
        await strict.task

    asyncio.run(run())


def test_a_waiter_with_a_small_limit_that_gives_up_lets_those_behind_it_in() -> None:
    async def run() -> None:
        turns = Turns()
        first, strict, behind = Visitor(turns), Visitor(turns, limit=1), Visitor(turns, limit=2)
        await settle()
        assert not behind.inside
        strict.task.cancel()
        await settle()
        assert behind.inside
        for visitor in (first, behind):
            visitor.go()
        await asyncio.gather(first.task, behind.task)
        assert not turns._queues

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_no_turn_is_lost_and_none_is_too_many(seed: int) -> None:
    chance = random.Random(seed)

    async def run() -> None:
        turns, inside, most = Turns(), 0, 0

        async def visit() -> None:
            nonlocal inside, most
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.random() / 200), turns.turn(HERE, 3):
                    inside += 1
                    most = max(most, inside)
                    try:
                        await asyncio.sleep(chance.random() / 500)
                    finally:
                        inside -= 1

        await asyncio.gather(*(visit() for _ in range(200)))
        assert (inside, most) == (0, 3)
        assert not turns._queues

    asyncio.run(run())
