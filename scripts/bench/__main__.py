"""`scripts/dev bench`: stock mitmdump and the gateway in one run, in turns, on one backend.

The gateway does everything it does in production: every call has a signature and a nonce of its
own, and is throttled, validated, mapped, signed and recorded. Each round takes every side in turn;
a ratio is that of two measurements next to each other, given as the median of the rounds with the
least and the most. CPU is user and system time of the side's processes, which other work on the
machine disturbs less than it does calls a second; "busy" is the share of its core that a side used:
below about 95 % something else held it back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.bench.chart import Pair, chart
from scripts.bench.counting import costs_table, take_costs
from scripts.bench.figures import Outcome
from scripts.bench.machine import machine_class
from scripts.bench.measure import Plan, compare
from scripts.bench.processes import can_pin, demand_linux
from scripts.bench.report import (
    accounted,
    as_data,
    disturbed,
    left_out,
    markdown,
    table_of,
    write_figures,
)
from scripts.bench.scenarios import SCENARIOS, Choice, Scenario, chosen

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "speed.svg"

console = Console(stderr=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/dev bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="With --apis N: what N APIs cost to check, start with, reload (bench --apis 1 -h).",
    )
    add = made.add_argument
    add("--list", action="store_true", help="the scenarios")
    add("--scenario", nargs="+", default=[], metavar="NAME", help="these, or all; else the usual")
    add("--peers", action="store_true", help="also other proxies: nginx, HAProxy, Envoy ...")
    add("--peer-path", metavar="DIRS", help="where peers are looked for, before PATH")
    add("--rounds", type=int, default=3, help="each takes all sides in turn (3)")
    add("--seconds", type=int, default=4, help="of one measurement (4)")
    add("--connections", type=int, help="instead of the scenario's own")
    add("--workers", type=int, default=1, metavar="N", help="processes of the gateway (1)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="option of the gateway")
    add("--no-pin", action="store_true", help="do not keep sides and load to a core each")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--write", action="store_true", help="put them into docs/speed.md and its picture")
    add("--take", action="store_true", help="only what counting costs, on each store")
    add("--redis", metavar="URL", help="the server for --take; else one is started, if found")
    return made


def main() -> int:
    arguments = parser().parse_args()
    if arguments.list:
        show_scenarios()
        return 0
    if arguments.take:
        show_costs(arguments.redis, as_json=arguments.json)
        return 0
    demand_linux()
    try:
        names = arguments.scenario
        if arguments.peers:
            names = [*(names or [one.name for one in chosen([])]), "peers"]
        scenarios = chosen(names)
    except KeyError as unknown:
        parser().error(f"there is no scenario {unknown}; see --list")
    choice = Choice(options=arguments.set, workers=arguments.workers, peer_path=arguments.peer_path)
    plan = Plan(
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        pin=not arguments.no_pin,
        choice=choice,
        connections=arguments.connections,
    )
    outcomes = measured(scenarios, plan)
    show(outcomes, as_json=arguments.json)
    if arguments.write:
        write(outcomes, how(plan))
    return 0 if any(outcome.rows for outcome in outcomes) else 1


def show_scenarios() -> None:
    table = Table("scenario", "what", "how", "usual")
    for one in SCENARIOS:
        table.add_row(one.name, one.what, str(one.way), "yes" if one.usual else "")
    Console().print(table)


def show_costs(url: str | None, *, as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        costs = list(take_costs(url, Path(folder)))
    if len(costs) == 1:
        console.print("Redis is left out: no valkey-server or redis-server was found")
    if as_json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
    else:
        Console().print(costs_table(costs))


def measured(scenarios: Sequence[Scenario], plan: Plan) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for scenario in scenarios:
        with (
            tempfile.TemporaryDirectory() as folder,
            console.status(scenario.name) as status,
        ):
            outcomes += compare(scenario, plan, Path(folder), status.update)
    return outcomes


def show(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(as_data(outcomes, machine_class()), indent=2))
        return
    wide = Console(width=None if Console().is_terminal else 170)
    wide.print(table_of(outcomes))
    for sentence in (sentence for outcome in outcomes for sentence in accounted(outcome)):
        wide.print(sentence, highlight=False)
    for line in left_out(outcomes):
        wide.print(f"left out: {line}", markup=False, highlight=False)
    wide.print(machine_class(), highlight=False)
    if problem := disturbed(outcomes):
        wide.print(problem, highlight=False)


def how(plan: Plan) -> str:
    """How the figures were taken, in a sentence."""
    where = (
        "the side on one core, load generator and backend on another"
        if plan.pin and can_pin()
        else "all processes on all cores"
    )
    return f"Medians of {plan.rounds} rounds of {plan.seconds} seconds each, {where}."


def write(outcomes: Sequence[Outcome], sentence: str) -> None:
    write_figures(markdown(outcomes, machine_class(), sentence), "bench")
    if pairs := pairs_of(outcomes):
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(chart(pairs, "Calls a second on one core"), encoding="utf-8")


def pairs_of(outcomes: Sequence[Outcome]) -> list[Pair]:
    return [
        Pair(one.what, one.rows[0].figures.rps, one.rows[1].figures.rps)
        for one in outcomes
        if len(one.rows) == 2 and one.rows[0].side == "stock mitmdump"
    ]


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
