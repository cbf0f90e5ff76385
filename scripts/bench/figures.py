"""What was measured, and what many rounds of it come to. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load generator saw. `refused` are answers outside 2xx and 3xx, `failed` are calls
    without an answer; `cpu_s` is what the generator itself used, user and system."""

    calls: int
    seconds: float
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One side in one round. CPU in microseconds a call, user and system; `busy` is the share of
    its cores that the side used, 1.0 when nothing else holds it back.

    `whole_rps` are the calls a second with a core for each process: `rps`, scaled from the cores
    that load generator and backend left to all that the side can use. Time in which a side waited,
    for a lock perhaps, counts as used.
    """

    rps: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    memory_mb: float
    busy: float
    load_us: float
    backend_us: float
    whole_rps: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the most of the rounds."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One side of a scenario over all rounds; ratios are to the first side, None for itself.

    `cpu_ratio` is the first side's CPU a call divided by this one's: above 1 is cheaper.
    `whole_ratio` is that of `whole_rps`.
    """

    side: str
    figures: Figures
    rps_ratio: Spread | None
    cpu_ratio: Spread | None
    whole_ratio: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A scenario's rows, or why it was left out. `shared_cores`: load generator and backend took
    theirs from the cores of the sides."""

    scenario: str
    what: str
    way: str = ""
    rows: Sequence[Row] = ()
    skipped: str = ""
    shared_cores: bool = False


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that `share` (0 to 1) of the values do not exceed; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def figures_of(
    load: Load, *, cpu_s: float, backend_cpu_s: float, resident: int, cores: int, machine_cores: int
) -> Figures:
    """`cores`: how many the side can use at most; `machine_cores`: how many there are for all."""
    rps = load.calls / load.seconds
    left = machine_cores - (load.cpu_s + backend_cpu_s) / load.seconds
    return Figures(
        rps=rps,
        cpu_us=cpu_s / load.calls * 1e6,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        memory_mb=resident / 2**20,
        busy=cpu_s / load.seconds / cores,
        load_us=load.cpu_s / load.calls * 1e6,
        backend_us=backend_cpu_s / load.calls * 1e6,
        whole_rps=rps * cores / min(cores, max(left, 0.01)),
    )


def median_of(rounds: Sequence[Figures]) -> Figures:
    def middle(field: Callable[[Figures], float]) -> float:
        return statistics.median(map(field, rounds))

    return Figures(
        rps=middle(lambda one: one.rps),
        cpu_us=middle(lambda one: one.cpu_us),
        p50_ms=middle(lambda one: one.p50_ms),
        p99_ms=middle(lambda one: one.p99_ms),
        memory_mb=middle(lambda one: one.memory_mb),
        busy=middle(lambda one: one.busy),
        load_us=middle(lambda one: one.load_us),
        backend_us=middle(lambda one: one.backend_us),
        whole_rps=middle(lambda one: one.whole_rps),
    )


def rows_of(rounds: Sequence[tuple[str, Sequence[Figures]]]) -> list[Row]:
    """A row for each side; a ratio is taken within a round, of figures taken next to each other."""
    _, first = rounds[0]
    rows = [
        Row(
            side=rounds[0][0],
            figures=median_of(first),
            rps_ratio=None,
            cpu_ratio=None,
            whole_ratio=None,
        )
    ]
    for side, figures in rounds[1:]:
        pairs = list(zip(figures, first, strict=True))
        rows.append(
            Row(
                side=side,
                figures=median_of(figures),
                rps_ratio=spread([own.rps / other.rps for own, other in pairs]),
                cpu_ratio=spread([other.cpu_us / max(own.cpu_us, 0.01) for own, other in pairs]),
                whole_ratio=spread([own.whole_rps / other.whole_rps for own, other in pairs]),
            )
        )
    return rows
