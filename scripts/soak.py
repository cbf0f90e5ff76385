"""`scripts/dev soak`: whether the gateway's resident memory stays where it is, call after call.

Each kind of connection gets a gateway of its own: HTTP/1.1 kept alive, a connection for each call,
and HTTP/2 over TLS. Calls are signed GETs, each with a nonce of its own, through all stages. Memory
is printed every 50,000 calls; what came after the first 50,000 is the growth. Ends with 1 when that
is 5 % or more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.bench.calls import forecast, written
from scripts.bench.load import LoadFailed, Way, put_load
from scripts.bench.machine import machine_class
from scripts.bench.measure import Plan, Ring, Runner, problem_of
from scripts.bench.processes import Command, NotServing, demand_linux, usage_of
from scripts.bench.project import TLS_NAME, project_options
from scripts.bench.report import head, write_figures
from scripts.bench.scenarios import Choice, Scenario
from scripts.bench.sides import Place, Side, stock

ROOT = Path(__file__).resolve().parents[1]
EVERY = 50_000
MOST_GROWTH = 0.05

KINDS = {
    "keep-alive": Way(connections=32),
    "close": Way(connections=32, close=True),
    "http2": Way(connections=4, streams=8, tls=TLS_NAME),
}

console = Console(stderr=True)


@dataclass(slots=True)
class Soak:
    """Resident megabytes after so many calls, of one kind of connection."""

    kind: str
    points: list[tuple[int, float]] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Of the memory after the first stretch, as a share of it; 0.0 before there is more."""
        if len(self.points) < 2:
            return 0.0
        (_, first), *_, (_, last) = self.points
        return last / first - 1

    @property
    def is_flat(self) -> bool:
        return self.growth < MOST_GROWTH


def stretches(calls: int, every: int) -> list[int]:
    """How many calls each stretch has: `every`, and the last one what is left."""
    return [min(every, calls - begun) for begun in range(0, calls, every)]


def proxy(tool: str, options: Sequence[str]) -> Side:
    """The gateway in one of mitmproxy's tools, or stock mitmdump."""
    if tool == "stock":
        return stock()

    def command(place: Place) -> Command:
        words = [str(Path(sys.executable).with_name(tool))]
        words += ["-q"] if tool == "mitmdump" else ["--no-web-open-browser", "--web-port", "0"]
        words += ["-s", str(ROOT / "addons" / "gateway.py"), "--set", "server=false"]
        words += ["--listen-port", str(place.port), *project_options(place.project)]
        for option in options:
            words += ["--set", option]
        return Command(name=tool, words=words, port=place.port, cores=place.cores)

    return Side(name=tool, command=command, repeats=False)


@contextlib.contextmanager
def ring_of(way: Way, side: Side) -> Iterator[tuple[Ring, Runner]]:
    scenario = Scenario(name="soak", what="signed GET", way=way)
    plan = Plan(seconds=0, rounds=0, pin=True, choice=Choice())
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ring = Ring(scenario, plan, Path(folder))
        yield ring, ring.start(side, ring.start_backend(stack), stack)


def soaked(kind: str, side: Side, calls: int, every: int) -> Soak:
    """
    Raises:
        LoadFailed, NotServing
    """
    soak, done, way = Soak(kind), 0, KINDS[kind]
    with ring_of(way, side) as (ring, runner):
        for count in stretches(calls, every):
            with console.status(f"{kind}: {done:,} of {calls:,} calls"):
                load = put_load(
                    runner.port,
                    way,
                    written(forecast(), count, close=way.close),
                    ring.folder,
                    calls=count,
                    cores=ring.load_cores,
                )
            if problem := problem_of(load, refused=False):
                raise LoadFailed(problem)
            done += load.calls
            memory_mb = usage_of(runner.pid).resident / 2**20
            soak.points.append((done, memory_mb))
            rate = load.calls / load.seconds
            console.print(
                f"{kind}: {done:>9,} calls  {memory_mb:7.1f} MB  {soak.growth:+.1%}  "
                f"{rate:.0f} calls a second",
                highlight=False,
            )
    return soak


def table_of(soaks: Sequence[Soak]) -> Table:
    table = Table("connections", "calls", "MB at first", "MB at last", "most MB", "growth", "flat")
    for soak in soaks:
        table.add_row(
            soak.kind,
            f"{soak.points[-1][0]:,}",
            f"{soak.points[0][1]:.1f}",
            f"{soak.points[-1][1]:.1f}",
            f"{max(memory for _, memory in soak.points):.1f}",
            f"{soak.growth:+.1%}",
            "yes" if soak.is_flat else "no",
        )
    return table


def markdown(soaks: Sequence[Soak], machine: str) -> str:
    """The table as docs/speed.md has it."""
    lines = [f"{machine}.", ""]
    lines += head("connections", "calls", "MB at first", "MB at last", "growth")
    for soak in soaks:
        (_, first), (calls, last) = soak.points[0], soak.points[-1]
        lines.append(f"| {soak.kind} | {calls:,} | {first:.1f} | {last:.1f} | {soak.growth:+.1%} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/dev soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--calls", type=int, default=1_000_000, help="of each kind (1000000)")
    add("--every", type=int, default=EVERY, help=f"calls between two looks ({EVERY})")
    add("--over", nargs="+", choices=list(KINDS), default=list(KINDS), help="(all three)")
    tools = ("mitmdump", "mitmweb", "stock")
    add("--tool", choices=tools, default="mitmdump", help="stock: mitmdump without the gateway")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="option of the gateway")
    add("--write", action="store_true", help="put them into docs/speed.md")
    add("--json", action="store_true", help="print the figures as JSON")
    return made


def main() -> int:
    arguments = parser().parse_args()
    demand_linux()
    soaks = []
    for kind in arguments.over:
        side = proxy(arguments.tool, arguments.set)
        try:
            soaks.append(soaked(kind, side, arguments.calls, arguments.every))
        except (LoadFailed, NotServing) as problem:
            sys.exit(f"{kind}: {problem}")
    if arguments.json:
        print(json.dumps([{**asdict(soak), "growth": soak.growth} for soak in soaks], indent=2))
    else:
        Console().print(table_of(soaks))
    if arguments.write:
        write_figures(markdown(soaks, machine_class()), "soak")
    return 0 if all(soak.is_flat for soak in soaks) else 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
