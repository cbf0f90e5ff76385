"""Outcomes as a table for people, as JSON, and as the figures in docs/speed.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from scripts.bench.figures import Outcome, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "speed.md"

UNDISTURBED = 0.85
"""So much of its core a side that is called without a pause uses, when nobody else wants it."""

WAITS_FOR_ITS_CALLER = ("alone", "close", "workers")

HEADINGS = (
    "scenario",
    "side",
    "req/s",
    "ratio",
    "CPU us a call",
    "CPU ratio",
    "p50 ms",
    "p99 ms",
    "MB",
    "busy",
    "load us",
    "backend us",
)


def cells_of(row: Row) -> list[str]:
    """The columns behind the scenario."""
    figures = row.figures
    return [
        row.side,
        f"{figures.rps:.0f}",
        str(row.rps_ratio or ""),
        f"{figures.cpu_us:.0f}",
        str(row.cpu_ratio or ""),
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.2f}",
        f"{figures.memory_mb:.0f}",
        f"{figures.busy:.0%}",
        f"{figures.load_us:.0f}",
        f"{figures.backend_us:.0f}",
    ]


def table_of(outcomes: Sequence[Outcome]) -> Table:
    table = Table(*HEADINGS)
    for outcome in outcomes:
        for number, row in enumerate(outcome.rows):
            table.add_row("" if number else outcome.scenario, *cells_of(row))
        if outcome.rows:
            table.add_section()
    return table


def left_out(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for what was not measured, with the reason."""
    return [f"{one.scenario} ({one.what}): {one.skipped}" for one in outcomes if one.skipped]


def accounted(outcome: Outcome) -> list[str]:
    """A sentence for each side but the first, where load generator and backend took theirs from
    the sides' cores."""
    if not outcome.shared_cores:
        return []
    first = outcome.rows[0].side if outcome.rows else ""
    return [
        f"Had load generator and backend cores of their own, {row.side} would have made "
        f"{row.whole_ratio} times the calls of {first}."
        for row in outcome.rows
        if row.whole_ratio
    ]


def disturbed(outcomes: Sequence[Outcome]) -> str:
    """A sentence where mitmdump or the gateway did not get its core to itself; else "".

    Other proxies and single connections wait for their load, and say nothing about the machine.
    """
    idle = [
        row.figures.busy
        for outcome in outcomes
        for row in outcome.rows[:2]
        if outcome.scenario not in WAITS_FOR_ITS_CALLER
    ]
    if not idle or min(idle) >= UNDISTURBED:
        return ""
    return (
        f"Other work disturbed this run (a side got {min(idle):.0%} of its core): "
        "CPU a call tells more than calls a second."
    )


def as_data(outcomes: Sequence[Outcome], machine: str) -> dict[str, Any]:
    return {"machine": machine, "outcomes": [asdict(outcome) for outcome in outcomes]}


def markdown(outcomes: Sequence[Outcome], machine: str, how: str) -> str:
    """The figures as docs/speed.md has them, with the machine and the way they were taken."""
    lines = [f"{machine}.", " ".join(filter(None, [how, disturbed(outcomes)])), ""]
    measured = [outcome for outcome in outcomes if outcome.rows]
    pairs = [outcome for outcome in measured if len(outcome.rows) == 2]
    usual = [one for one in pairs if one.rows[0].side == "stock mitmdump"]
    if usual:
        lines += ["![Calls a second](pictures/speed.svg)", "", *_comparison(usual), ""]
    for outcome in measured:
        if outcome not in usual:
            lines += [f"{outcome.what[:1].upper()}{outcome.what[1:]}:", "", *_sides(outcome), ""]
            lines += [line for sentence in accounted(outcome) for line in (sentence, "")]
    if skipped := left_out(outcomes):
        lines += ["Not measured: " + "; ".join(map(_one_line, skipped)) + ".", ""]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _comparison(outcomes: Sequence[Outcome]) -> list[str]:
    lines = head(
        "scenario",
        "stock, req/s",
        "gateway, req/s",
        "ratio (least to most)",
        "stock, CPU us a call",
        "gateway, CPU us a call",
        "stock, p99 ms",
        "gateway, p99 ms",
        "gateway, MB",
    )
    for outcome in outcomes:
        stock, own = outcome.rows[0].figures, outcome.rows[1].figures
        lines.append(
            f"| {outcome.what}, {outcome.way} "
            f"| {stock.rps:.0f} | {own.rps:.0f} | {outcome.rows[1].rps_ratio} "
            f"| {stock.cpu_us:.0f} | {own.cpu_us:.0f} | {stock.p99_ms:.1f} | {own.p99_ms:.1f} "
            f"| {own.memory_mb:.0f} |"
        )
    return lines


def _sides(outcome: Outcome) -> list[str]:
    lines = head("", "req/s", "ratio (least to most)", "CPU us a call", "p99 ms", "MB", "busy")
    for row in outcome.rows:
        figures = row.figures
        lines.append(
            f"| {row.side} | {figures.rps:.0f} | {row.rps_ratio or 1} | {figures.cpu_us:.0f} "
            f"| {figures.p99_ms:.2f} | {figures.memory_mb:.0f} | {figures.busy:.0%} |"
        )
    return lines


def head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def marks(command: str) -> tuple[str, str]:
    """The lines of a page between which a command of scripts/dev writes."""
    begin = f"<!-- {command}: written by `scripts/dev {command} --write` -->"
    return begin, f"<!-- end of {command} -->"


def with_figures(page: str, figures: str, command: str) -> str:
    """The page with other figures of that command.

    Raises:
        ValueError: it has no place for them.
    """
    begin, end = marks(command)
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no lines {begin} and {end}")
    return f"{before}{begin}\n{figures.rstrip()}\n{end}{after}"


def write_figures(figures: str, command: str) -> None:
    """Into docs/speed.md."""
    text = with_figures(PAGE.read_text(encoding="utf-8"), figures, command)
    PAGE.write_text(text, encoding="utf-8")
