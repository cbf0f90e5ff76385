"""`scripts/dev profile`: what each stage of a call takes, in microseconds of CPU.

The gateway's own list of add-ons (addons/gateway.py) decides calls in this process, without sockets
and without a backend: each has a signature and a nonce of its own, and SQLite counts and keeps
records as in production. All calls go through one room before any goes into the next; the CPU of
the whole process (user and system, threads of the store included) between is that room's. Python's
garbage collector rests meanwhile. The median of the rounds is shown.

With --cprofile a real mitmdump is profiled under load instead, function by function.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow
from rich.console import Console
from rich.table import Table

from apigateway.chain import Call, advance
from apigateway.definition.compile import compile_catalog
from apigateway.definition.reader import ProjectReader
from apigateway.exchange import Answer, Signed
from apigateway.lifecycle.start import release_at_start
from scripts.bench.calls import request_of
from scripts.bench.figures import spread
from scripts.bench.machine import machine_class
from scripts.bench.project import write_project
from scripts.bench.report import head, write_figures
from scripts.bench.scenarios import SCENARIOS, Scenario, chosen
from scripts.profile_live import profile_live

ROOT = Path(__file__).resolve().parents[1]
TARGET_US = 120.0
"""For the ten stages of a signed call, store included."""

SETTLE_S = 0.15
"""Until what is written behind a call's path is written; then its CPU has been counted."""

BACKEND_PORT = 9000
UNPROFILED = {"refused", "large", "http2", "close", "tls", "alone", "trail", "workers", "peers"}
"""Scenarios that differ only in what is around the stages, or in who is measured."""

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU a call in one room: the median of the rounds, and the least."""

    room: str
    us: float
    least_us: float


@dataclass(frozen=True, slots=True)
class Profile:
    """`stages` are the ten of the chain, `around` what is before and behind them."""

    around: Sequence[Cost]
    stages: Sequence[Cost]

    @property
    def stages_us(self) -> float:
        return sum(cost.us for cost in self.stages)

    @property
    def whole_us(self) -> float:
        return self.stages_us + sum(cost.us for cost in self.around)


class CannedBackend:
    """Answers at once what a backend would."""

    answer = Answer(
        status=200,
        reason="OK",
        headers=(("Content-Type", "application/json"), ("Content-Length", "15")),
        body=b'{"sky":"clear"}',
        elapsed_ms=1.0,
    )

    async def send(self, call: Signed) -> Answer:
        return self.answer


def flow_of(request: bytes) -> http.HTTPFlow:
    """A flow as mitmproxy has it for a request on the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    method, target, version = line.split(b" ")
    fields = [(name, value) for name, _, value in (one.partition(b": ") for one in lines)]
    flow = tflow.tflow()
    flow.request = http.Request(
        host="127.0.0.1",
        port=1,
        method=method,
        scheme=b"http",
        authority=b"",
        path=target,
        http_version=version,
        headers=http.Headers(fields),
        content=body,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=0.0,
    )
    return flow


def gateway_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gateway_script", ROOT / "addons" / "gateway.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Gateway:
    """The gateway's own add-ons, loaded with a project, without a proxy around them."""

    def __init__(self, folder: Path) -> None:
        script = gateway_script()
        project = ProjectReader(folder / "definitions", folder / "policies").read()
        self.store = script.settings.store
        self.store.open(project.settings)
        release_at_start(self.store.releases, project, time.time_ns() // 1_000_000)
        script.settings.catalog = compile_catalog(project, self.store.releases.current())
        self.calls: dict[str, Call] = script.desk.calls
        self.steps = script.CHAIN
        self.reception = script.Reception(script.desk)
        self.dispatch = script.Dispatch(script.desk, backends=CannedBackend())
        self.log = script.MetricsLog(script.desk, calls=self.store)

    def rooms(self) -> list[tuple[str, Callable[[http.HTTPFlow], Any]]]:
        """Every room of a call in its order, by name."""

        def stage(step: Any) -> Callable[[http.HTTPFlow], Awaitable[None]]:
            return lambda flow: advance(self.calls[flow.id], step)

        return [
            ("Reception", self.reception.request),
            *((step.name, stage(step)) for step in self.steps),
            ("Dispatch, without the backend", self.dispatch.request),
            ("MetricsLog, records written", self.log.response),
        ]


async def crowd(
    room: Callable[[http.HTTPFlow], Any], flows: Sequence[http.HTTPFlow], at_once: int
) -> None:
    """Every flow goes through the room, so many of them at a time."""
    waiting = iter(flows)

    async def caller() -> None:
        for flow in waiting:
            left = room(flow)
            if left is not None:
                await left

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(caller())


async def one_round(
    gateway: Gateway, scenario: Scenario, count: int, at_once: int
) -> dict[str, float]:
    """Microseconds a call in each room.

    Raises:
        SystemExit: a call was refused.
    """
    blanks = scenario.blanks()
    requests = [request_of(blanks[n % len(blanks)], close=False) for n in range(count)]
    flows = [flow_of(request) for request in requests]
    found = {}
    gc.collect()
    gc.disable()
    for name, room in gateway.rooms():
        began = time.process_time()
        await crowd(room, flows, at_once)
        await asyncio.sleep(SETTLE_S)
        found[name] = (time.process_time() - began) / count * 1e6
        _stop_at_refusals(gateway.calls)
    gc.enable()
    return found


def _stop_at_refusals(calls: dict[str, Call]) -> None:
    for call in calls.values():
        if call.refusal is not None:
            sys.exit(f"a call was refused by {call.refused_by}: {call.refusal.detail}")


def profile_of(rounds: Sequence[dict[str, float]], stages: Sequence[str]) -> Profile:
    costs = []
    for name in rounds[0]:
        figures = spread([one[name] for one in rounds])
        costs.append(Cost(name, figures.middle, figures.least))
    return Profile(
        around=[cost for cost in costs if cost.room not in stages],
        stages=[cost for cost in costs if cost.room in stages],
    )


async def measure(scenario: Scenario, count: int, rounds: int, at_once: int) -> Profile:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, scenario.project, BACKEND_PORT, tls=False)
        gateway = Gateway(folder)
        try:
            await one_round(gateway, scenario, count, at_once)
            found = []
            for number in range(rounds):
                with console.status(f"round {number + 1} of {rounds}"):
                    found.append(await one_round(gateway, scenario, count, at_once))
        finally:
            gateway.store.close()
    return profile_of(found, [step.name for step in gateway.steps])


