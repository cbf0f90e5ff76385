"""A real mitmdump under load in Python's own profiler: which functions take the time."""

from __future__ import annotations

import contextlib
import io
import os
import pstats
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.bench.measure import Plan, Ring
from scripts.bench.processes import Command, demand_linux
from scripts.bench.project import project_options
from scripts.bench.scenarios import Choice, Scenario
from scripts.bench.sides import Place, Side, stock

ROOT = Path(__file__).resolve().parents[1]
WRITTEN_WITHIN_S = 30.0


def profile_live(
    scenario: Scenario,
    *,
    seconds: int,
    of_stock: bool,
    options: Sequence[str],
    top: int,
    save: Path | None,
) -> str:
    """The functions that take most time by themselves, as pstats prints them. The profiler makes
    calls of Python functions dearer than they are: shares are a hint, not a measurement."""
    demand_linux()
    plan = Plan(seconds=seconds, rounds=1, pin=True, choice=Choice())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = folder / "profile"
        side = profiled(stock() if of_stock else _gateway(options), kept)
        with contextlib.ExitStack() as stack:
            ring = Ring(scenario, plan, folder)
            backend_port = ring.start_backend(stack)
            runner = ring.warmed(ring.start(side, backend_port, stack))
            os.kill(runner.pid, signal.SIGRTMIN)
            calls = ring.measure(runner).rps * seconds
            os.kill(runner.pid, signal.SIGRTMIN + 1)
            _wait_for(kept)
        if save is not None:
            shutil.copy(kept, save)
        return f"about {calls:.0f} calls\n{told(kept, top)}"


def _gateway(options: Sequence[str]) -> Side:
    """mitmdump itself, without the command that would become it."""

    def command(place: Place) -> Command:
        words = [str(Path(sys.executable).with_name("mitmdump")), "-q"]
        words += ["-s", str(ROOT / "addons" / "gateway.py"), "--set", "server=false"]
        words += ["--listen-port", str(place.port), *project_options(place.project)]
        for option in options:
            words += ["--set", option]
        return Command(name="gateway", words=words, port=place.port, cores=place.cores)

    return Side(name="gateway", command=command, repeats=False)


def profiled(side: Side, kept: Path) -> Side:
    """The same in the profiler, which waits for its signals and writes to `kept`."""

    def command(place: Place) -> Command:
        plain = side.command(place)
        words = [sys.executable, str(ROOT / "scripts" / "lib" / "profiled.py"), str(kept)]
        return replace(plain, words=[*words, *plain.words])

    return replace(side, command=command)


def _wait_for(kept: Path) -> None:
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while not kept.exists():
        if time.monotonic() > deadline:
            sys.exit("the profiler wrote nothing")
        time.sleep(0.1)


def told(kept: Path, top: int) -> str:
    text = io.StringIO()
    stats = pstats.Stats(str(kept), stream=text)
    stats.sort_stats(pstats.SortKey.TIME).print_stats(top)
    _, _, figures = text.getvalue().partition("\n")  # behind the place of the file
    return without_places(figures.strip())


def without_places(text: str) -> str:
    """Paths from the package on, as they are read best."""
    text = re.sub(r"\S*/site-packages/", "", text)
    text = re.sub(r"\S*/lib/python3\.\d+/", "", text)
    return re.sub(r"\S*/addons/", "", text)
