#!/usr/bin/env python3
"""What a project of thousands of APIs costs: to check, to start with, to reload under load, and for
each call.

All of it is done with real processes, as a provider would: `apigateway check`, and mitmdump with
the gateway, which is called all the time while files change. The goals are those of the project; a
machine that others use too may miss them, and the calls' waits without a reload say how much.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import aiohttp
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apigateway.definition.compile import compile_catalog  # noqa: E402
from apigateway.definition.reader import ProjectReader  # noqa: E402
from apigateway.exchange import Received  # noqa: E402
from apigateway.lifecycle.start import release_at_start  # noqa: E402
from apigateway.model.catalog import Catalog  # noqa: E402
from apigateway.protocol.wire import Headers  # noqa: E402
from apigateway.stages.routing import Routing  # noqa: E402
from apigateway.store.memory import MemoryStore  # noqa: E402
from scripts.lib import many_apis  # noqa: E402

CALLS_A_SECOND = 100
REST_S = 4.0
"""Between two reloads, so that one is over when the next begins."""

PATIENCE_S = 300.0

console = Console(stderr=True)


@dataclass(frozen=True)
class Row:
    """One figure, its goal in words, and whether it was met (None: there is none)."""

    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


@dataclass
class Load:
    """Calls at a steady pace, each with the moment it began and how long it took, in seconds."""

    url: str
    host: str
    calls: list[tuple[float, float]] = field(default_factory=list)
    answer: bytes = b""
    failed: int = 0

    async def run(self) -> None:
        """A call that is late does not make the next one late."""
        connector = aiohttp.TCPConnector(limit=64)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            asyncio.TaskGroup() as all_,
        ):
            due = time.perf_counter()
            while True:
                due += 1 / CALLS_A_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                all_.create_task(self._call(session))

    async def _call(self, session: aiohttp.ClientSession) -> None:
        began = time.perf_counter()
        async with session.get(self.url, headers={"Host": self.host}) as reply:
            answer = await reply.read()
        self.calls.append((began, time.perf_counter() - began))
        if reply.status != 200:
            self.failed += 1
        self.answer = answer

    def waits(self, since: float, until: float) -> list[float]:
        """Sorted, in milliseconds."""
        return sorted(took * 1e3 for began, took in self.calls if since <= began <= until)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def check(folder: Path) -> None:
    command = [sys.executable, "-m", "apigateway.cli", "check"]
    done = subprocess.run(
        [*command, "--definitions", str(folder / "definitions")], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"the project is not good:\n{done.stdout[-2000:]}")


@contextlib.contextmanager
def gateway(folder: Path, port: int) -> Iterator[None]:
    """Runs until the block ends; it answers when the block begins."""
    command = [
        *(str(Path(sys.executable).with_name("mitmdump")), "-q"),
        *("-s", str(ROOT / "addons" / "gateway.py"), "--set", "server=false"),
        *("--listen-host", "127.0.0.1", "--listen-port", str(port)),
        *("--set", f"gateway_definitions={folder / 'definitions'}"),
        *("--set", f"confdir={folder / 'confdir'}"),
    ]
    log = folder / "gateway.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the gateway does not serve:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def answers(port: int) -> bool:
    request = urllib.request.Request(url_of(port), headers={"Host": many_apis.host_of(0)})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30) as reply:
        return bool(reply.status == 200)
    return False


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}{many_apis.path_of(many_apis.MOCK)}"


def start_s(folder: Path, *, stay_until: Callable[[], bool] = lambda: True) -> float:
    """How long a start takes until the gateway answers. It is stopped when `stay_until` says so."""
    took = 0.0
    began = time.perf_counter()
    with gateway(folder, free_port()):
        took = time.perf_counter() - began
        deadline = time.monotonic() + PATIENCE_S
        while not stay_until() and time.monotonic() < deadline:
            time.sleep(0.1)
    return took


@dataclass(frozen=True)
class Reload:
    """`took_s` is from the last write until a call meets the new version. Waits in milliseconds:
    the longest, and what 99 of 100 stay below; with `usual` ones without a reload."""

    what: str
    took_s: float
    longest_ms: float
    most_ms: float
    usual_longest_ms: float
    usual_most_ms: float
    calls: int


async def reloads(folder: Path, port: int, groups: int, apis: int) -> list[Reload]:
    load = Load(url_of(port), many_apis.host_of(0))
    edited = many_apis.file_of(folder, 0, many_apis.MOCK)
    revision = 0

    async def rewrite(everything: bool) -> None:
        if everything:
            words = [many_apis.__file__, str(folder), "--groups", str(groups), "--apis", str(apis)]
            done = await asyncio.create_subprocess_exec(
                sys.executable, *words, "--revision", str(revision)
            )
            await done.wait()
        else:
            edited.write_text(many_apis.api_text(0, many_apis.MOCK, revision=revision))

    async def touch() -> None:
        script = "find . -name 'api-*.yaml' -exec touch {} +"
        await (await asyncio.create_subprocess_exec("sh", "-c", script, cwd=folder)).wait()

    async def one(what: str, *, touched: bool = False, everything: bool = False) -> Reload:
        nonlocal revision
        revision += 1
        await asyncio.sleep(REST_S)
        quiet = load.waits(time.perf_counter() - REST_S * 0.75, time.perf_counter())
        if touched:
            await touch()
        began = time.perf_counter()
        await rewrite(everything)
        written = time.perf_counter()
        wanted = b'"revision":%d,' % revision
        while wanted not in load.answer and not calling.done():
            if time.perf_counter() - written > PATIENCE_S:
                sys.exit(f"{what}: the change is not served")
            await asyncio.sleep(0.005)
        seen = time.perf_counter()
        if calling.done():
            calling.result()
        await asyncio.sleep(1.0)  # what is left of the old catalog goes away meanwhile
        during = load.waits(began, time.perf_counter())
        return Reload(
            what=what,
            took_s=seen - written,
            longest_ms=during[-1],
            most_ms=most(during),
            usual_longest_ms=quiet[-1],
            usual_most_ms=most(quiet),
            calls=len(during),
        )

    calling = asyncio.create_task(load.run())
    try:
        found = [await one("one API edited") for _ in range(3)]
        found.append(await one("every file touched, one API edited", touched=True))
        found.append(await one("every API edited", everything=True))
        found.append(await one("one API edited, behind that"))
    finally:
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
    if load.failed:
        sys.exit(f"{load.failed} of {len(load.calls)} calls were not answered 200")
    return found


def most(waits: Sequence[float]) -> float:
    return waits[int(len(waits) * 0.99)]


def catalog_of(groups: int, apis: int) -> Catalog:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many_apis.write_project(folder, groups=groups, apis=apis)
        project = ProjectReader(folder / "definitions", folder / "policies").read()
    releases = MemoryStore().releases
    release_at_start(releases, project, 1)
    return compile_catalog(project, releases.current())


def calls_to(catalog: Catalog, groups: int, apis: int, count: int) -> list[Received]:
    """To any API, one as often as the other."""
    random = Random(1)
    places = [(random.randrange(groups), random.randrange(apis)) for _ in range(count)]
    return [
        Received(
            request_id="",
            received_ms=0,
            catalog=catalog,
            method=many_apis.method_of(number),
            scheme="http",
            sni="",
            host=many_apis.host_of(group),
            path=many_apis.path_of(number),
            query="",
            headers=Headers([]),
            body=b"",
            peer="127.0.0.1",
        )
        for group, number in places
    ]


def routing_us(groups: int, apis: int) -> tuple[float, float]:
    """Microseconds of the stage, with ten APIs and with all: the best of many rounds in turn."""
    routing, rounds, count = Routing(), 60, 500
    few = calls_to(catalog_of(1, 10), 1, 10, count)
    many = calls_to(catalog_of(groups, apis), groups, apis, count)
    best = {"few": float("inf"), "many": float("inf")}
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, calls in (("few", few), ("many", many)):
            began = time.perf_counter()
            for call in calls:
                routing(call)
            best[name] = min(best[name], (time.perf_counter() - began) / count * 1e6)
    gc.enable()
    return best["few"], best["many"]


def timed(what: str, seconds: float, most_s: float | None = None) -> Row:
    if most_s is None:
        return Row(what, f"{seconds:.2f} s")
    return Row(what, f"{seconds:.2f} s", f"< {most_s:g} s", seconds < most_s)


def rows_of(reload: Reload) -> Iterator[Row]:
    longer = reload.longest_ms - reload.usual_longest_ms
    yield timed(
        f"reload: {reload.what}", reload.took_s, 2.0 if "every API" not in reload.what else None
    )
    yield Row(
        f"  longest wait of {reload.calls} calls (without a reload)",
        f"{reload.longest_ms:.1f} ms ({reload.usual_longest_ms:.1f} ms)",
        "< 20 ms more",
        longer < 20,
    )
    yield Row(
        "  99 of 100 wait at most",
        f"{reload.most_ms:.1f} ms ({reload.usual_most_ms:.1f} ms)",
    )


def measure(folder: Path, groups: int, apis: int, rounds: int) -> Iterator[Row]:
    cache = folder / "state" / "definitions.cache"
    with console.status("writing the project"):
        many_apis.write_project(folder, groups=groups, apis=apis, auto="always")
    with console.status("check"):
        yield timed("check", seconds_of(lambda: check(folder)), 10.0)
    with console.status("the first start"):
        yield timed("start, nothing released or kept", start_s(folder, stay_until=cache.exists))
    if not cache.exists():
        console.print("nothing was kept for the next start")
    with console.status("a start with what the last one kept"):
        warm = [start_s(folder) for _ in range(rounds)]
        yield timed("start, all released and kept", statistics.median(warm), 5.0)
    port = free_port()
    with console.status("reloads"), gateway(folder, port):
        for reload in asyncio.run(reloads(folder, port, groups, apis)):
            yield from rows_of(reload)
    with console.status("routing"):
        few, many = routing_us(groups, apis)
    ratio = many / few
    figure = f"{many:.2f} us / {few:.2f} us = {ratio:.2f}"
    yield Row(f"routing, {groups * apis} APIs / 10 APIs", figure, "< 1.10", ratio < 1.10)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev bench --apis", description=__doc__)
    parser.add_argument("--apis", type=int, default=10_000, metavar="N", help="(10000)")
    parser.add_argument("--rounds", type=int, default=3, help="starts, of which the median (3)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    groups = -(-arguments.apis // many_apis.APIS)
    if not 1 <= groups <= many_apis.GROUPS:
        parser.error(f"--apis: from 1 to {many_apis.GROUPS * many_apis.APIS}")
    apis = max(arguments.apis // groups, many_apis.MOCK + 1)
    table = Table("what", "figure", "goal", "met")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(Path(folder), groups, apis, arguments.rounds):
            rows.append(row)
            met = {True: "yes", False: "no", None: ""}[row.met]
            table.add_row(row.what, row.figure, row.goal, met)
            if not arguments.json:
                console.print(f"{row.what}: {row.figure}", highlight=False)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        Console().print(table)
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
