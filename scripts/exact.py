#!/usr/bin/env python3
"""Whether several workers count exactly: at 500 calls a minute, 64 callers at once make 700 calls,
and exactly 500 are to pass; of one captured request, sent 64 times at once, exactly one; and with
--kill a worker is killed in the middle, and never more than 500 pass.

Each round starts the gateway anew, with an empty store, and takes about eight seconds on two cores.
With --redis the store is that server, and --gateways more start, which share nothing else. It ends
with 1 if a round was not exact.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import redis
from rich.console import Console
from rich.table import Table

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

ROOT = Path(__file__).resolve().parents[1]
HOST = "api.weather.localhost"
PATH, QUERY = "/forecast/hangzhou", "days=2"
KEY, SECRET = "203753385", "MySuperAppSecret-42"
LIMIT = 500
ROOM_S = 20.0
"""What has to be left of the minute that a round begins in."""

console = Console(stderr=True)


@dataclass
class Round:
    """`lost` are calls without an answer, or with the second one that aiohttp asked for."""

    passed: int = 0
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0
    same_minute: bool = True
    replays_passed: int = 0
    unrecorded: int = 0
    by_id: dict[str, int] = field(default_factory=dict)

    def is_exact(self, *, killed: bool) -> bool:
        exact = LIMIT - self.lost <= self.passed <= LIMIT if killed else self.passed == LIMIT
        whole = self.unrecorded == 0 or killed
        return exact and whole and self.replays_passed == 1 and self.same_minute


def project(folder: Path, backend_port: int, store: str) -> None:
    """The samples with a store of their own and one limit that matters."""
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    for path in folder.rglob("*.yaml"):
        path.write_text(path.read_text().replace("9000", str(backend_port)))
    settings = folder / "definitions" / "gateway.yaml"
    text = settings.read_text().replace("store: state/gateway.db", f"store: {store}")
    settings.write_text(text + "limits: {client_ip_per_second: 1000000}\n")
    (folder / "policies" / "throttling" / "forecast-standard.yaml").write_text(
        f"name: forecast-standard\nunit: minute\napi: {LIMIT}\nuser: {LIMIT}\napp: {LIMIT}\n"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(command: list[str], folder: Path, sign: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child, once it has printed this."""
    log = folder / f"{uuid.uuid4().hex}.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "addons"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as sink:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while sign not in log.read_text(errors="replace"):
            if child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"exact: it does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def signed() -> Mapping[str, str]:
    accept = ("Accept", "application/json")
    fields = signing_headers(
        SignableRequest("GET", PATH, QUERY, Headers([accept])),
        key=KEY,
        secret=SECRET,
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=str(uuid.uuid4()),
    )
    return {"Host": HOST, accept[0]: accept[1], **dict(fields)}


def wait_for_room() -> None:
    left = 60 - time.time() % 60
    if left < ROOM_S:
        with console.status(f"waiting {left:.0f} s for a fresh minute"):
            time.sleep(left + 0.05)


async def calls(ports: Sequence[int], callers: int, count: int, victim: int | None) -> Round:
    """So many calls that are answered; a victim is killed when half the limit is used."""
    result, asked = Round(), 0

    async def caller(port: int) -> None:
        nonlocal asked, victim
        url = f"http://127.0.0.1:{port}{PATH}?{QUERY}"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            while asked < count:
                asked += 1
                try:
                    async with session.get(url, headers=signed()) as reply:
                        await reply.read()
                except (aiohttp.ClientError, OSError):
                    asked, result.lost = asked - 1, result.lost + 1
                    continue
                result.by_id[reply.headers["X-Ca-Request-Id"]] = reply.status
                result.passed += reply.status == 200
                result.refused += reply.status == 429
                result.lost += reply.status not in (200, 429)
                if victim is not None and result.passed >= LIMIT // 2:
                    os.kill(victim, signal.SIGKILL)
                    victim = None

    began, minute = time.perf_counter(), time.time() // 60
    await asyncio.gather(*(caller(ports[number % len(ports)]) for number in range(callers)))
    result.seconds = time.perf_counter() - began
    result.same_minute = time.time() // 60 == minute
    return result


async def replays(ports: Sequence[int], callers: int) -> int:
    """How often one captured request passes, when all send it at once."""
    captured = signed()

    async def caller(port: int) -> int:
        url = f"http://127.0.0.1:{port}{PATH}?{QUERY}"
        async with aiohttp.ClientSession() as session:
            async with session.get(url, headers=captured) as reply:
                return reply.status

    asked = (caller(ports[number % len(ports)]) for number in range(callers))
    statuses = await asyncio.gather(*asked)
    return sum(status == 200 for status in statuses)


