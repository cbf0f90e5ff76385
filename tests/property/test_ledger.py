"""Calls that come at once are charged as if one came after the other: with nonces that come twice,
limits that are full, keys that are shared, windows that end and buckets that leak."""

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Ledger, Limit, NonceClaim, NonceUsed, Tally
from apigateway.store.connection import connect
from apigateway.store.memory import MemoryStore
from apigateway.store.sqlite import SqliteStore

START_MS = 1_700_000_000_000
LIFETIME_MS = 5_000

LIMITS = (
    Limit("second", 3, WindowUnit.SECOND, Dimension.CLIENT_IP),
    Limit("minute", 6, WindowUnit.MINUTE, Dimension.APP),
    Limit("day", 20, WindowUnit.DAY, Dimension.DOMAIN),
    Limit("open", 10_000, WindowUnit.HOUR, Dimension.API),
    Limit("closed", 0, WindowUnit.HOUR, Dimension.API),
    Limit("bucket", 2, WindowUnit.SECOND, Dimension.USER, queue=0),
    Limit("queue", 3, WindowUnit.SECOND, Dimension.USER, queue=2),
)


@dataclass(frozen=True)
class Asked:
    """`later_ms` than the call before."""

    nonce: str | None
    limits: tuple[Limit, ...]
    later_ms: int


calls = st.builds(
    Asked,
    nonce=st.one_of(st.none(), st.sampled_from("abcdefgh")),
    # A closed limit last and seldom: else hardly a call of many limits would pass.
    limits=st.one_of(
        st.lists(st.sampled_from(LIMITS[:4]), unique=True, max_size=4).map(tuple),
        st.lists(st.sampled_from(LIMITS), unique=True, max_size=7).map(tuple),
    ),
    later_ms=st.one_of(st.just(0), st.integers(0, 400), st.integers(-2_500, 70_000)),
)
turns = st.lists(st.lists(calls, min_size=1, max_size=12), min_size=1, max_size=8)


async def outcome(ledger: Ledger, asked: Asked, now_ms: int) -> Tally | None:
    """None for a used nonce."""
    claim = None if asked.nonce is None else NonceClaim("key", asked.nonce, LIFETIME_MS)
    try:
        return await ledger.spend(claim, asked.limits, now_ms)
    except NonceUsed:
        return None


def timed(turns: list[list[Asked]]) -> list[list[tuple[Asked, int]]]:
    now_ms, found = START_MS, []
    for turn in turns:
        found.append([(asked, now_ms := now_ms + asked.later_ms) for asked in turn])
    return found


async def one_by_one(ledger: Ledger, turns: list[list[Asked]]) -> list[Tally | None]:
    return [await outcome(ledger, asked, now_ms) for turn in timed(turns) for asked, now_ms in turn]


async def turn_by_turn(ledger: Ledger, turns: list[list[Asked]]) -> list[Tally | None]:
    found: list[Tally | None] = []
    for turn in timed(turns):
        found += await asyncio.gather(*(outcome(ledger, *call) for call in turn))
    return found


def on_record(path: Path) -> tuple[set[tuple[str, int, int, int]], set[int]]:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        counts = connection.execute("SELECT key, length_ms, start_ms, used FROM counters")
        nonces = connection.execute("SELECT expires_ms FROM nonces")
        return set(counts.fetchall()), {expires_ms for (expires_ms,) in nonces}


@settings(deadline=None, max_examples=120)
@given(turns)
def test_calls_at_once_are_charged_as_if_one_came_after_the_other(
    turns: list[list[Asked]],
) -> None:
    memory = MemoryStore()
    expected = asyncio.run(one_by_one(memory.ledger, turns))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.db"
        store = SqliteStore(path)
        store._recorder.purges = ()  # what grew old would go at a moment of its own
        store.open()
        try:
            assert asyncio.run(turn_by_turn(store.ledger, turns)) == expected
            assert on_record(path) == (
                {tuple(count) for count in memory.counters._counts.values()},
                set(memory.nonces._expires_ms.values()),
            )
        finally:
            store.close()
