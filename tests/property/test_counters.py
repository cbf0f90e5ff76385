"""Any sequence of takes, with any steps of the clock, agrees with a simple model."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.model.windows import WindowUnit
from apigateway.ports import Counters, Dimension, Limit
from apigateway.store.memory import MemoryStore
from apigateway.store.sqlite import SqliteStore

START_MS = 1_700_000_000_000

LIMITS = (
    Limit("second", 2, WindowUnit.SECOND, Dimension.CLIENT_IP),
    Limit("minute", 3, WindowUnit.MINUTE, Dimension.APP),
    Limit("hour", 5, WindowUnit.HOUR, Dimension.API),
    Limit("day", 8, WindowUnit.DAY, Dimension.DOMAIN),
)

clock_steps = st.one_of(
    st.integers(0, 300),
    st.integers(-2_000, 5_000),
    st.integers(-200_000, 200_000),
    st.integers(-10 * 86_400_000, 10 * 86_400_000),
)
sequences = st.lists(
    st.tuples(clock_steps, st.lists(st.sampled_from(LIMITS), unique=True, max_size=4)),
    min_size=1,
    max_size=60,
)


@dataclass
class Model:
    """The number of the last window of each key that was charged, and the calls used in it."""

    window: dict[str, int] = field(default_factory=dict)
    used: Counter[str] = field(default_factory=Counter)

    def take(self, limits: Sequence[Limit], now_ms: int) -> tuple[bool, list[tuple[int, int]]]:
        """Whether the call is granted, and window and use of each limit as they then stand."""
        seen = []
        for limit in limits:
            now = now_ms // limit.unit.milliseconds
            last = self.window.get(limit.key, now)
            if last - now > 1:
                self.window[limit.key] = last = now
            seen.append((max(now, last), self.used[limit.key] if now <= last else 0))
        if any(used >= limit.ceiling for limit, (_, used) in zip(limits, seen, strict=True)):
            return False, seen
        for limit, (window, used) in zip(limits, seen, strict=True):
            self.window[limit.key], self.used[limit.key] = window, used + 1
        return True, [(window, used + 1) for window, used in seen]


async def agrees(counters: Counters, steps: list[tuple[int, list[Limit]]]) -> None:
    model = Model()
    now_ms = START_MS
    for step_ms, limits in steps:
        now_ms += step_ms
        granted, expected = model.take(limits, now_ms)
        tally = await counters.take(limits, now_ms)
        assert (tally.refused is None) == granted
        for limit, standing, (window, used) in zip(limits, tally.standings, expected, strict=True):
            unit_ms = limit.unit.milliseconds
            assert standing.limit == limit
            assert standing.used == used <= limit.ceiling
            assert standing.resets_ms == (window + 1) * unit_ms
            assert now_ms < standing.resets_ms <= now_ms + 2 * unit_ms


async def never_above_the_ceiling(counters: Counters, steps: list[tuple[int, list[Limit]]]) -> None:
    """Without a model: while the clock does not jump back, a window grants its ceiling."""
    granted: Counter[tuple[str, int]] = Counter()
    now_ms = START_MS
    for step_ms, limits in steps:
        now_ms += abs(step_ms)
        tally = await counters.take(limits, now_ms)
        if tally.refused is None:
            granted.update((limit.key, now_ms // limit.unit.milliseconds) for limit in limits)
    for limit in LIMITS:
        assert all(
            calls <= limit.ceiling for (key, _), calls in granted.items() if key == limit.key
        )


@given(sequences)
def test_memory_agrees_with_the_model(steps: list[tuple[int, list[Limit]]]) -> None:
    asyncio.run(agrees(MemoryStore().counters, steps))


@given(sequences)
def test_no_window_grants_more_than_its_ceiling(steps: list[tuple[int, list[Limit]]]) -> None:
    asyncio.run(never_above_the_ceiling(MemoryStore().counters, steps))


@settings(deadline=None, max_examples=40)
@given(sequences)
def test_sqlite_agrees_with_the_model(steps: list[tuple[int, list[Limit]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "gateway.db")
        store.open()
        try:
            asyncio.run(agrees(store.counters, steps))
        finally:
            store.close()
