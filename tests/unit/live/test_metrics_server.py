"""The address at which Prometheus reads."""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace

import aiohttp
import pytest
from ports import free_port
from unit.live.test_metrics import WELL

from apigateway.live.metrics_server import MetricsServer
from apigateway.model.worker import WorkerStatus
from apigateway.ports import StoreUnavailable, Workers


class Statuses:
    """The port `Workers` with one answer."""

    def __init__(self, *statuses: WorkerStatus, broken: bool = False) -> None:
        self._statuses, self._broken = statuses, broken

    def statuses(self) -> Sequence[WorkerStatus]:
        if self._broken:
            raise StoreUnavailable("gone")
        return self._statuses

    def report(self, status: WorkerStatus) -> None:
        raise AssertionError

    def forget(self, machine: str, process: int) -> None:
        raise AssertionError


def ask(*ports: Workers, path: str = "/metrics") -> tuple[int, str, str]:
    """Open a server for each of these on one port, and ask once."""

    async def run() -> tuple[int, str, str]:
        port = free_port()
        servers = [MetricsServer(one) for one in ports]
        for server in servers:
            await server.open("127.0.0.1", port)
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    return answer.status, answer.headers["Content-Type"], await answer.text()
        finally:
            for server in servers:
                await server.close()

    return asyncio.run(run())


def here() -> WorkerStatus:
    now_ms = time.time_ns() // 1_000_000
    return replace(WELL, machine=socket.gethostname(), process=os.getpid(), seen_ms=now_ms)


def test_the_running_processes_are_told() -> None:
    status, content_type, text = ask(Statuses(here(), replace(here(), machine="elsewhere")))
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "apigateway_workers 1.0" in text
    assert f'apigateway_apis{{process="{os.getpid()}",worker="1"}} 11.0' in text


def test_several_workers_share_the_address() -> None:
    status, _, text = ask(Statuses(here()), Statuses(here()))
    assert status == 200
    assert "apigateway_workers 1.0" in text


def test_a_store_that_cannot_be_read_is_a_503() -> None:
    status, _, text = ask(Statuses(broken=True))
    assert (status, text) == (503, "the store cannot be read: gone\n")


def test_nothing_else_is_there() -> None:
    assert ask(Statuses(here()), path="/")[0] == 404


def test_an_address_that_is_taken_is_an_error() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with pytest.raises(OSError):
                await MetricsServer(Statuses()).open("127.0.0.1", taken.getsockname()[1])

    asyncio.run(run())
