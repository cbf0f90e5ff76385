"""`apigateway serve`: what it hands to mitmdump. tests/e2e serves."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apigateway.cli import main
from apigateway.commands import serve as module
from apigateway.commands.serve import WrittenFiles, gateway_script, is_quiet, own_name
from apigateway.workers.worker import Command

ROOT = Path(__file__).resolve().parents[3]


class Started(Exception):
    """Instead of the start: the command of the one process, or of worker 2."""

    def __init__(self, words: Sequence[str], workers: int, *, quiet: bool = False) -> None:
        super().__init__(words)
        self.words, self.workers, self.quiet = list(words), workers, quiet


@pytest.fixture(autouse=True)
def caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def execv(tool: str, words: Sequence[str]) -> None:
        assert tool == words[0]
        raise Started(words, 1)

    async def supervise(workers: int, command: Command, log: Any, *, quiet: bool) -> int:
        raise Started(command(2, 0, 9), workers, quiet=quiet)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(module, "supervise", supervise)
    monkeypatch.setattr(module, "mitmdump", lambda: "mitmdump")
    monkeypatch.chdir(tmp_path)


def started(*words: str) -> Started:
    done = CliRunner().invoke(main, ["serve", *words])
    assert isinstance(done.exception, Started), done.output
    return done.exception


def refused(*words: str) -> str:
    done = CliRunner().invoke(main, ["serve", *words])
    assert done.exit_code == 2
    return done.output


SCRIPT = str(ROOT / "addons" / "gateway.py")
STOCK = ["mitmdump", "-s", SCRIPT, "--set", "server=false"]


def test_one_worker_is_mitmdump_with_the_arguments_as_they_are() -> None:
    words = ["-q", "--listen-port", "80", "-w", "+calls.mitm", "--set", "flow_detail=2", "~u x"]
    one = started(*words)
    assert one.workers == 1
    assert one.words == [*STOCK, *words]


def test_several_get_a_line_each() -> None:
    several = started("--workers", "3", "--listen-port", "80", "--set", "http2=false", "~u x")
    assert several.workers == 3
    rest = ["--set", "gateway_supervisor=9", "--set", "http2=false", "--listen-port", "80", "~u x"]
    assert several.words == [*STOCK, *rest]
    assert not several.quiet
    assert started("--workers", "3", "-q").quiet


def test_definitions_are_those_named_then_those_here(tmp_path: Path) -> None:
    assert started().words == STOCK
    (tmp_path / "definitions").mkdir()
    here = ["--set", f"gateway_definitions={tmp_path / 'definitions'}"]
    assert started().words == [*STOCK, *here]
    (tmp_path / "other").mkdir()
    named = started("--definitions", "other", "--policies", "definitions")
    options = ["--set", "gateway_definitions=other", "--set", "gateway_policies=definitions"]
    assert named.words == [*STOCK, *options]
    assert started("--set", "gateway_definitions=x").words == [
        *STOCK,
        "--set",
        "gateway_definitions=x",
    ]


def test_what_stands_behind_two_dashes_is_mitmdumps() -> None:
    assert started("--workers", "2", "--", "--workers", "9").words[-2:] == ["--workers", "9"]


@pytest.mark.parametrize("count", ["0", "65", "many"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(count: str) -> None:
    assert "--workers" in refused("--workers", count)


def test_a_system_that_does_not_spread_connections_gets_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "need Linux" in refused("--workers", "2")
    assert started().words == STOCK


@pytest.mark.parametrize(
    ("words", "own", "others"),
    [
        ("-w calls.mitm", ["save_stream_file=calls.2.mitm"], ""),
        ("-wcalls.mitm", ["save_stream_file=calls.2.mitm"], ""),
        ("--save-stream-file=+/x/calls", ["save_stream_file=+/x/calls.2"], ""),
        ("-q --set save_stream_file=a.b -v", ["save_stream_file=a.2.b"], "-q -v"),
        ("--set hardump=x.har -w y", ["hardump=x.2.har", "save_stream_file=y.2"], ""),
        ("--set hardump=-", [], "--set hardump=-"),
        ("--set a=1 --set b=2", [], "--set a=1 --set b=2"),
    ],
)
def test_each_worker_writes_files_of_its_own(words: str, own: list[str], others: str) -> None:
    files = WrittenFiles.taken_from(words.split())
    assert files.of_worker(2, 0)[1::2] == own
    assert " ".join(files.others) == others


def test_a_process_that_follows_another_writes_a_file_of_its_own() -> None:
    assert own_name("calls.mitm", 2, 0) == "calls.2.mitm"
    assert own_name("calls.mitm", 2, 1) == "calls.2-2.mitm"
    assert own_name("+dir/%Y/calls.mitm", 1, 9) == "+dir/%Y/calls.1-10.mitm"


@pytest.mark.parametrize(
    ("words", "quiet"), [("-q", True), ("-p 80 --quiet", True), ("-w q", False), ("", False)]
)
def test_who_wants_it_quiet_says_so(words: str, quiet: bool) -> None:
    assert is_quiet(words.split()) is quiet


def test_the_script_is_that_of_the_checkout_then_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert gateway_script() == ROOT / "addons" / "gateway.py"
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 1
    assert "--script FILE" in done.output
    installed = tmp_path / "share" / "mitm-apigateway" / "gateway.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert gateway_script() == installed
    assert started("--script", str(installed)).words[:3] == ["mitmdump", "-s", str(installed)]


def test_help_names_the_signals() -> None:
    done = CliRunner().invoke(main, ["serve", "--help"])
    assert "SIGHUP" in done.output
    assert "--workers N" in done.output
