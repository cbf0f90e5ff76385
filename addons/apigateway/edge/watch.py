"""How long a connection may keep us waiting, how many there may be, how busy one may be for
nothing. Plain numbers: one task looks at all deadlines, none is made for a request.
"""

import math
import time
from collections import Counter
from collections.abc import Callable

from apigateway.model.settings import EdgeLimits

Clock = Callable[[], float]


class Watch:
    """The deadline of one connection, in seconds of a monotonic clock. `ready` once there is an
    HTTP layer that can answer a deadline; before that, the connection is just closed."""

    __slots__ = ("_clock", "address", "deadline", "ready", "unsent")

    def __init__(self, address: str, seconds: float, clock: Clock = time.monotonic) -> None:
        self.address = address
        self.ready = False
        self.unsent: float = math.inf
        self._clock = clock
        self.within(seconds)

    def within(self, seconds: float) -> None:
        """Something has to happen within this time."""
        self.deadline = self._clock() + seconds

    def rest(self) -> None:
        """Nobody waits for the client."""
        self.deadline = math.inf

    def still_reads(self, unsent: int) -> bool:
        """Whether a client that has bytes to fetch fetched some since it was last asked."""
        before, self.unsent = self.unsent, unsent
        return 0 < unsent < before


class Census:
    """The connections there are, by client address."""

    def __init__(self) -> None:
        self.total = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str, limits: EdgeLimits) -> str:
        """Why one more connection is too many, "" when it is not and was counted."""
        if self.total >= limits.connections:
            return f"there are {self.total} connections, no more are served"
        if self._by_address[address] >= limits.connections_per_client:
            return f"{address} has {self._by_address[address]} connections, no more are served"
        self.total += 1
        self._by_address[address] += 1
        return ""

    def leave(self, address: str) -> None:
        self.total -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Patience:
    """A leaking bucket for frames that cost us something and bring nothing: resets, pings,
    settings, empty data. Full at once, it takes `leak` a second."""

    def __init__(
        self, most: float = 1000, leak: float = 100, clock: Clock = time.monotonic
    ) -> None:
        self._most, self._leak, self._clock = most, leak, clock
        self._level = 0.0
        self._at = clock()

    def is_over(self, cost: float) -> bool:
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._at) * self._leak) + cost
        self._at = now
        return self._level > self._most
