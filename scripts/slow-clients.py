#!/usr/bin/env python3
"""Whether slow clients slow down others: 200 connections that send one byte a second, and the
median latency of a normal client before and while they are there.

Starts the gateway with the sample definitions on a free port of this machine, needs nothing
else, and ends by itself in about 20 seconds: with 1 if the median more than doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOST = "api.weather.localhost"
TARGET = "/status"
HEAD = f"GET {TARGET} HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode()
PAUSE_SECONDS = 0.02
"""Between two calls of the normal client: below the 100 calls a second that one client has."""


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[int]:
    """The port of a gateway with the sample definitions and a store of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    command = [
        str(Path(sys.executable).with_name("mitmdump")),
        *("-q", "-s", str(ROOT / "addons" / "gateway.py")),
        *("--listen-port", str(port)),
        *("--set", f"gateway_definitions={folder / 'definitions'}"),
        *("--set", f"gateway_policies={folder / 'policies'}"),
        *("--set", f"confdir={folder / 'confdir'}"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "addons")}
    child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    try:
        wait_until_served(port, child)
        yield port
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


def wait_until_served(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and child.poll() is None:
        try:
            latencies(port, 0.1)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        else:
            return
    raise SystemExit("slow-clients: the gateway did not start")


def latencies(port: int, seconds: float) -> list[float]:
    """Milliseconds of each call of one client on one connection."""
    took = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            connection.request("GET", TARGET, headers={"Host": HOST})
            response = connection.getresponse()
            response.read()
            took.append((time.perf_counter() - start) * 1000)
            if response.status != 200:
                raise SystemExit(f"slow-clients: the normal client got {response.status}")
            time.sleep(PAUSE_SECONDS)
    finally:
        connection.close()
    return took


async def be_slow(port: int, start: float, counts: dict[str, int]) -> None:
    """One slow client: a byte a second, and a new connection when the gateway ends one."""
    await asyncio.sleep(start)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        counts["open"] += 1
        try:
            for byte in HEAD + b"a" * 1000:
                writer.write(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(4096), 1)
                    counts["ended by the gateway"] += 1
                    break
        except ConnectionError:
            counts["ended by the gateway"] += 1
        finally:
            counts["open"] -= 1
            writer.close()


async def measure(port: int, clients: int, seconds: float) -> tuple[list[float], list[float]]:
    """Latencies before the slow clients came, and while they are there."""
    before = await asyncio.to_thread(latencies, port, seconds)
    counts = {"open": 0, "ended by the gateway": 0}
    slow = [
        asyncio.create_task(be_slow(port, number / clients, counts)) for number in range(clients)
    ]
    try:
        await asyncio.sleep(2)
        print(f"slow connections    {counts['open']} open")
        during = await asyncio.to_thread(latencies, port, seconds)
    finally:
        print(f"                    {counts['ended by the gateway']} ended by the gateway so far")
        for task in slow:
            task.cancel()
        ended = await asyncio.gather(*slow, return_exceptions=True)
    for result in ended:
        if isinstance(result, OSError):
            raise SystemExit(f"slow-clients: a slow client could not connect: {result}")
    return before, during


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="slow connections (200)")
    parser.add_argument("--seconds", type=float, default=7, help="of each measurement (7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as port:
        latencies(port, 1)
        before, during = asyncio.run(measure(port, options.clients, options.seconds))
    usual, slowed = statistics.median(before), statistics.median(during)
    print(f"median before       {usual:.2f} ms of {len(before)} calls")
    print(f"median during       {slowed:.2f} ms of {len(during)} calls, {slowed / usual:.2f} times")
    return int(slowed > 2 * usual)


if __name__ == "__main__":
    sys.exit(main())
