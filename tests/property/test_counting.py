"""What every store promises of its counts, whatever is taken, however the clock moves.

Nothing here knows how a store counts. Grants are written down with the time of the clock, and
what was promised is looked for in them:

- of a window no more than its ceiling is granted, and nobody is refused below it;
- of a bucket no interval grants more than it holds and leaks meanwhile, and nobody is refused who
  would fit;
- who waits is let through no faster than the bucket leaks;
- a refused call is charged nowhere, and a look charges nothing and sees what a take would find;
- a clock that goes back gives no calls: a later window begins only when the clock comes to where
  it has not been, a bucket leaks only then. Where it has been is forgotten when it goes back by
  more than a window (a bucket: a second), and with it goes no count;
- nor does it lock anyone out: who comes back when told is served, and is told to come within the
  window of now or the next one (a bucket: within a second and the time to leak).
"""

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis_server import RedisServer

from apigateway.model.windows import Window, WindowUnit, Zone
from apigateway.ports import Counters, Dimension, Limit, Standing, Tally
from apigateway.store.memory import MemoryStore
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore
from apigateway.store.windows import PATIENCE_MS

START_MS = 1_774_735_200_000  # 28 March 2026, 23:00 in Berlin: the next day has 23 hours
HOUR_MS = 3_600_000

BERLIN, LORD_HOWE = Zone("Europe/Berlin"), Zone("Australia/Lord_Howe")
LIMITS = (
    Limit("second", 2, WindowUnit.SECOND, Dimension.CLIENT_IP),
    Limit("minute", 3, WindowUnit.MINUTE, Dimension.APP),
    Limit("hour", 4, WindowUnit.HOUR, Dimension.API, zone=LORD_HOWE),
    Limit("day", 6, WindowUnit.DAY, Dimension.DOMAIN, zone=BERLIN),
    Limit("bucket", 2, WindowUnit.SECOND, Dimension.USER, queue=0),
    Limit("queue", 3, WindowUnit.SECOND, Dimension.GROUP, queue=2),
)

steps = st.one_of(
    st.integers(0, 5),
    st.integers(0, 700),
    st.integers(0, 90_000),
    st.sampled_from([333, 334, 500, 1_000, 60_000, HOUR_MS, 23 * HOUR_MS, 24 * HOUR_MS]),
)
steps_back = st.one_of(
    st.integers(1, 1_200),
    st.integers(1, 90_000),
    st.sampled_from([PATIENCE_MS, PATIENCE_MS + 1, HOUR_MS, 25 * HOUR_MS, 400 * 24 * HOUR_MS]),
)


@dataclass
class KeptWindow:
    """The grants of a window's key, and what was promised of them."""

    limit: Limit
    furthest: Window | None = None
    """Where the clock has been with a grant."""
    seen_ms: int = 0
    went_back: bool = False
    """Whether the clock ever went back: then promises are bounds, before that they are exact."""
    grants: int = 0
    by_window: dict[Window, int] = field(default_factory=dict)
    in_furthest: int = 0
    highest: int = 0
    """The highest ceiling for those grants."""

    def clock(self, now_ms: int) -> None:
        self.went_back |= now_ms < self.seen_ms
        self.seen_ms = now_ms
        window = self._window(now_ms)
        if self.furthest and window.end_ms < self.furthest.start_ms:
            self.furthest = window

    def granted(self, standing: Standing, now_ms: int) -> None:
        window = self._window(now_ms)
        if self.furthest is None or window.start_ms > self.furthest.start_ms:
            self.furthest, self.in_furthest, self.highest = window, 0, 0
        self.in_furthest += 1
        self.highest = max(self.highest, standing.limit.ceiling)
        assert self.in_furthest <= self.highest
        self.by_window[window] = self.by_window.get(window, 0) + 1
        self.grants += 1
        assert standing.wait_ms == 0
        if not self.went_back:
            assert self.by_window[window] <= standing.limit.ceiling
            assert standing.used == self.by_window[window]
            assert standing.remaining == standing.limit.ceiling - standing.used
            assert standing.resets_ms == window.end_ms

    def refused(self, standing: Standing, now_ms: int) -> None:
        window = self._window(now_ms)
        following = self._window(window.end_ms)
        assert standing.remaining == 0
        assert self.grants >= standing.limit.ceiling
        assert standing.resets_ms in (window.end_ms, following.end_ms)
        if not self.went_back:
            assert self.by_window.get(window, 0) >= standing.limit.ceiling
            assert standing.resets_ms == window.end_ms

    def _window(self, moment_ms: int) -> Window:
        return self.limit.zone.window_at(self.limit.unit, moment_ms)


