"""scripts/bench/processes.py"""

import os
import sys
from pathlib import Path

import pytest

from scripts.bench.processes import (
    Command,
    NotServing,
    family,
    free_port,
    pinned,
    running,
    usage_in,
    usage_of,
)

STAT = (
    "4242 (a) (b c) S 1 4242 4242 0 -1 4194560 9000 0 12 0 150 50 7 8 20 0 4 0 123456 "
    "900000000 2048 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"
)


def test_cpu_and_memory_are_read_behind_any_name_of_a_process() -> None:
    found = usage_in(STAT)
    assert found.cpu_s == 200 / os.sysconf("SC_CLK_TCK")
    assert found.resident == 2048 * os.sysconf("SC_PAGE_SIZE")


def test_a_command_is_kept_to_its_cores_and_else_left_alone() -> None:
    assert pinned(["wrk", "-c1"], [0, 1]) == ["taskset", "-c", "0,1", "wrk", "-c1"]
    assert pinned(["wrk", "-c1"], ()) == ["wrk", "-c1"]


def test_a_process_serves_inside_the_block_and_is_gone_behind_it(tmp_path: Path) -> None:
    port = free_port()
    words = [sys.executable, "-m", "scripts.bench.backend", str(port)]
    with running(Command(name="backend", words=words, port=port), tmp_path / "log") as pid:
        assert family(pid) == [pid]
        assert usage_of(pid).resident > 2**20
    assert usage_of(pid).resident == 0


def test_a_process_that_ends_is_told_with_what_it_said(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    command = Command(name="this one", words=words, port=free_port())
    with (
        pytest.raises(NotServing, match="this one does not serve: no such option"),
        running(command, tmp_path / "log"),
    ):
        pass
