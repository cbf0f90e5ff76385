"""How many calls may be at one backend at a time; the others wait in the order they came.

The pool of connections cannot keep the count: it knows a backend by its TLS profile and server
name too, and each of them would have a limit of its own.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

Address = tuple[str, int]


@dataclass(slots=True)
class _Queue:
    """The calls at one address: how many are `inside`, and who waits, each with its limit."""

    inside: int = 0
    waiting: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)


class Turns:
    """Counts by address. A limit comes with each call, so that a changed one holds at once."""

    def __init__(self) -> None:
        self._queues: dict[Address, _Queue] = {}

    def turn(self, address: Address, limit: int) -> "_Turn":
        """Be one of at most `limit` at `address`. Who waits may be cancelled at any moment."""
        return _Turn(self, address, limit)

    async def enter(self, address: Address, limit: int) -> _Queue:
        queue = self._queues.get(address)
        if queue is None:
            queue = self._queues[address] = _Queue()
        if queue.inside < limit and not queue.waiting:
            queue.inside += 1
        else:
            await self._wait(address, queue, limit)
        return queue

    async def _wait(self, address: Address, queue: _Queue, limit: int) -> None:
        called = asyncio.get_running_loop().create_future()
        queue.waiting.append((limit, called))
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._call_next(address, queue)
            else:  # called and cancelled in one moment
                self.leave(address, queue)
            raise

    def leave(self, address: Address, queue: _Queue) -> None:
        queue.inside -= 1
        self._call_next(address, queue)

    def _call_next(self, address: Address, queue: _Queue) -> None:
        waiting = queue.waiting
        while waiting and (waiting[0][1].cancelled() or queue.inside < waiting[0][0]):
            _, called = waiting.popleft()
            if not called.cancelled():
                queue.inside += 1
                called.set_result(None)
        if not queue.inside and not waiting and self._queues.get(address) is queue:
            del self._queues[address]


class _Turn:
    """`async with` this: inside, it is this caller's turn."""

    __slots__ = ("_address", "_limit", "_queue", "_turns")

    def __init__(self, turns: Turns, address: Address, limit: int) -> None:
        self._turns, self._address, self._limit = turns, address, limit
        self._queue: _Queue | None = None

    async def __aenter__(self) -> None:
        self._queue = await self._turns.enter(self._address, self._limit)

    async def __aexit__(self, *_: object) -> None:
        assert self._queue is not None
        self._turns.leave(self._address, self._queue)
