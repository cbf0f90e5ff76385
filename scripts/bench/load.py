"""Puts load on a port and tells what came of it: with wrk, or with the generator beside this."""

from __future__ import annotations

import json
import math
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.bench.figures import Load
from scripts.bench.processes import pinned

ROOT = Path(__file__).resolve().parents[2]

WRK_SCRIPT = """
local requests, at = {}, 0
for text in io.open("%s", "rb"):read("*a"):gmatch("(.-)%%z") do
  requests[#requests + 1] = text
end
function request()
  at = at %% #requests + 1
  return requests[at]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %%d %%d %%d %%d %%.1f %%.1f\\n", summary.requests,
    summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""
"""wrk counts in microseconds."""


class LoadFailed(Exception):
    """Calls were not answered as they should be, or the generator ended; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How calls are made. `tls` is the name that the handshake asks for, "" without; `close` makes
    a connection for each call; `streams` is above 0 over HTTP/2."""

    connections: int = 32
    tls: str = ""
    close: bool = False
    streams: int = 0

    @property
    def at_once(self) -> int:
        return self.connections * max(1, self.streams)

    def __str__(self) -> str:
        words = f"{self.connections} connection" + "s" * (self.connections > 1)
        if self.streams:
            words += f" of {self.streams} streams"
        if self.close:
            words += " at a time, one a call"
        return words


def uses_wrk(way: Way) -> bool:
    """wrk speaks no HTTP/2, asks in the handshake for the address that it connects to, and makes
    its next call on a connection that is about to be closed unless the answer says so."""
    simple = not way.streams and not way.tls and not way.close
    return simple and shutil.which("wrk") is not None


def put_load(
    port: int,
    way: Way,
    requests: Iterable[bytes],
    folder: Path,
    *,
    seconds: float = 0.0,
    calls: int = 0,
    cores: Sequence[int] = (),
) -> Load:
    """For some seconds, or (never with wrk) a number of calls.

    Raises:
        LoadFailed
    """
    path = folder / "requests"
    with path.open("wb") as sink:
        for request in requests:
            sink.write(request + b"\0")
    by_wrk = not calls and uses_wrk(way)
    words = _wrk(port, way, path, seconds) if by_wrk else _own(port, way, path, seconds, calls)
    before = _children_cpu_s()
    done = subprocess.run(pinned(words, cores), capture_output=True, text=True, cwd=ROOT)
    cpu_s = _children_cpu_s() - before
    if done.returncode:
        raise LoadFailed((done.stderr or done.stdout).strip()[-1000:])
    load = wrk_load(done.stdout) if by_wrk else Load(**json.loads(done.stdout))
    if not load.calls:
        raise LoadFailed("no call was answered")
    return replace(load, cpu_s=cpu_s)


def _children_cpu_s() -> float:
    """Of children that have ended and were waited for, which servers never are meanwhile."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wrk(port: int, way: Way, requests: Path, seconds: float) -> list[str]:
    script = requests.with_suffix(".lua")
    script.write_text(WRK_SCRIPT % requests)
    return [
        *("wrk", "-t1", f"-c{way.connections}", f"-d{math.ceil(seconds)}s", "-s", str(script)),
        f"http://127.0.0.1:{port}",
    ]


def _own(port: int, way: Way, requests: Path, seconds: float, calls: int) -> list[str]:
    words = [sys.executable, "-m", "scripts.bench.generator", str(requests)]
    words += ["--port", str(port), "--connections", str(way.connections)]
    words += ["--calls", str(calls)] if calls else ["--seconds", str(seconds)]
    words += ["--close"] if way.close else []
    words += ["--http2", "--streams", str(way.streams)] if way.streams else []
    return words + (["--tls", way.tls] if way.tls else [])


def wrk_load(text: str) -> Load:
    """What the script's last line says.

    Raises:
        LoadFailed: there is none.
    """
    found = re.search(r"^FIGURES (\d+) (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)$", text, re.MULTILINE)
    if found is None:
        raise LoadFailed(f"wrk tells no figures:\n{text[-1000:]}")
    calls, duration, refused, failed = map(int, found.groups()[:4])
    p50, p99 = map(float, found.groups()[4:])
    return Load(
        calls=calls,
        seconds=duration / 1e6,
        refused=refused,
        failed=failed,
        p50_ms=p50 / 1e3,
        p99_ms=p99 / 1e3,
    )
