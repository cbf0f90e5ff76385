"""What comes in one turn of the event loop is settled together: one transaction for many calls.

A turn is all that is ready to run before the loop looks for news again. Who comes alone is settled
at once; only after a turn in which several came does the next one wait for its end. Whoever comes
while the store is busy waits behind those who were there before.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from copy import copy
from typing import Generic, TypeVar

from apigateway.ports import StoreUnavailable
from apigateway.store.connection import StoreBusy

A = TypeVar("A")
T = TypeVar("T")

MOST_AT_ONCE = 64
"""Of one transaction, so that the loop and other processes have their turn in between."""

# Drawn by lot, so that waiting processes do not meet again at the same moment.
_BUSY_WAIT_S = (0.0005, 0.003)


class _Waiting(Generic[A, T]):
    __slots__ = ("answer", "asked", "until_s")

    def __init__(self, asked: A, answer: "asyncio.Future[T]") -> None:
        self.asked = asked
        self.answer = answer
        self.until_s: float | None = None


class _Turn(Generic[A, T]):
    """The turn of one event loop. `came` in it so far, of whom `waiting` are not settled;
    `singly` of them are settled one by one. `is_planned`: its end will be called."""

    __slots__ = ("came", "is_planned", "loop", "singly", "waiting", "was_crowded")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.came = 0
        self.singly = 0
        self.is_planned = False
        self.was_crowded = False
        self.waiting: list[_Waiting[A, T]] = []


class GroupCommit(Generic[A, T]):
    """`settle` takes a group, in the order they came, and gives an answer to each or raises: then
    it has done nothing.

    StoreBusy is awaited beside the loop, for `patience_s` from when it was first met; then it is
    the answer, as is any other StoreUnavailable, to the whole group. Any other error is one of
    them alone, so each is tried alone then. Who is cancelled before the group is settled was never
    a part of it; later, what was done is done.
    """

    def __init__(self, settle: Callable[[Sequence[A]], Sequence[T]], *, patience_s: float) -> None:
        self._settle = settle
        self._patience_s = patience_s
        self._turn: _Turn[A, T] | None = None

    async def settled(self, asked: A) -> T:
        loop = asyncio.get_running_loop()
        turn = self._turn
        if turn is None or turn.loop is not loop:
            turn = self._turn = _Turn(loop)
        turn.came += 1
        if not turn.is_planned:
            turn.is_planned = True
            loop.call_soon(self._end, turn)
            if not turn.was_crowded:
                try:
                    return self._settle((asked,))[0]
                except StoreBusy:
                    pass
        waiting: _Waiting[A, T] = _Waiting(asked, loop.create_future())
        turn.waiting.append(waiting)
        return await waiting.answer

    def _end(self, turn: _Turn[A, T]) -> None:
        turn.is_planned = False
        turn.was_crowded = turn.came > 1
        turn.came = 0
        while turn.waiting:
            most = 1 if turn.singly else MOST_AT_ONCE
            turn.singly = max(0, turn.singly - 1)
            group = turn.waiting[:most]
            del turn.waiting[:most]
            group = [one for one in group if not one.answer.done()]
            if group and not self._try(turn, group):
                turn.is_planned = True
                turn.loop.call_later(random.uniform(*_BUSY_WAIT_S), self._end, turn)
                return

    def _try(self, turn: _Turn[A, T], group: list[_Waiting[A, T]]) -> bool:
        """False: the store is busy, and somebody still has patience."""
        try:
            answers = self._settle([one.asked for one in group])
        except StoreBusy as busy:
            turn.waiting[:0] = self._patient(group, busy)
            return not turn.waiting
        except StoreUnavailable as problem:
            _tell(group, problem)
        except Exception as bug:
            if len(group) == 1:
                group[0].answer.set_exception(bug)
            else:
                turn.waiting[:0] = group
                turn.singly = len(group)
        else:
            for one, answer in zip(group, answers, strict=True):
                one.answer.set_result(answer)
        return True

    def _patient(self, group: list[_Waiting[A, T]], busy: StoreBusy) -> list[_Waiting[A, T]]:
        """Who goes on waiting; the others are told that the store is busy."""
        now_s = time.monotonic()
        for one in group:
            if one.until_s is None:
                one.until_s = now_s + self._patience_s
        _tell([one for one in group if one.until_s is not None and one.until_s <= now_s], busy)
        return [one for one in group if not one.answer.done()]


def _tell(group: Sequence[_Waiting[A, T]], problem: StoreUnavailable) -> None:
    """An error of their own each: one that is raised in several tasks collects all their frames."""
    for one in group:
        own = copy(problem)
        own.__cause__ = problem.__cause__
        one.answer.set_exception(own)
