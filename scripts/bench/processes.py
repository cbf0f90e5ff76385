"""Processes that are measured: start, wait until they serve and rest, what they use, stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0
REST_S = 0.7
RESTING = 0.06
"""Of a core: a process that uses less over REST_S has ended its start."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class NotServing(Exception):
    """A process ended, or did not listen in time; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process and its children: CPU seconds (user and system) since their start, and the
    resident memory of all in bytes, shared pages counted once a process."""

    cpu_s: float
    resident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start. `cores` is where it may run, () anywhere."""

    name: str
    words: Sequence[str]
    port: int
    cores: Sequence[int] = ()
    processes: int = 1
    environment: Mapping[str, str] | None = None

    @property
    def pinned(self) -> list[str]:
        return pinned(self.words, self.cores)


def pinned(words: Sequence[str], cores: Sequence[int]) -> list[str]:
    """The command, kept to the cores by taskset, which becomes the command itself."""
    if not cores:
        return list(words)
    return ["taskset", "-c", ",".join(map(str, cores)), *words]


def can_pin() -> bool:
    return shutil.which("taskset") is not None and len(os.sched_getaffinity(0)) > 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def running(command: Command, log: Path) -> Iterator[int]:
    """The process's number, from when it serves and rests until the block ends.

    Raises:
        NotServing
    """
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command.pinned,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(command.environment or {})},
        )
    try:
        _wait_until_served(command, process, log)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_until_served(command: Command, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (
        listens(command.port)
        and len(family(process.pid)) >= command.processes
        and rests(process.pid)
    ):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace").strip()
            raise NotServing(f"{command.name} does not serve: {said[-1500:] or 'it said nothing'}")
        time.sleep(0.05)


def rests(pid: int) -> bool:
    """Whether a process and its children do next to nothing for a moment."""
    before = usage_of(pid).cpu_s
    time.sleep(REST_S)
    return usage_of(pid).cpu_s - before < REST_S * RESTING


def family(pid: int) -> list[int]:
    """The process and all that it started, as far as they live."""
    found = [pid]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(map(int, path.read_text().split()))
    return found


def usage_of(pid: int) -> Usage:
    cpu_s, resident = 0.0, 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            used = usage_in(Path(f"/proc/{one}/stat").read_text())
            cpu_s, resident = cpu_s + used.cpu_s, resident + used.resident
    return Usage(cpu_s, resident)


def usage_in(stat: str) -> Usage:
    """What a line of /proc/PID/stat says; the command in it may hold spaces and brackets."""
    fields = stat.rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)


def demand_linux() -> None:
    if not Path("/proc/self/stat").exists():
        sys.exit("CPU and memory are read from /proc, which only Linux has: run it there")
