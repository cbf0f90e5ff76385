#!/usr/bin/env python3
"""How fast the gateway is, as a ratio to stock mitmdump measured in the same run.

Both forward to the same small backend on this machine, one after the other, several rounds
each. The gateway does everything it does in production: every call has a signature and a nonce
of its own, and is throttled, validated, mapped, signed and recorded. With --workers the gateway is
that many processes on one port; --take measures the counting alone, on each store.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from apigateway.model.settings import RedisSettings
from apigateway.ports import Counters, Dimension, Limit
from apigateway.signature import SignableRequest, signing_headers
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore
from apigateway.windows import WindowUnit
from apigateway.wire import Headers

ROOT = Path(__file__).resolve().parents[1]
HOST = "api.weather.localhost"
TARGET = "/forecast/hangzhou?days=3"
FASTEST_RPS = 4000
"""Signed requests prepared for each second: more than one process serves."""

ANSWER = b'{"sky": "clear", "city": "hangzhou"}'

WRK_SCRIPT = """
local requests, at = {}, 0
for text in io.open("%s"):read("*a"):gmatch("(.-)%%z") do requests[#requests + 1] = text end
function request()
  at = at %% #requests + 1
  return requests[at]
end
"""

console = Console(stderr=True)


@dataclass(frozen=True)
class Result:
    """Requests per second, medians of the rounds; ratio is gateway to stock."""

    scenario: str
    stock_rps: float
    gateway_rps: float
    ratio: float


class Backend(asyncio.Protocol):
    """The least that is a backend: one fixed answer for each request head with no body."""

    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(ANSWER),
        ANSWER,
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        *heads, self.buffer = self.buffer.split(b"\r\n\r\n")
        self.transport.write(self.reply * len(heads))


async def serve_backend(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Backend, "127.0.0.1", port)
    await server.serve_forever()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[0]} does not serve:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def bench_project(folder: Path, backend_port: int) -> list[str]:
    """A copy of the samples whose limits are out of the way; mitmdump's arguments for it."""
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    for path in folder.rglob("*.yaml"):
        path.write_text(path.read_text().replace("9000", str(backend_port)))
    settings = folder / "definitions" / "gateway.yaml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("limits")]
    lines.append("limits: {client_ip_per_second: 10000000}")
    settings.write_text("\n".join(lines) + "\n")
    group = folder / "definitions" / "weather" / "group.yaml"
    text = re.sub(r"(?m)^traffic_limit:.*\n", "", group.read_text())
    group.write_text(text + "\ntraffic_limit: 10000000\n")
    policy = folder / "policies" / "throttling" / "forecast-standard.yaml"
    policy.write_text(
        "name: forecast-standard\nregion: cn-hangzhou\nunit: day\n"
        "api: 1000000000\nuser: 1000000000\napp: 1000000000\n"
    )
    return [
        *("--set", f"gateway_definitions={folder / 'definitions'}"),
        *("--set", f"gateway_policies={folder / 'policies'}"),
        *("--set", f"confdir={folder / 'confdir'}"),
    ]


def signed_heads(count: int) -> Iterator[list[tuple[str, str]]]:
    """Header fields of `count` signed calls, each with a nonce of its own."""
    path, _, query = TARGET.partition("?")
    accept = ("Accept", "application/json")
    for _ in range(count):
        signature = signing_headers(
            SignableRequest("GET", path, query, Headers([accept])),
            key="203753385",
            secret="MySuperAppSecret-42",
            timestamp_ms=time.time_ns() // 1_000_000,
            nonce=str(uuid.uuid4()),
        )
        yield [("Host", HOST), accept, *signature]


def wrk(port: int, connections: int, seconds: float, folder: Path) -> float:
    raw, script = folder / "requests", folder / "requests.lua"
    with raw.open("w") as sink:
        for fields in signed_heads(int(FASTEST_RPS * seconds)):
            head = "".join(f"{name}: {value}\r\n" for name, value in fields)
            sink.write(f"GET {TARGET} HTTP/1.1\r\n{head}\r\n\0")
    script.write_text(WRK_SCRIPT % raw)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
    )
    if failed := re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout):
        sys.exit(f"{failed[1]} calls were refused:\n{done.stdout}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


async def aiohttp_load(port: int, connections: int, seconds: float) -> float:
    """The same load from aiohttp's client, where wrk is not installed."""
    heads = iter(list(signed_heads(int(FASTEST_RPS * seconds))))
    url, served = f"http://127.0.0.1:{port}{TARGET}", 0
    began = time.perf_counter()

    async def caller(session: aiohttp.ClientSession) -> None:
        nonlocal served
        while time.perf_counter() - began < seconds:
            async with session.get(url, headers=next(heads)) as reply:
                await reply.read()
                if reply.status != 200:
                    sys.exit(f"a call was refused with {reply.status}: {reply.headers}")
            served += 1

    connector = aiohttp.TCPConnector(limit=connections)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(connections):
            group.create_task(caller(session))
    return served / (time.perf_counter() - began)


def measure(port: int, connections: int, seconds: float, folder: Path) -> float:
    if shutil.which("wrk"):
        return wrk(port, connections, seconds, folder)
    return asyncio.run(aiohttp_load(port, connections, seconds))


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
    """The cost of counting on SQLite, and on Redis: the server at `url`, or one started for it."""

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
        if found is None:
            console.print("Redis is left out: no valkey-server or redis-server was found")
            return
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
    command = [server, "--port", str(port), "--save", "", "--appendonly", "no"]
    with running([*command, "--dir", str(folder)], port, folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"


def compare(connections: int, workers: int, seconds: float, rounds: int, folder: Path) -> Result:
    backend_port, stock_port, gateway_port = free_port(), free_port(), free_port()
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    stock = [
        *(mitmdump, "-q", "--listen-host", "127.0.0.1", "--listen-port", str(stock_port)),
        *("--mode", f"reverse:http://127.0.0.1:{backend_port}"),
        *("--set", "connection_strategy=lazy", "--set", f"confdir={folder / 'confdir'}"),
    ]
    gateway = [
        *(sys.executable, "-m", "apigateway.cli", "serve", "--workers", str(workers)),
        *("-q", "--listen-port", str(gateway_port)),
        *bench_project(folder, backend_port),
    ]
    speeds: dict[str, list[float]] = {"stock": [], "gateway": []}
    backend = [sys.executable, __file__, "--serve-backend", str(backend_port)]
    with (
        running(backend, backend_port, folder / "backend.log"),
        running(stock, stock_port, folder / "stock.log"),
        running(gateway, gateway_port, folder / "gateway.log"),
    ):
        ports = {"stock": stock_port, "gateway": gateway_port}
        time.sleep(3.0 * (workers - 1))  # the first worker listens before the others have started
        for port in ports.values():
            measure(port, connections, 1.0, folder)
        for number in range(rounds):
            for name, port in ports.items():
                with console.status(f"round {number + 1} of {rounds}: {name}"):
                    speeds[name].append(measure(port, connections, seconds, folder))
    stock_rps, gateway_rps = (statistics.median(speeds[name]) for name in ports)
    crew = "" if workers == 1 else f", {workers} workers"
    scenario = f"signed GetForecast, {connections} connections{crew}"
    return Result(
        scenario, round(stock_rps, 1), round(gateway_rps, 1), round(gateway_rps / stock_rps, 3)
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/dev bench",
        description="Requests per second of stock mitmdump and of the gateway, and their ratio. "
        "Uses wrk where it is installed, else aiohttp's client.",
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[32], help="at once (32)")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1], metavar="N", help="of the gateway (1)"
    )
    parser.add_argument(
        "--take", action="store_true", help="measure only what counting costs, on each store"
    )
    parser.add_argument(
        "--redis", metavar="URL", help="the server for --take; else one is started, if found"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement (5)")
    parser.add_argument("--rounds", type=int, default=3, help="each takes both in turn (3)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--serve-backend", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_backend:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve_backend(arguments.serve_backend))
        return 0
    if arguments.take:
        with tempfile.TemporaryDirectory() as folder:
            show_costs(list(take_costs(arguments.redis, Path(folder))), as_json=arguments.json)
        return 0
    results = []
    for connections in arguments.connections:
        for workers in arguments.workers:
            with tempfile.TemporaryDirectory() as folder:
                found = compare(
                    connections, workers, arguments.seconds, arguments.rounds, Path(folder)
                )
                results.append(found)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return 0
    table = Table("scenario", "stock mitmdump, req/s", "gateway, req/s", "ratio")
    for result in results:
        table.add_row(
            result.scenario,
            f"{result.stock_rps:.0f}",
            f"{result.gateway_rps:.0f}",
            f"{result.ratio:.2f}",
        )
    Console().print(table)
    return 0


def show_costs(costs: Sequence[TakeCost], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
        return
    table = Table("take of five limits", "one after the other, us", "64 at once, us each")
    for cost in costs:
        table.add_row(cost.store, f"{cost.alone_us:.0f}", f"{cost.crowd_us:.0f}")
    Console().print(table)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
