"""scripts/bench/measure.py: what is wrong with the answers."""

from dataclasses import replace

from scripts.bench.figures import Load
from scripts.bench.measure import problem_of

GOOD = Load(calls=100, seconds=1.0, refused=0, failed=0, p50_ms=1, p99_ms=2)


def test_answers_as_they_should_be_have_no_problem() -> None:
    assert problem_of(GOOD, refused=False) == ""
    assert problem_of(replace(GOOD, refused=99), refused=True) == ""


def test_a_lost_call_is_always_a_problem() -> None:
    assert problem_of(replace(GOOD, failed=1), refused=False) == (
        "1 of 101 calls were not answered"
    )
    assert problem_of(replace(GOOD, failed=1, refused=100), refused=True)


def test_one_refused_call_spoils_a_measurement_of_served_ones() -> None:
    assert problem_of(replace(GOOD, refused=1), refused=False) == "1 of 100 calls were refused"


def test_calls_that_were_served_spoil_a_measurement_of_refused_ones() -> None:
    assert problem_of(replace(GOOD, refused=50), refused=True) == (
        "50 of 100 calls were not refused"
    )