def forget_counts(databases: Sequence[Path], server: str | None, prefix: str) -> None:
    if server is not None:
        client = redis.Redis.from_url(server)
        for key in client.scan_iter(f"{{{prefix}}}:c:*"):
            client.delete(key)
        client.close()
        return
    for database in databases:
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection, connection:
            connection.execute("DELETE FROM counters")


def unrecorded(databases: Sequence[Path], answered: set[str]) -> int:
    """How many answered calls have no record, a moment later."""
    time.sleep(0.5)
    for database in databases:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            rows = connection.execute("SELECT request_id FROM calls")
            answered = answered - {row[0] for row in rows}
    return len(answered)


@dataclass(frozen=True)
class Plan:
    """What a round is made of. `server` is the URL of a Redis server, None for SQLite."""

    gateways: int
    workers: int
    callers: int
    calls: int
    kill: bool
    server: str | None
    backend_port: int


@contextlib.contextmanager
def one_gateway(folder: Path, store: str, plan: Plan) -> Iterator[tuple[int, int]]:
    """A gateway with its workers: its port and the process of its supervisor."""
    port = free_port()
    project(folder, plan.backend_port, store)
    command = [
        *(sys.executable, "-m", "apigateway.cli", "serve", "--workers", str(plan.workers)),
        *("--definitions", str(folder / "definitions"), "--listen-port", str(port)),
        *("--set", f"confdir={folder / 'confdir'}", "--set", "flow_detail=0"),
        *("--set", "termlog_verbosity=warn"),
    ]
    sign = " workers serve on " if plan.workers > 1 else "listening at"
    with running(command, folder, sign) as process:
        yield port, process.pid


def one_round(plan: Plan) -> Round:
    prefix = f"exact-{uuid.uuid4().hex}"
    store = "state/gateway.db"
    if plan.server is not None:
        store = f"{{url: {plan.server}, prefix: {prefix}}}"
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folders = [Path(name) / str(number) for number in range(plan.gateways)]
        for folder in folders:
            folder.mkdir()
        served = [stack.enter_context(one_gateway(folder, store, plan)) for folder in folders]
        ports = [port for port, _ in served]
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(served[0][1])],
            capture_output=True,
            text=True,
            check=True,
        )
        victim = max(map(int, found.stdout.split())) if plan.kill else None
        wait_for_room()
        result = asyncio.run(calls(ports, plan.callers, plan.calls, victim))
        databases = [folder / "state" / "gateway.db" for folder in folders]
        result.unrecorded = unrecorded(databases, set(result.by_id))
        forget_counts(databases, plan.server, prefix)
        result.replays_passed = asyncio.run(replays(ports, plan.callers))
        return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev exact", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="(10)")
    parser.add_argument("--workers", type=int, default=4, help="(4)")
    parser.add_argument("--callers", type=int, default=64, help="at once (64)")
    parser.add_argument("--calls", type=int, default=700, help="of a round (700)")
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    parser.add_argument("--redis", metavar="URL", help="count there, such as redis://127.0.0.1/0")
    parser.add_argument("--gateways", type=int, default=1, help="that share only Redis (1)")
    arguments = parser.parse_args()
    if arguments.gateways > 1 and arguments.redis is None:
        parser.error("several gateways share a Redis server: --redis URL")
    table = Table("round", "passed", "refused", "lost", "unrecorded", "replays passed", "calls/s")
    good, backend_port = 0, free_port()
    backend = [sys.executable, str(ROOT / "scripts" / "demo-backend.py"), "--port"]
    plan = Plan(
        gateways=arguments.gateways,
        workers=arguments.workers,
        callers=arguments.callers,
        calls=arguments.calls,
        kill=arguments.kill,
        server=arguments.redis,
        backend_port=backend_port,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        running([*backend, str(backend_port)], Path(folder), "listening on"),
    ):
        for number in range(1, arguments.rounds + 1):
            with console.status(f"round {number} of {arguments.rounds}"):
                result = one_round(plan)
            good += result.is_exact(killed=arguments.kill)
            figures = (result.passed, result.refused, result.lost, result.unrecorded)
            rate = f"{len(result.by_id) / result.seconds:.0f}"
            table.add_row(str(number), *map(str, figures), str(result.replays_passed), rate)
    Console().print(table)
    crew = f"{plan.workers} workers" if plan.workers > 1 else "1 worker"
    gateways = f"{plan.gateways} gateways of " if plan.gateways > 1 else ""
    where = "SQLite" if plan.server is None else "Redis"
    print(f"{good} of {arguments.rounds} exact, with {gateways}{crew}, on {where}")
    return int(good != arguments.rounds)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
