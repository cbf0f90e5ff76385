"""How many calls may be at one backend at a time; the others wait in the order they came.

The pool of connections cannot keep the count: it knows a backend by its TLS profile and server
name too, and each of them would have a limit of its own.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
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

    @contextlib.asynccontextmanager
    async def turn(self, address: Address, limit: int) -> AsyncIterator[None]:
        """Be one of at most `limit` at `address`. Who waits may be cancelled at any moment."""
        queue = self._queues.setdefault(address, _Queue())
        if queue.inside < limit and not queue.waiting:
            queue.inside += 1
        else:
            await self._wait(address, queue, limit)
        try:
            yield
        finally:
            self._leave(address, queue)

    async def _wait(self, address: Address, queue: _Queue, limit: int) -> None:
        called = asyncio.get_running_loop().create_future()
        queue.waiting.append((limit, called))
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._call_next(address, queue)
            else:  # called and cancelled in one moment
                self._leave(address, queue)
            raise

    def _leave(self, address: Address, queue: _Queue) -> None:
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
