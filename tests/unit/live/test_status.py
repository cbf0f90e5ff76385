"""What a process tells of itself, and who is still there."""

import os
import socket
import subprocess
import sys
from dataclasses import replace

from unit.live.test_metrics import WELL

from apigateway.live.reloader import Tally
from apigateway.live.status import SILENT_MS, running, status_of

NOW_MS = 1_700_000_100_000
OURS = replace(WELL, machine=socket.gethostname(), process=os.getpid(), seen_ms=NOW_MS)


def test_a_process_that_served_nothing_yet_says_so() -> None:
    status = status_of(None, Tally(), number=2, started_ms=5, now_ms=NOW_MS)
    assert (status.machine, status.process) == (socket.gethostname(), os.getpid())
    assert (status.number, status.started_ms, status.seen_ms) == (2, 5, NOW_MS)
    assert (status.catalog, status.apis, status.problems) == ("", 0, "")


def test_problems_are_told_as_lines() -> None:
    tally = Tally(failed=2, failed_ms=9, problems=("a.yaml:1:1: x; y", "b.yaml:2:2: x; y"))
    status = status_of(None, tally, number=0, started_ms=5, now_ms=NOW_MS)
    assert status.problems == "a.yaml:1:1: x; y\nb.yaml:2:2: x; y"
    assert (status.failed_reloads, status.failed_ms) == (2, 9)


def test_who_runs_here_and_spoke_lately_is_running() -> None:
    assert running([OURS], NOW_MS) == [OURS]
    assert running([OURS], NOW_MS + SILENT_MS) == []
    assert running([replace(OURS, machine="elsewhere")], NOW_MS) == []


def test_a_process_that_is_gone_is_not_running() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert running([replace(OURS, process=child.pid)], NOW_MS) == []
