"""A scenario, measured: all sides run, one after the other gets the load, round after round."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.bench.backend import backend_command
from scripts.bench.calls import written
from scripts.bench.figures import Figures, Load, Outcome, figures_of, rows_of
from scripts.bench.load import LoadFailed, put_load
from scripts.bench.processes import (
    NotServing,
    can_pin,
    free_port,
    running,
    usage_of,
)
from scripts.bench.project import write_project
from scripts.bench.scenarios import Choice, Scenario
from scripts.bench.sides import Place, Side

WARM_UP_S = 1.0
FIRST_GUESS_RPS = 5_000
"""Nobody who refuses repeated calls makes more of them while warming up."""

ROOM = 1.5
"""So many more calls are signed than the warm-up made in the time."""

REPEATED_CALLS = 2_000
FIRST_REFUSED = 0.9
"""Of the calls beyond a limit so many are refused at least: the first one is not."""

NEEDED = 2
"""Sides without which there is nothing to compare: the first is what all others are measured by."""

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seconds` of a measurement; `pin`: the side on the first core, load and backend on the
    second."""

    seconds: float
    rounds: int
    pin: bool
    choice: Choice
    connections: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A side that runs."""

    side: Side
    pid: int
    port: int
    cores: int
    rate: float = 0.0


class Ring:
    """Where the sides of a scenario run, beside one backend."""

    def __init__(self, scenario: Scenario, plan: Plan, folder: Path) -> None:
        self.scenario, self.plan, self.folder = scenario, plan, folder
        self.is_pinned = plan.pin and can_pin() and not scenario.shared_cores
        self.way = scenario.way
        if plan.connections is not None:
            self.way = replace(self.way, connections=plan.connections)
        self.backend = 0

    @property
    def side_cores(self) -> list[int]:
        return [0] if self.is_pinned else []

    @property
    def load_cores(self) -> list[int]:
        return [1] if self.is_pinned else []

    def start_backend(self, stack: contextlib.ExitStack) -> int:
        """Its port.

        Raises:
            NotServing
        """
        port = free_port()
        backend = backend_command(port, self.folder, self.load_cores)
        self.backend = stack.enter_context(running(backend, self.folder / "backend.log"))
        return port

    def start(self, side: Side, backend_port: int, stack: contextlib.ExitStack) -> Runner:
        """
        Raises:
            NotServing
        """
        port, folder = free_port(), self.folder / side.name.replace(" ", "-")
        folder.mkdir()
        project = folder / "project"
        if not side.repeats:
            write_project(
                project, self.scenario.project, backend_port, tls=bool(self.scenario.way.tls)
            )
        place = Place(
            port=port,
            backend_port=backend_port,
            folder=folder,
            project=project,
            cores=self.side_cores,
        )
        command = side.command(place)
        pid = stack.enter_context(running(command, folder / "log"))
        return Runner(side=side, pid=pid, port=port, cores=max(1, side.workers))

    def load(self, runner: Runner, seconds: float, calls: int) -> Load:
        """
        Raises:
            LoadFailed: a call was refused or lost.
        """
        most = REPEATED_CALLS if runner.side.repeats else calls
        requests = written(self.scenario.blanks(), most, close=self.way.close)
        load = put_load(
            runner.port, self.way, requests, self.folder, seconds=seconds, cores=self.load_cores
        )
        refused = self.scenario.refused and not runner.side.repeats
        if problem := problem_of(load, refused=refused):
            if load.calls > most and not runner.side.repeats:
                problem += "; more calls were made than were signed"
            raise LoadFailed(f"{runner.side.name}: {problem}")
        return load

    def warmed(self, runner: Runner) -> Runner:
        load = self.load(runner, WARM_UP_S, round(FIRST_GUESS_RPS * WARM_UP_S))
        return replace(runner, rate=load.calls / load.seconds)

    def measure(self, runner: Runner) -> Figures:
        calls = math.ceil(runner.rate * self.plan.seconds * ROOM) + 1000
        before, backend_before = usage_of(runner.pid), usage_of(self.backend)
        load = self.load(runner, self.plan.seconds, calls)
        after, backend_after = usage_of(runner.pid), usage_of(self.backend)
        return figures_of(
            load,
            cpu_s=after.cpu_s - before.cpu_s,
            backend_cpu_s=backend_after.cpu_s - backend_before.cpu_s,
            resident=after.resident,
            cores=runner.cores,
            machine_cores=len(os.sched_getaffinity(0)),
        )


def problem_of(load: Load, *, refused: bool) -> str:
    """What is wrong with the answers of a load; "" when they are as they should be."""
    if load.failed:
        return f"{load.failed} of {load.calls + load.failed} calls were not answered"
    if refused:
        if load.refused < load.calls * FIRST_REFUSED:
            return f"{load.calls - load.refused} of {load.calls} calls were not refused"
    elif load.refused:
        return f"{load.refused} of {load.calls} calls were refused"
    return ""


def compare(scenario: Scenario, plan: Plan, folder: Path, tell: Tell) -> list[Outcome]:
    """The scenario's outcome. Without the first two sides there is none, only the reason; of
    others one more tells why a side was left out."""
    ring = Ring(scenario, plan, folder)
    blank = Outcome(
        scenario=scenario.name,
        what=scenario.what,
        way=str(ring.way),
        shared_cores=scenario.shared_cores,
    )
    try:
        with contextlib.ExitStack() as stack:
            backend_port = ring.start_backend(stack)
            runners, problems = started(ring, backend_port, stack, tell)
            rounds, lost = measured_rounds(ring, runners, tell)
    except (NotServing, LoadFailed) as problem:
        return [replace(blank, skipped=str(problem))]
    left_out = [
        replace(blank, what=f"{scenario.what}: {side}", skipped=problem)
        for side, problem in {**problems, **lost}.items()
    ]
    return [replace(blank, rows=rows_of(rounds)), *left_out]


def started(
    ring: Ring, backend_port: int, stack: contextlib.ExitStack, tell: Tell
) -> tuple[list[Runner], dict[str, str]]:
    """The sides that run, and what is wrong with the others.

    Raises:
        NotServing, LoadFailed: of the first two sides, without which there is no comparison.
    """
    runners, problems = [], {}
    for number, side in enumerate(ring.scenario.sides(ring.plan.choice)):
        tell(f"{ring.scenario.name}: {side.name} starts")
        try:
            if side.missing:
                raise NotServing(side.missing)
            runners.append(ring.warmed(ring.start(side, backend_port, stack)))
        except (NotServing, LoadFailed) as problem:
            if number < NEEDED:
                raise
            problems[side.name] = str(problem)
    return runners, problems


def measured_rounds(
    ring: Ring, runners: Sequence[Runner], tell: Tell
) -> tuple[list[tuple[str, list[Figures]]], dict[str, str]]:
    """Each side's figures, and what was wrong with those that failed. The order turns around every
    round, so that a machine which becomes slower or faster favours nobody.

    Raises:
        LoadFailed: of the first two sides.
    """
    found: dict[str, list[Figures]] = {runner.side.name: [] for runner in runners}
    needed, problems = {runner.side.name for runner in runners[:NEEDED]}, {}
    for number in range(ring.plan.rounds):
        for runner in runners if number % 2 == 0 else reversed(runners):
            name = runner.side.name
            if name not in found:
                continue
            tell(f"{ring.scenario.name}: round {number + 1}: {name}")
            try:
                found[name].append(ring.measure(runner))
            except LoadFailed as problem:
                if name in needed:
                    raise
                problems[name] = str(problem)
                del found[name]
    return list(found.items()), problems
