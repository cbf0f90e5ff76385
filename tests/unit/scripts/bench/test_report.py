"""scripts/bench/report.py"""

import pytest

from scripts.bench.figures import Figures, Outcome, Row, Spread
from scripts.bench.report import (
    PAGE,
    accounted,
    as_data,
    disturbed,
    left_out,
    markdown,
    marks,
    table_of,
    with_figures,
)


def row(side: str, rps: float, ratio: float | None = None, busy: float = 0.97) -> Row:
    figures = Figures(
        rps=rps,
        cpu_us=1e6 / rps,
        p50_ms=1.5,
        p99_ms=9.5,
        memory_mb=80,
        busy=busy,
        load_us=40,
        backend_us=20,
        whole_rps=rps,
    )
    spread = None if ratio is None else Spread(ratio, ratio - 0.1, ratio + 0.1)
    whole = None if ratio is None else Spread(ratio * 1.1, ratio * 1.1, ratio * 1.1)
    return Row(side=side, figures=figures, rps_ratio=spread, cpu_ratio=spread, whole_ratio=whole)


SIGNED = Outcome(
    scenario="signed",
    what="signed GET",
    way="32 connections",
    rows=[row("stock mitmdump", 1000), row("gateway", 2000, 2.0)],
)
WORKERS = Outcome(
    scenario="workers",
    what="two workers",
    way="64 connections",
    rows=[row("1 worker", 1000), row("2 workers", 1800, 1.8)],
    shared_cores=True,
)
MISSING = Outcome(scenario="peers", what="other proxies: Envoy", skipped="not\ninstalled")


def test_the_page_has_one_row_a_scenario_and_a_table_for_other_comparisons() -> None:
    text = markdown([SIGNED, WORKERS, MISSING], "a machine", "In rounds.")
    lines = text.splitlines()
    assert lines[:2] == ["a machine.", "In rounds."]
    assert (
        "| signed GET, 32 connections | 1000 | 2000 | 2.00 (1.90 to 2.10) | 1000 | 500 "
        "| 9.5 | 9.5 | 80 |" in lines
    )
    assert "Two workers:" in lines
    assert "| 2 workers | 1800 | 1.80 (1.70 to 1.90) | 556 | 9.50 | 80 | 97% |" in lines
    assert "Not measured: peers (other proxies: Envoy): not installed." in lines


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    text = markdown([SIGNED, WORKERS], "a machine", "In rounds.")
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert widths == [10] * 3 + [8] * 4


def test_where_the_cores_are_shared_a_sentence_counts_the_load_and_the_backend_out() -> None:
    (sentence,) = accounted(WORKERS)
    assert "2 workers would have made 1.98 (1.98 to 1.98) times the calls of 1 worker" in sentence
    assert sentence in markdown([WORKERS], "a machine", "In rounds.").splitlines()
    assert accounted(SIGNED) == [] == accounted(MISSING)


def test_the_figures_take_the_place_of_the_old_ones_and_of_nothing_else() -> None:
    begin, end = marks("bench")
    page = f"# Speed\n\n{begin}\nold\n{end}\n\nMore.\n"
    assert with_figures(page, "new\n", "bench") == f"# Speed\n\n{begin}\nnew\n{end}\n\nMore.\n"
    once = with_figures(page, "other", "bench")
    assert with_figures(once, "new", "bench") == with_figures(page, "new", "bench")


def test_a_page_without_a_place_for_figures_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="no lines"):
        with_figures("# Speed\n", "new", "bench")


@pytest.mark.parametrize("command", ["bench", "profile", "soak"])
def test_the_page_has_a_place_for_the_figures_of_every_command(command: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "of this test alone" in with_figures(page, "of this test alone", command)


def test_what_was_left_out_is_told_with_its_reason() -> None:
    assert left_out([SIGNED, MISSING]) == ["peers (other proxies: Envoy): not\ninstalled"]
    assert table_of([SIGNED, MISSING]).row_count == 2


def test_the_data_hold_every_row_with_the_machine() -> None:
    data = as_data([SIGNED], "a machine")
    assert data["machine"] == "a machine"
    assert data["outcomes"][0]["rows"][1]["figures"]["rps"] == 2000


def test_a_run_beside_other_work_is_told_as_one() -> None:
    shared = [row("stock mitmdump", 1000, busy=0.9), row("gateway", 2000, 2.0, busy=0.4)]
    assert disturbed([SIGNED]) == "" and disturbed([]) == ""
    signed = Outcome(scenario="signed", what="signed GET", rows=shared)
    assert "got 40% of its core" in disturbed([SIGNED, signed])
    assert "40%" in markdown([signed], "a machine", "In rounds.")


def test_who_waits_for_the_caller_says_nothing_about_the_machine() -> None:
    idle = [row("stock mitmdump", 1000, busy=0.4), row("gateway", 2000, 2.0, busy=0.4)]
    assert disturbed([Outcome(scenario="alone", what="one connection", rows=idle)]) == ""
    peers = [*SIGNED.rows, row("nginx", 20_000, 20.0, busy=0.3)]
    assert disturbed([Outcome(scenario="peers", what="others", rows=peers)]) == ""