@dataclass
class KeptBucket:
    """The grants of a bucket's key, and what was promised of them."""

    furthest_ms: int = 0
    """Where the clock has been with a grant."""
    seen_ms: int = 0
    went_back: bool = False
    new_ms: int = 0
    """How long the clock was where it had not been before, in all."""
    leaked: Fraction = Fraction(0)
    """What could have leaked up to the last grant."""
    most_room: int = 0
    fastest: int = 0
    by_new: list[int] = field(default_factory=list)
    by_leaked: list[Fraction] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)

    def clock(self, now_ms: int) -> None:
        self.went_back |= now_ms < self.seen_ms
        self.seen_ms = now_ms
        if self.furthest_ms - now_ms > PATIENCE_MS:
            self.furthest_ms = now_ms

    def level(self, limit: Limit, now_ms: int) -> Fraction:
        """What is in the bucket: of all moments since when it may have been running over, the one
        that says most (without a clock that went back)."""
        leaked = self._leaked(limit, now_ms)
        grants = len(self.by_leaked)
        since = [grants - place - (leaked - at) for place, at in enumerate(self.by_leaked)]
        return max([Fraction(0), *since])

    def granted(self, standing: Standing, now_ms: int) -> None:
        limit = standing.limit
        assert limit.queue is not None
        room = limit.ceiling + limit.queue
        self.most_room = max(self.most_room, room)
        self.fastest = max(self.fastest, limit.ceiling)
        if not self.went_back:
            level = self.level(limit, now_ms) + 1
            assert level <= room
            assert standing.used == -(-level.numerator // level.denominator)
            over = max(Fraction(0), level - limit.ceiling) * 1000 / limit.ceiling
            assert standing.wait_ms == -(-over.numerator // over.denominator)
        self.leaked = self._leaked(limit, now_ms)
        self.new_ms += max(0, now_ms - self.furthest_ms)
        self.furthest_ms = max(self.furthest_ms, now_ms)
        self.by_leaked.append(self.leaked)
        self.by_new.append(self.new_ms)
        self.turns.append(now_ms + standing.wait_ms)
        for place, at_ms in enumerate(self.by_new):
            most = self.most_room + Fraction(self.fastest * (self.new_ms - at_ms), 1000)
            assert len(self.by_new) - place <= most

    def refused(self, standing: Standing, now_ms: int) -> None:
        limit = standing.limit
        assert limit.queue is not None
        room = limit.ceiling + limit.queue
        wait_ms = standing.resets_ms - now_ms
        over = max(0, self.most_room - room) + 1
        assert 0 < wait_ms <= PATIENCE_MS + 1 + over * 1000 / limit.ceiling
        if not self.went_back:
            assert self.level(limit, now_ms) + 1 > room
            # To the millisecond: no sooner, and no later.
            assert self.level(limit, standing.resets_ms - 1) + 1 > room
            assert self.level(limit, standing.resets_ms) + 1 <= room

    def check_turns(self) -> None:
        """No interval lets through more than the ceiling and what leaks, up to a millisecond."""
        turns = sorted(self.turns)
        for place, first_ms in enumerate(turns):
            for passed, turn_ms in enumerate(turns[place:], 1):
                assert passed <= self.fastest + Fraction(
                    self.fastest * (turn_ms - first_ms + 1), 1000
                )

    def _leaked(self, limit: Limit, now_ms: int) -> Fraction:
        return self.leaked + Fraction(limit.ceiling * (now_ms - self.furthest_ms), 1000)


class Counting(RuleBasedStateMachine):
    """Three stores that are asked the same, and what they must not break."""

    redis: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        sqlite = SqliteStore(folder / "gateway.db")
        # Rows that are too old go once a second, of real time; here the clock jumps about.
        sqlite._recorder.purges = ()
        self.stores: list[Any] = [
            MemoryStore(),
            sqlite,
            RedisStore(self.redis.settings(timeout_s=10.0), folder / "records.db", own_clock=False),
        ]
        self.runner = asyncio.Runner()
        self.now_ms = START_MS
        self.limits = {limit.key: limit for limit in LIMITS}
        self.kept: dict[str, KeptWindow | KeptBucket] = {
            limit.key: KeptWindow(limit) if limit.queue is None else KeptBucket()
            for limit in LIMITS
        }
        self.last_refusal: Standing | None = None

    @initialize()
    def open(self) -> None:
        for store in self.stores:
            store.open()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.runner.close()
        self.folder.cleanup()

    @rule(step_ms=steps)
    def time_goes_on(self, step_ms: int) -> None:
        self.now_ms += step_ms

    @rule(step_ms=steps_back)
    def the_clock_is_set_back(self, step_ms: int) -> None:
        self.now_ms -= step_ms

    @rule(key=st.sampled_from([limit.key for limit in LIMITS]), ceiling=st.integers(1, 7))
    def a_ceiling_is_changed(self, key: str, ceiling: int) -> None:
        self.limits[key] = replace(self.limits[key], ceiling=ceiling)
        self.last_refusal = None

    @rule(which=st.integers(0, 2))
    def a_store_is_restarted(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which].open()

    @rule(keys=st.lists(st.sampled_from([limit.key for limit in LIMITS]), unique=True, max_size=6))
    def a_call_comes(self, keys: list[str]) -> None:
        self.take([self.limits[key] for key in keys])

    @rule(key=st.sampled_from([limit.key for limit in LIMITS]), calls=st.integers(2, 8))
    def many_calls_come_at_once(self, key: str, calls: int) -> None:
        for _ in range(calls):
            self.take([self.limits[key]])

    @rule(key=st.sampled_from([limit.key for limit in LIMITS]), step_ms=steps_back)
    def the_clock_goes_back_and_comes_again(self, key: str, step_ms: int) -> None:
        for change_ms in (0, -step_ms, step_ms):
            self.now_ms += change_ms
            for _ in range(self.limits[key].ceiling + 1):
                self.take([self.limits[key]])

    @precondition(lambda self: self.last_refusal is not None)
    @rule()
    def who_was_refused_comes_back_when_told(self) -> None:
        refusal = self.last_refusal
        assert refusal is not None
        if refusal.resets_ms >= self.now_ms:
            self.now_ms = refusal.resets_ms
            assert self.take([self.limits[refusal.limit.key]]).refused is None

    @invariant()
    def nobody_is_let_through_too_fast(self) -> None:
        for kept in self.kept.values():
            if isinstance(kept, KeptBucket) and not kept.went_back:
                kept.check_turns()

    def take(self, limits: list[Limit]) -> Tally:
        before, tally, after = self.same(limits)
        for limit in limits:
            self.kept[limit.key].clock(self.now_ms)
        if tally.refused is None:
            for standing in tally.standings:
                self.kept[standing.limit.key].granted(standing, self.now_ms)
            # A call more, and a look sees it; what has to wait is let through before it leaks.
            for one, taken, seen in zip(
                before.standings, tally.standings, after.standings, strict=True
            ):
                assert (taken.used, seen.used) == (one.used + 1, taken.used)
            self.last_refusal = None
        else:
            self.kept[tally.refused.limit.key].refused(tally.refused, self.now_ms)
            assert before == tally == after
            self.last_refusal = tally.refused
        assert before.refused == tally.refused
        return tally

    def same(self, limits: list[Limit]) -> tuple[Tally, Tally, Tally]:
        """What all three stores say to a look, a take and another look."""

        async def ask(counters: Counters) -> tuple[Tally, Tally, Tally]:
            return (
                await counters.look(limits, self.now_ms),
                await counters.take(limits, self.now_ms),
                await counters.look(limits, self.now_ms),
            )

        said = [self.runner.run(ask(store.counters)) for store in self.stores]
        assert said[0] == said[1] == said[2]
        return said[0]


@pytest.mark.usefixtures("redis")
def test_every_store_keeps_its_promises(redis: RedisServer) -> None:
    machine = type("CountingHere", (Counting,), {"redis": redis})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
