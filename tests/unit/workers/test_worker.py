"""One worker, which is `fake.py`."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from apigateway.workers.log import Log
from apigateway.workers.worker import Slot, Worker

FAKE = Path(__file__).with_name("fake.py")
PATIENCE_S = 60.0


class Ear:
    """Answers a worker as a supervisor without a port does."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, worker: Worker, message: Mapping[str, Any]) -> None:
        self.heard += message
        if "ready" in message:
            worker.ready_at = 1.0
            worker.settled.set()
        else:
            worker.answer({"leads": worker.leads, "problem": ""})


def command(folder: Path) -> Any:
    def of(number: int, started_before: int, line: int) -> Sequence[str]:
        words = [FAKE, folder, 0, number, started_before, line]
        return [sys.executable, *map(str, words)]

    return of


async def life(folder: Path, *, leads: bool = True, end: int = 0) -> tuple[Worker, Ear, bytes]:
    """A worker from its start to its end: by the signal `end`, or by itself."""
    out, ear = io.BytesIO(), Ear()
    worker = Worker(Slot(2), leads=leads)
    await worker.start(command(folder), Log(out, out), ear)
    await asyncio.wait_for(worker.settled.wait(), PATIENCE_S)
    if end:
        assert worker.is_ready
        worker.signal(end)
    assert worker.ended is not None
    await asyncio.wait_for(worker.ended, PATIENCE_S)
    assert not worker.is_ready
    return worker, ear, out.getvalue()


def test_a_worker_calls_is_answered_and_ends(tmp_path: Path) -> None:
    worker, ear, out = asyncio.run(life(tmp_path, end=signal.SIGTERM))
    assert ear.heard == ["hello", "listen", "ready"]
    assert out == (b"[2] hello, started 0 times before, leads: True\n[2] serving\n[2] bye\n")
    assert (worker.exit_code, worker.how_it_ended()) == (0, "ended with exit code 0")


def test_of_one_that_is_led_only_what_comes_behind_its_start_is_shown(tmp_path: Path) -> None:
    _, _, out = asyncio.run(life(tmp_path, leads=False, end=signal.SIGTERM))
    assert out == b"[2] serving\n[2] bye\n"


@pytest.mark.parametrize("leads", [True, False])
def test_of_one_that_fails_everything_is_shown(tmp_path: Path, leads: bool) -> None:
    (tmp_path / "broken").touch()
    worker, _, out = asyncio.run(life(tmp_path, leads=leads))
    assert b"[2] the definitions are wrong\n" in out
    assert (worker.exit_code, worker.how_it_ended()) == (3, "ended with exit code 3")


def test_a_signal_that_ended_it_is_named(tmp_path: Path) -> None:
    worker, _, _ = asyncio.run(life(tmp_path, end=signal.SIGKILL))
    assert (worker.exit_code, worker.how_it_ended()) == (137, "was ended by SIGKILL")


def test_a_command_that_does_not_exist_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    def descriptors() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    async def start() -> None:
        first = await asyncio.create_subprocess_exec("true")
        await first.wait()  # what asyncio opens for its first child is there, and its own is gone
        before = descriptors()
        worker = Worker(Slot(1), leads=True)
        log = Log(io.BytesIO(), io.BytesIO())
        with pytest.raises(FileNotFoundError):
            await worker.start(lambda *_: [str(tmp_path / "nothing")], log, Ear())
        assert descriptors() <= before  # those of other tests may be closed

    asyncio.run(start())
