"""`take.lua` and store/windows.py are of one mind, whatever is on record and whatever is asked."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as redis_package
from hypothesis import given, settings
from hypothesis import strategies as st
from redis_server import RedisServer

from apigateway.model.windows import WindowUnit, Zone
from apigateway.ports import Dimension, Limit
from apigateway.store.redis import RedisStore
from apigateway.store.windows import CALL, Count, charge, count_at, look

KEYS = ("a", "b", "c")
NOW_MS = 1_700_000_000_000
MOST = 10**9

moments = st.one_of(
    st.integers(NOW_MS - 5_000, NOW_MS + 5_000),
    st.integers(NOW_MS - 10**9, NOW_MS + 10**9),
    st.integers(-(10**12), 10**13),
)
few = st.one_of(st.integers(0, 5), st.integers(0, MOST))
zones = st.sampled_from(list(map(Zone, ("UTC", "Asia/Kolkata", "Europe/Berlin"))))


@st.composite
def windows(draw: st.DrawFn, key: str) -> Limit:
    unit = draw(st.sampled_from(WindowUnit))
    return Limit(key, draw(few), unit, Dimension.API, zone=draw(zones))


@st.composite
def buckets(draw: st.DrawFn, key: str) -> Limit:
    return Limit(key, draw(few), WindowUnit.SECOND, Dimension.API, queue=draw(few))


@st.composite
def records(draw: st.DrawFn, limit: Limit, now_ms: int) -> Count | None:
    """What may be on record for a key: mostly what its limit would put there."""
    kind = draw(st.sampled_from(["none", "its own", "its own", "its own", "a bucket", "a window"]))
    if kind == "none":
        return None
    if kind == "its own" and limit.queue is None:
        step_ms = draw(st.integers(-3, 3)) * limit.unit.milliseconds
        window = limit.zone.window_at(limit.unit, now_ms + step_ms)
        used = draw(st.one_of(st.integers(0, limit.ceiling), few))
        return Count(limit.key, window.end_ms - window.start_ms, window.start_ms, used)
    if kind == "a window":
        length_ms = draw(st.sampled_from([unit.milliseconds for unit in WindowUnit]))
        return Count(limit.key, length_ms, draw(moments), draw(few))
    room = (limit.ceiling + (limit.queue or 0)) * CALL
    level = draw(st.one_of(st.integers(0, room), st.integers(0, 2 * MOST * CALL)))
    ahead_ms = draw(st.one_of(st.integers(-1_100, 1_100), st.integers(-(10**12), 10**12)))
    return Count(limit.key, 0, now_ms + ahead_ms, level)


@st.composite
def questions(draw: st.DrawFn) -> tuple[int, list[Limit], dict[str, Count]]:
    now_ms = draw(moments)
    limits = [draw(st.one_of(windows(key), buckets(key))) for key in KEYS]
    found = [draw(records(limit, now_ms)) for limit in limits]
    return now_ms, limits, {count.key: count for count in found if count is not None}


@dataclass
class Bench:
    """A store, and a way to its rows behind its back."""

    store: RedisStore
    client: "redis_package.Redis"
    prefix: str
    runner: asyncio.Runner

    def put(self, recorded: dict[str, Count]) -> None:
        pipeline = self.client.pipeline()
        pipeline.delete(*(f"{self.prefix}{key}" for key in KEYS))
        for key, length_ms, start_ms, used in recorded.values():
            pipeline.set(f"{self.prefix}{key}", f"{length_ms} {start_ms} {used}")
        pipeline.execute()

    def rows(self) -> dict[str, Count]:
        found = self.client.mget([f"{self.prefix}{key}" for key in KEYS])
        return {
            key: Count(key, *map(int, value.split()))
            for key, value in zip(KEYS, found, strict=True)
            if value is not None
        }


@pytest.fixture(scope="module")
def bench(redis: RedisServer) -> Iterator[Bench]:
    told = redis.settings()
    client = redis_package.Redis(port=redis.port, protocol=2)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store = RedisStore(told, Path(folder) / "records.db", own_clock=False)
        store.open()
        yield Bench(store, client, f"{{{told.prefix}}}:c:", runner)
        store.close()
    client.close()


@settings(deadline=None, max_examples=300)
@given(question=questions())
def test_a_take_and_a_look_are_what_the_rows_say(
    bench: Bench, question: tuple[int, list[Limit], dict[str, Count]]
) -> None:
    now_ms, limits, recorded = question
    bench.put(recorded)
    seen = bench.runner.run(bench.store.counters.look(limits, now_ms))
    counts = [count_at(recorded.get(limit.key), limit, now_ms) for limit in limits]
    assert seen == look(limits, counts, now_ms)
    assert bench.rows() == recorded

    tally, put = charge(limits, recorded, now_ms)
    assert bench.runner.run(bench.store.counters.take(limits, now_ms)) == tally
    assert bench.rows() == {**recorded, **{count.key: count for count in put}}