def table_of(profile: Profile) -> Table:
    table = Table("room", "CPU us a call", "least", "share")
    for cost in profile.stages:
        share = cost.us / max(profile.stages_us, 0.001)
        table.add_row(cost.room, f"{cost.us:.1f}", f"{cost.least_us:.1f}", f"{share:.0%}")
    table.add_section()
    table.add_row("the stages", f"{profile.stages_us:.1f}", "", f"target {TARGET_US:g}")
    table.add_section()
    for cost in profile.around:
        table.add_row(cost.room, f"{cost.us:.1f}", f"{cost.least_us:.1f}", "")
    table.add_section()
    table.add_row("the whole call", f"{profile.whole_us:.1f}", "", "")
    return table


def markdown(profile: Profile, machine: str) -> str:
    """The table as docs/speed.md has it."""
    lines = [f"{machine}.", "", *head("room", "CPU us a call", "share of the stages")]
    for cost in profile.stages:
        share = cost.us / max(profile.stages_us, 0.001)
        lines.append(f"| {cost.room} | {cost.us:.1f} | {share:.0%} |")
    lines.append(f"| the stages (target {TARGET_US:g}) | {profile.stages_us:.1f} | |")
    lines += [f"| {cost.room} | {cost.us:.1f} | |" for cost in profile.around]
    lines.append(f"| the whole call | {profile.whole_us:.1f} | |")
    return "\n".join(lines)


def positive(text: str) -> int:
    """
    Raises:
        ArgumentTypeError
    """
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/dev profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [one.name for one in SCENARIOS if one.name not in UNPROFILED]
    add = made.add_argument
    add("--scenario", choices=names, default="signed", help="whose calls (signed)")
    add("--calls", type=positive, default=2000, help="of a round (2000)")
    add("--rounds", type=positive, default=5, help="after one that does not count (5)")
    add("--at-once", type=positive, default=32, help="calls in a room at the same time (32)")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--write", action="store_true", help="put them into docs/speed.md")
    add("--cprofile", action="store_true", help="profile a real mitmdump under load instead")
    add("--stock", action="store_true", help="with --cprofile: stock mitmdump, not the gateway")
    add("--seconds", type=int, default=5, help="with --cprofile: of load (5)")
    add("--top", type=int, default=40, help="with --cprofile: functions shown (40)")
    add("--save", type=Path, metavar="FILE", help="with --cprofile: keep it, for other tools")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="with --cprofile: option")
    return made


def main() -> int:
    arguments = parser().parse_args()
    (scenario,) = chosen([arguments.scenario])
    if arguments.cprofile:
        text = profile_live(
            scenario,
            seconds=arguments.seconds,
            of_stock=arguments.stock,
            options=arguments.set,
            top=arguments.top,
            save=arguments.save,
        )
        print(text)
        return 0
    profile = asyncio.run(measure(scenario, arguments.calls, arguments.rounds, arguments.at_once))
    if arguments.json:
        print(json.dumps({**asdict(profile), "stages_us": profile.stages_us}, indent=2))
    else:
        Console().print(table_of(profile))
    if arguments.write:
        write_figures(markdown(profile, machine_class()), "profile")
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
