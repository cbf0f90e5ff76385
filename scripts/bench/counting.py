"""What counting alone costs, on each store: `scripts/dev bench --take`."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from apigateway.model.settings import RedisSettings
from apigateway.model.windows import WindowUnit
from apigateway.ports import Counters, Dimension, Limit
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore
from scripts.bench.processes import Command, free_port, running

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TakeCost:
    """Microseconds of one take of five limits: one after the other, and of 64 at once."""

    store: str
    alone_us: float
    crowd_us: float


def five_limits() -> list[Limit]:
    """What a call on the sample GetForecast is counted by."""
    most, minute, second = 10**9, WindowUnit.MINUTE, WindowUnit.SECOND
    return [
        Limit("ip:bench:192.0.2.1", most, second, Dimension.CLIENT_IP),
        Limit("group:bench", most, second, Dimension.GROUP),
        Limit("api:bench:minute", most, minute, Dimension.API),
        Limit("user:bench:minute:1", most, minute, Dimension.USER),
        Limit("app:bench:minute:1", most, minute, Dimension.APP),
    ]


async def take_cost(counters: Counters, takes: int, crowd: int) -> float:
    """Microseconds a take, of `takes` takes by `crowd` callers at once."""
    limits = five_limits()

    async def caller() -> None:
        for _ in range(takes // crowd):
            await counters.take(limits, time.time_ns() // 1_000_000)

    await counters.take(limits, time.time_ns() // 1_000_000)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(crowd):
            group.create_task(caller())
    return (time.perf_counter() - began) / takes * 1e6


def take_costs(url: str | None, folder: Path) -> Iterator[TakeCost]:
    """The cost of counting on SQLite, and on Redis: the server at `url`, or one started for it,
    or neither where none is found."""

    def measured(name: str, make: Callable[[], SqliteStore | RedisStore]) -> TakeCost:
        async def run() -> TakeCost:
            store = make()
            store.open()
            try:
                alone = await take_cost(store.counters, 4_000, 1)
                crowd = await take_cost(store.counters, 12_800, 64)
            finally:
                store.close()
            return TakeCost(name, round(alone, 1), round(crowd, 1))

        return asyncio.run(run())

    yield measured("SQLite", lambda: SqliteStore(folder / "bench.db"))
    with redis_at(url, folder) as found:
        if found is not None:
            settings = RedisSettings(url=found, prefix=f"bench-{uuid.uuid4().hex}")
            yield measured("Redis", lambda: RedisStore(settings, folder / "records.db"))


@contextlib.contextmanager
def redis_at(url: str | None, folder: Path) -> Iterator[str | None]:
    """The URL of a server: the one given, else of one that lives for this block; None without."""
    own = ROOT / ".venv" / "redis-server"
    server = shutil.which("valkey-server") or shutil.which("redis-server")
    if server is None and own.exists():
        server = str(own)
    if url is not None or server is None:
        yield url
        return
    port = free_port()
    words = [server, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with running(Command(name="Redis", words=words, port=port), folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"


def costs_table(costs: list[TakeCost]) -> Table:
    table = Table("take of five limits", "one after the other, us", "64 at once, us each")
    for cost in costs:
        table.add_row(cost.store, f"{cost.alone_us:.0f}", f"{cost.crowd_us:.0f}")
    return table
