"""scripts/bench/load.py"""

import pytest

from scripts.bench.load import LoadFailed, Way, uses_wrk, wrk_load

SAID = """\
Running 2s test @ http://127.0.0.1:8080
  1 threads and 32 connections
Requests/sec:   1000.00
FIGURES 2000 2003000 3 1 1234.0 56789.5
"""


def test_the_figures_of_wrk_are_those_of_its_last_line_in_seconds_and_milliseconds() -> None:
    found = wrk_load(SAID)
    assert (found.calls, found.seconds) == (2000, 2.003)
    assert (found.refused, found.failed) == (3, 1)
    assert (found.p50_ms, found.p99_ms) == (1.234, 56.7895)


def test_what_wrk_says_without_figures_is_told() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        wrk_load("unable to connect to 127.0.0.1:1 Connection refused")


def test_wrk_is_taken_where_it_can_do_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/wrk")
    assert uses_wrk(Way())
    assert not uses_wrk(Way(tls="localhost"))
    assert not uses_wrk(Way(streams=8))
    assert not uses_wrk(Way(close=True))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert not uses_wrk(Way())


def test_a_way_says_how_calls_are_made() -> None:
    assert str(Way(connections=1)) == "1 connection"
    assert str(Way(connections=4, streams=8)) == "4 connections of 8 streams"
    assert str(Way(connections=32, close=True)) == "32 connections at a time, one a call"
    assert Way(connections=4, streams=8).at_once == 32
