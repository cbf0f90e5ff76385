"""A supervisor in this process with real workers, which are `fake.py`."""

import asyncio
import contextlib
import fcntl
import io
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ports import free_port

from apigateway.workers import supervisor as module
from apigateway.workers.log import Log
from apigateway.workers.sockets import open_all
from apigateway.workers.supervisor import Supervisor, Terminal, Timing

FAKE = Path(__file__).with_name("fake.py")
QUICK = Timing(pause_s=0.1, longest_pause_s=0.3, healthy_s=100, ready_within_s=60, stop_within_s=60)
PATIENCE_S = 60.0


class Running:
    """A supervisor that runs, and what it and its workers printed."""

    def __init__(self, folder: Path, port: int, count: int, timing: Timing, quiet: bool) -> None:
        self.folder, self.port = folder, port
        self._out = io.BytesIO()
        self._errors = io.BytesIO()

        def command(number: int, started_before: int, line: int) -> Sequence[str]:
            words = [FAKE, folder, port, number, started_before, line]
            return [sys.executable, *map(str, words)]

        log = Log(self._out, self._errors)
        self._supervisor = Supervisor(count, command, log, quiet=quiet, timing=timing)
        self.end = asyncio.ensure_future(self._supervisor.run())

    @property
    def out(self) -> str:
        return self._out.getvalue().decode()

    @property
    def errors(self) -> str:
        return self._errors.getvalue().decode()

    async def said(self, pattern: str, times: int = 1) -> None:
        """Wait until it has said this."""

        def is_said() -> bool:
            there = len(re.findall(pattern, self.out)) >= times
            assert there or not self.end.done(), self.out + self.errors
            return there

        await until(is_said, lambda: self.out)

    async def ask(self) -> tuple[int, int]:
        """The number and the process of the worker that answers a connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"?\n")
        answer = await reader.readline()
        writer.close()
        number, process = answer.split()
        return int(number), int(process)

    async def all_who_answer(self) -> dict[int, int]:
        """The process of each number, as far as thirty connections find them."""
        return dict([await self.ask() for _ in range(30)])


async def until(condition: Callable[[], object], shown: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, shown()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(
    folder: Path, count: int = 2, timing: Timing = QUICK, quiet: bool = False, port: int = 0
) -> AsyncIterator[Running]:
    one = Running(folder, port or free_port(), count, timing, quiet)
    try:
        yield one
    finally:
        if not one.end.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait([one.end], timeout=PATIENCE_S)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def run(work: Awaitable[None]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(work, 3 * PATIENCE_S)

    asyncio.run(whole())


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_serve_on_one_port_and_one_of_them_leads(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, 3) as one:
            await one.said(
                rf"\[serve\] \[[\d:.]+\] 3 workers serve on 127\.0\.0\.1:{one.port}; `kill -HUP "
            )
            who = await one.all_who_answer()
            assert set(who) == {1, 2, 3}
            assert len(set(who.values())) == 3
            assert "[1] hello, started 0 times before, leads: True" in one.out
            assert one.out.count("leads:") == 1
            os.kill(os.getpid(), signal.SIGTERM)
            assert await one.end == 0
            assert not any(map(is_alive, who.values()))
            assert one.out.count("bye") == 3
            assert one.errors == ""

    run(work())


def test_a_start_that_fails_is_told_once_and_leaves_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "broken").touch()
        async with running(tmp_path, 3) as one:
            assert await one.end == 3
            assert one.errors == "[1] the definitions are wrong\n"
            assert one.out.count("hello") == 1
            with socket.create_server(("127.0.0.1", one.port)):
                pass

    run(work())


@pytest.mark.parametrize("shared", [True, False], ids=["shares it", "has it alone"])
def test_a_port_that_somebody_has_ends_the_start(tmp_path: Path, shared: bool) -> None:
    async def work() -> None:
        (stranger,) = open_all("127.0.0.1", free_port(), shared=shared)
        stranger.listen()
        async with running(tmp_path, 2, port=stranger.getsockname()[1]) as one:
            assert await one.end == 1
            assert one.errors == "[1] cannot listen: Address already in use\n"
        stranger.close()

    run(work())


def test_a_command_that_does_not_exist_ends_the_start(tmp_path: Path) -> None:
    async def work() -> None:
        out = io.BytesIO()
        log = Log(out, out)
        assert await Supervisor(2, lambda *_: [str(tmp_path / "no")], log).run() == 1
        assert b"] no worker can be started: " in out.getvalue()

    run(work())


def test_one_that_is_killed_is_replaced_at_once_and_the_others_serve_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            before = await one.all_who_answer()
            os.kill(before[2], signal.SIGKILL)
            await one.said(
                rf"worker 2 \(process {before[2]}\) was ended by SIGKILL; another is started now"
            )
            assert await one.ask() == (1, before[1])  # nothing waits for the one that is gone
            await one.said(r"worker 2 \(process \d+\) serves")
            after = await one.all_who_answer()
            assert after[1] == before[1]
            assert after[2] != before[2]
            assert "[2] hello" not in one.out  # it started as those that are led do

    run(work())


def test_the_first_one_is_replaced_by_one_that_does_not_lead(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            os.kill((await one.all_who_answer())[1], signal.SIGKILL)
            await one.said(r"\[1\] serving", 2)
            assert one.out.count("leads: True") == 1

    run(work())


def test_one_that_keeps_dying_is_replaced_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    async def work() -> None:
        timing = replace(QUICK, healthy_s=0.3)
        async with running(tmp_path, timing=timing) as one:
            await one.said("2 workers serve")
            await asyncio.sleep(timing.healthy_s + 0.2)
            (tmp_path / "broken-2").touch()
            os.kill((await one.all_who_answer())[2], signal.SIGKILL)
            await one.said(r"worker 2 .* another is started in 0\.3 s", 3)
            pauses = re.findall(r"another is started (now|in [0-9.]+ s)", one.out)
            assert pauses[:4] == ["now", "in 0.1 s", "in 0.2 s", "in 0.3 s"]
            assert set(await one.all_who_answer()) == {1}
            assert not one.end.done()  # for as long as it takes
            (tmp_path / "broken-2").unlink()
            await one.said(r"\[2\] serving", 2)

    run(work())


def test_too_many_deaths_at_the_beginning_end_everything(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "broken-2").touch()
        async with running(tmp_path) as one:
            assert await one.end == 1
            assert one.out.count("was") + one.out.count("ended with exit code 3") == 5
            assert "] given up: workers ended 5 times before all had served" in one.out
            assert one.out.rstrip().endswith("[1] bye")  # the good one finished its calls

    run(work())


def test_workers_that_die_as_soon_as_they_are_ready_end_everything(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "dying").touch()
        async with running(tmp_path, 1) as one:
            assert await one.end == 1
            assert one.out.count("ended with exit code 4") == 5

    run(work())


def test_a_reload_replaces_one_after_the_other_and_refuses_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, 3) as one:
            await one.said("3 workers serve")
            before = await one.all_who_answer()
            answered: list[tuple[int, int]] = []

            async def caller() -> None:
                while "reload: done" not in one.out:
                    answered.append(await one.ask())

            callers = asyncio.gather(*(caller() for _ in range(8)))
            os.kill(os.getpid(), signal.SIGHUP)
            await callers
            after = await one.all_who_answer()
            assert not set(before.values()) & set(after.values())
            assert set(answered) > set(before.items())
            assert set(answered) <= set(before.items()) | set(after.items())
            await until(lambda: not any(map(is_alive, before.values())), lambda: one.out)
            assert "another is started" not in one.out
            assert one.out.count("[1] hello") == 2
            assert "[2] hello" not in one.out

    run(work())


def test_a_reload_of_something_broken_changes_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            before = await one.all_who_answer()
            (tmp_path / "broken").touch()
            os.kill(os.getpid(), signal.SIGHUP)
            await one.said(r"reload: the new worker 1 .* code 3, see above; nothing has changed")
            assert one.errors == "[1] the definitions are wrong\n"
            assert await one.all_who_answer() == before
            (tmp_path / "broken").unlink()
            os.kill(os.getpid(), signal.SIGHUP)
            await one.said("reload: done")
            assert not set(before.values()) & set((await one.all_who_answer()).values())

    run(work())


def test_a_reload_that_breaks_in_the_middle_says_where(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            before = await one.all_who_answer()
            (tmp_path / "broken-2").touch()
            os.kill(os.getpid(), signal.SIGHUP)
            await one.said("from worker 2 on the old definitions are served")
            after = await one.all_who_answer()
            assert after[1] != before[1]
            assert after[2] == before[2]

    run(work())


def test_a_successor_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async def work() -> None:
        timing = Timing(ready_within_s=0.0)
        async with running(tmp_path, 1, timing) as one:
            await one.said("1 workers serve")
            before = await one.ask()
            os.kill(os.getpid(), signal.SIGHUP)
            await one.said("is not ready after 0 s; nothing has changed")
            assert await one.ask() == before

    run(work())


def test_a_call_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "slow").touch()
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            calls = [asyncio.ensure_future(one.ask()) for _ in range(8)]
            await one.said(r"\] asked", 8)
            os.kill(os.getpid(), signal.SIGTERM)
            assert {number for number, _ in await asyncio.gather(*calls)} <= {1, 2}
            assert await one.end == 0
            with pytest.raises(ConnectionRefusedError):
                await one.ask()

    run(work())


def test_the_second_signal_kills(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "stubborn").touch()
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            who = await one.all_who_answer()
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.2)
            assert not one.end.done()
            os.kill(os.getpid(), signal.SIGINT)
            assert await one.end == 130
            assert "2 of the workers did not end by themselves: killed" in one.out
            assert not any(map(is_alive, who.values()))

    run(work())


def test_one_that_does_not_end_is_killed_after_a_while(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "stubborn").touch()
        async with running(tmp_path, timing=Timing(stop_within_s=0.3)) as one:
            await one.said("2 workers serve")
            os.kill(os.getpid(), signal.SIGTERM)
            assert await one.end == 1

    run(work())


def test_a_quiet_one_says_only_what_is_wrong(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, quiet=True) as one:
            await one.said(r"serving", 2)
            os.kill((await one.all_who_answer())[2], signal.SIGKILL)
            await one.said(r"serving", 3)
            (said,) = re.findall(r"\[serve\].*", one.out)
            assert said.endswith("another is started now")

    run(work())


def test_workers_end_when_the_reader_of_the_log_is_gone(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as one:
            await one.said("2 workers serve")
            one._out.close()
            os.kill(os.getpid(), signal.SIGHUP)  # which has something to say
            assert await one.end == 1

    run(work())


def test_a_hangup_is_a_reload_unless_the_terminal_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = True
    monkeypatch.setattr(module, "_has_terminal", lambda: there)
    terminal = Terminal()
    assert not terminal.is_gone()
    there = False
    assert terminal.is_gone()
    assert not Terminal().is_gone()  # it never had one


ON_A_TERMINAL = """
import os, signal, sys, time
from apigateway.workers.supervisor import Terminal

def end(*_):
    print(terminal.is_gone(), file=sys.stderr, flush=True)
    os._exit(0)

terminal = Terminal()
signal.signal(signal.SIGHUP, end)
print(terminal.is_gone(), flush=True)
while True:  # signal.pause() would miss a signal that comes just before it
    time.sleep(0.05)
"""


def test_the_end_of_a_real_terminal_is_seen(tmp_path: Path) -> None:
    master, slave = os.openpty()
    errors = tmp_path / "errors"

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with errors.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL],
            stdin=slave,
            stdout=slave,
            stderr=sink,
            preexec_fn=take_terminal,
        )
    os.close(slave)
    assert os.read(master, 100).split() == [b"False"]
    os.close(master)
    child.wait(PATIENCE_S)
    assert errors.read_text() == "True\n"


def test_nohup_outlives_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    there = True
    monkeypatch.setattr(module, "_has_terminal", lambda: there)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        terminal = Terminal()
    finally:
        signal.signal(signal.SIGHUP, before)
    there = False
    assert not terminal.is_gone()
