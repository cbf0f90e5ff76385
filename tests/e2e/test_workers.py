"""Several workers behind one port: exact counts, deaths, reloads, stops."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from adversarial.probe import Http2, with_certificate
from e2e.running import (
    HOST,
    KEY,
    SECRET,
    Backend,
    Gateway,
    Project,
    backend,
    free_port,
    gateway_command,
    launch,
    until,
)
from e2e.running import answers as answers_at
from e2e.signed import forecast
from mitmproxy.io import FlowReader
from unit.workers.ipv6 import HAS_IPV6

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

CALLERS = 64
LIMIT = 500
CALLS = 700
FEW_WORDS = ("--set", "termlog_verbosity=warn", "--set", "flow_detail=0")
TARGET = "/forecast/hangzhou?days=2"


def limit(project: Project, calls: int) -> Project:
    """So many calls an hour of GetForecast, and no other limit that matters."""
    (project.folder / "policies" / "throttling" / "forecast-standard.yaml").write_text(
        f"name: forecast-standard\nunit: hour\napi: {calls}\nuser: {calls}\napp: {calls}\n"
    )
    for name, line in (
        ("gateway.yaml", "limits: {client_ip_per_second: 1000000}"),
        ("weather/group.yaml", "traffic_limit: 1000000"),
    ):
        path = project.folder / "definitions" / name
        path.write_text(f"{path.read_text()}{line}\n")
    return project


def workers_command(project: Project, port: int, *arguments: str) -> list[str | Path]:
    return [
        *(sys.executable, "-m", "apigateway.cli", "serve"),
        *("--definitions", project.folder / "definitions"),
        *("--listen-port", str(port), "--set", f"confdir={project.folder / 'confdir'}"),
        *arguments,
    ]


@contextlib.contextmanager
def workers(
    project: Project, count: int, *arguments: str, port: int | None = None
) -> Iterator[Gateway]:
    """The gateway with so many workers, once all of them serve."""
    port = port or free_port()
    command = workers_command(project, port, "--workers", str(count), *arguments)
    process = launch(command, project.folder / "workers.log", cwd=project.folder)
    try:

        def up() -> bool:
            assert process.child.poll() is None, process.text
            return f"] {count} workers serve on " in process.text

        until(up, "all workers serve")
        yield Gateway(process, port, project)
    finally:
        process.stop()


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Gateway]:
    """Four workers; a test empties the counters before it counts."""
    project = limit(Project(tmp_path_factory.mktemp("four"), demo_backend.port), LIMIT)
    with workers(project, 4) as running:
        yield running


def fresh_hour(project: Project) -> None:
    """Forget what was counted; an hour that ends soon is waited for."""
    left = 3600 - time.time() % 3600
    if left < 30:
        time.sleep(left + 0.1)
    with closing(sqlite3.connect(project.database, timeout=10)) as database, database:
        database.execute("DELETE FROM counters")


def used(project: Project) -> int:
    """What the limit of the API has counted."""
    with closing(sqlite3.connect(project.database)) as database:
        rows = database.execute("SELECT used FROM counters WHERE key LIKE 'api:%'").fetchall()
    assert len(rows) == 1
    return int(rows[0][0])


def recorded(project: Project) -> set[str]:
    with closing(sqlite3.connect(project.database)) as database:
        return {row[0] for row in database.execute("SELECT request_id FROM calls")}


def processes(running: Gateway) -> set[int]:
    """The workers' processes, the starting ones included."""
    done = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running.process.child.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(map(int, done.stdout.split()))


def signed(nonce: str) -> Mapping[str, str]:
    path, _, query = TARGET.partition("?")
    accept = ("Accept", "application/json")
    fields = signing_headers(
        SignableRequest("GET", path, query, Headers([accept])),
        key=KEY,
        secret=SECRET,
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=nonce,
    )
    return {"Host": HOST, accept[0]: accept[1], **dict(fields)}


@dataclass
class Load:
    """What callers at once got: status and time by request id; `refused` are connections that
    could not be made, `broken` calls without an answer. Each caller has a connection of its own,
    and another one when that was closed."""

    port: int
    statuses: dict[str, int] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    broken: int = 0
    under_way: int = 0

    @property
    def passed(self) -> int:
        return sum(status == 200 for status in self.statuses.values())

    async def call(self, session: aiohttp.ClientSession, fields: Mapping[str, str]) -> None:
        self.under_way += 1
        try:
            async with session.get(
                f"http://127.0.0.1:{self.port}{TARGET}", headers=fields
            ) as reply:
                await reply.read()
        except aiohttp.ClientConnectorError:
            self.refused += 1
        except (aiohttp.ClientError, OSError):
            self.broken += 1
        else:
            request_id = reply.headers["X-Ca-Request-Id"]
            self.statuses[request_id] = reply.status
            self.at[request_id] = time.monotonic()
        finally:
            self.under_way -= 1


def load(
    port: int,
    goes_on: Callable[[Load], bool],
    *,
    callers: int = CALLERS,
    fields: Callable[[], Mapping[str, str]] = lambda: signed(str(uuid.uuid4())),
    after: int = 0,
    then: Callable[[], object] | None = None,
    again: bool = True,
) -> Load:
    """Call for as long as it `goes_on`; behind the first `after` answers do `then` beside it.

    Unless told otherwise, a call on a kept connection that breaks is made `again`, as clients do.
    """
    done = Load(port)

    async def caller() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            session._retry_connection = again
            while goes_on(done):
                await done.call(session, fields())

    async def turn() -> None:
        while then is not None and len(done.statuses) < after:
            await asyncio.sleep(0.01)
        if then is not None:
            await asyncio.to_thread(then)

    async def whole() -> None:
        await asyncio.gather(turn(), *(caller() for _ in range(callers)))

    asyncio.run(whole())
    return done


def answers(count: int) -> Callable[[Load], bool]:
    return lambda done: len(done.statuses) + done.under_way < count


def test_exactly_the_limit_passes_and_every_call_is_recorded(four: Gateway) -> None:
    fresh_hour(four.project)
    before = len(four.process.text)
    done = load(four.port, answers(CALLS))
    assert (done.refused, done.broken) == (0, 0)
    assert Counter(done.statuses.values()) == {200: LIMIT, 429: CALLS - LIMIT}
    assert used(four.project) == LIMIT
    until(lambda: set(done.statuses) <= recorded(four.project), "all are recorded", 5)
    assert set(re.findall(r"(?m)^\[(\w+)\]", four.process.text[before:])) == set("1234")


def test_a_captured_request_passes_once_however_often_it_is_sent_at_once(four: Gateway) -> None:
    fresh_hour(four.project)
    captured = signed("captured")
    done = load(four.port, answers(4 * CALLERS), fields=lambda: captured)
    assert Counter(done.statuses.values()) == {200: 1, 403: 4 * CALLERS - 1}
    assert used(four.project) == 1


def test_a_worker_killed_in_the_middle_gives_no_call_for_free(four: Gateway) -> None:
    fresh_hour(four.project)
    before = processes(four)
    victim = max(before)
    killed_at = 0.0

    def kill() -> None:
        nonlocal killed_at
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)

    # A call that is made again tells nothing when the victim had not yet begun with it.
    done = load(four.port, answers(CALLS), after=LIMIT // 2, then=kill, again=False)
    broken = done.broken + done.refused
    assert 0 < broken <= CALLERS
    assert LIMIT - broken <= done.passed <= LIMIT
    assert used(four.project) == LIMIT

    def only_the_last_are_lost() -> bool:
        """What the victim answered last may still have been in its memory: README, "Counting"."""
        lost = [done.at[one] for one in set(done.statuses) - recorded(four.project)]
        return all(killed_at - 0.5 < at < killed_at + 0.1 for at in lost)

    until(only_the_last_are_lost, "every other call is recorded", 5)
    until(lambda: f"(process {victim}) was ended by SIGKILL" in four.process.text, "it is said")
    until(lambda: len(processes(four)) == 4, "there is another")
    assert before - processes(four) == {victim}


def releases(project: Project) -> int:
    with closing(sqlite3.connect(project.database)) as database:
        query = "SELECT count(*) FROM releases WHERE api_name = 'GetForecast'"
        return int(database.execute(query).fetchone()[0])


def test_a_reload_serves_what_was_edited_and_breaks_no_call(project: Project) -> None:
    limit(project, 1_000_000)
    project.edit("definitions/gateway.yaml", "auto: first", "auto: always")
    with workers(project, 2, *FEW_WORDS) as running:
        project.edit("definitions/weather/get-forecast.yaml", "maximum: 14", "maximum: 13")
        until(lambda: releases(project) == 2, "what was edited is released at once")
        os.kill(max(processes(running)), signal.SIGKILL)
        until(lambda: re.search(r"worker 2 .* serves", running.process.text), "it is replaced")
        assert releases(project) == 2  # who comes back from a crash releases nothing

        first = processes(running)
        grants = project.folder / "policies" / "grants.yaml"
        good = grants.read_text()

        grants.write_text("- {app: nobody}\n")
        running.process.signal(signal.SIGHUP)
        failed = r"\[serve\] .*the new worker 1 .*; nothing has changed"
        until(lambda: re.search(failed, running.process.text), "the reload fails")
        assert re.search(r"(?m)^\[1\] policies/grants.yaml:1.*", running.process.text)
        assert processes(running) == first
        assert forecast(running.port).status == 200

        is_over = threading.Event()

        def reload() -> None:
            grants.write_text(good.replace("GetForecast, ", ""))
            running.process.signal(signal.SIGHUP)
            until(lambda: not processes(running) & first, "all are replaced")
            is_over.set()

        done = load(
            running.port, lambda _: not is_over.is_set(), callers=16, after=100, then=reload
        )
        assert (done.refused, done.broken) == (0, 0)
        assert set(done.statuses.values()) == {200, 403}
        assert releases(project) == 2
        assert len(processes(running)) == 2
        assert {forecast(running.port).status for _ in range(10)} == {403}


def test_a_stop_finishes_the_calls_under_way(project: Project) -> None:
    limit(project, 1_000_000)
    with workers(project, 2, *FEW_WORDS) as running:
        done = load(
            running.port, lambda done: not done.refused, after=200, then=running.process.stop
        )
        assert running.process.child.returncode == 0, running.process.text
    assert set(done.statuses) <= recorded(project)
    with closing(sqlite3.connect(project.database)) as database:
        cut_off = database.execute("SELECT count(*) FROM calls WHERE status = 0").fetchone()
    assert cut_off == (0,)
    assert "rror" not in running.process.text


def test_a_start_that_fails_says_each_problem_once(project: Project) -> None:
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 50000")
    project.edit("definitions/apps/demo.yaml", "owner:", "ownr:")
    command = workers_command(project, free_port(), "--workers", "4")
    process = launch(command, project.folder / "log", cwd=project.folder)
    assert process.wait() == 1
    assert process.text.count("get-forecast.yaml:") == process.text.count("demo.yaml:") == 1
    assert "Traceback" not in process.text


def test_a_port_that_a_stranger_shares_ends_the_start(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as stranger:
        port = stranger.getsockname()[1]
        process = launch(workers_command(project, port, "--workers", "2"), project.folder / "log")
        try:
            assert process.wait() == 1
        finally:
            process.stop()  # it would find the port free when the stranger is gone
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in process.text


def test_one_worker_is_mitmdump_itself(project: Project) -> None:
    port = free_port()
    process = launch(workers_command(project, port), project.folder / "log", cwd=project.folder)
    try:
        until(lambda: answers_at(port), "the gateway answers")
        words = Path(f"/proc/{process.child.pid}/cmdline").read_text().split("\0")
        assert any(word.endswith("mitmdump") for word in words)
        assert not any("gateway_supervisor" in word for word in words)
        assert "\n[1]" not in process.text
    finally:
        process.stop()


def test_all_workers_serve_on_both_families_over_https_and_to_the_end(project: Project) -> None:
    with_certificate(project)
    port = free_port()
    addresses, modes = ["127.0.0.1"], ["--mode", f"regular@0.0.0.0:{port}"]
    if HAS_IPV6:
        addresses, modes = [*addresses, "::1"], [*modes, "--mode", f"regular@:::{port}"]
    with workers(project, 2, "-w", "calls.mitm", *modes, port=port) as running:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = f"GET /status HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        for address in addresses:
            for secure in (True, False):
                before = len(running.process.text)
                for _ in range(20):
                    with socket.create_connection((address, port), timeout=10) as plain:
                        link = plain
                        if secure:
                            link = context.wrap_socket(plain, server_hostname=HOST)
                        link.sendall(request.encode())
                        assert link.recv(12) == b"HTTP/1.1 200"
                        link.close()
                served_by = re.findall(r"(?m)^\[(\d)\].*client", running.process.text[before:])
                assert set(served_by) == {"1", "2"}

        left = processes(running)
        running.process.signal(signal.SIGKILL)  # the supervisor: its workers end by themselves
        running.process.wait()
        until(lambda: not any(Path(f"/proc/{one}").exists() for one in left), "they end")
    captured = [_captured(project.folder / f"calls.{number}.mitm") for number in (1, 2)]
    assert sum(captured) == 2 * 20 * len(addresses)
    assert all(captured)
    assert not (project.folder / "calls.mitm").exists()


def _captured(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in FlowReader(file).stream())


def shared_command(project: Project, port: int) -> list[str | Path]:
    return gateway_command(
        project, port, "--set", "gateway_reuse_port=true", "--set", "server=false"
    )


@pytest.fixture
def slow_project(tmp_path: Path) -> Iterator[Project]:
    """A project whose backend takes a second for an answer."""
    with backend(tmp_path / "backend", "--delay-ms", "1000") as slow:
        yield limit(Project(tmp_path / "project", slow.port), 1_000_000)


def test_workers_that_nobody_supervises_share_a_port_and_take_their_leave(
    slow_project: Project,
) -> None:
    """Two started at the same moment; then one of them is told to end."""
    project, port = slow_project, free_port()
    with_certificate(project)
    pair = [
        launch(shared_command(project, port), project.folder / f"{number}.log", project.folder)
        for number in (1, 2)
    ]
    try:
        until(lambda: all("listening at" in one.text for one in pair), "both listen")
        assert "".join(one.text for one in pair).count("released weather/GetForecast") == 1

        def call() -> tuple[int, str]:
            reply = forecast(port)
            return reply.status, reply.headers.get("connection", "")

        quiet = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        over_http2 = [Http2(port) for _ in range(8)]
        streams = [one.ask(one.fields(path="/status")) for one in over_http2]
        with ThreadPoolExecutor(16) as pool:
            calls = [pool.submit(call) for _ in range(16)]
            time.sleep(0.5)
            began = time.monotonic()
            pair[0].signal(signal.SIGTERM)
            time.sleep(0.2)
            others = [pool.submit(call) for _ in range(4)]
            assert pair[0].wait() == 0
            assert 0.3 < time.monotonic() - began < 15
            assert {one.result()[0] for one in [*calls, *others]} == {200}
            assert {one.result()[1] for one in calls} == {"", "close"}
        for client, stream in zip(over_http2, streams, strict=True):
            reply = client.reply_to(stream)
            assert reply is not None
            assert reply.status == 200
            client.read_until(lambda: False, 0.1)
            client.close()
        told = sum(client.closed for client in over_http2)
        assert 0 < told < 8
        for link in quiet:
            link.close()
        assert pair[1].child.poll() is None
    finally:
        for one in pair:
            one.stop()
    with closing(sqlite3.connect(project.database)) as database:
        assert database.execute("SELECT count(*) FROM calls WHERE status = 0").fetchone() == (0,)


def test_a_worker_shares_its_port_with_no_stranger(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as stranger:
        port = stranger.getsockname()[1]
        process = launch(shared_command(project, port), project.folder / "log")
        assert process.wait() == 1
        assert f"cannot listen on 127.0.0.1:{port}: programs that do not use " in process.text
        assert f"(process {os.getpid()}); choose another port" in process.text


def test_what_no_worker_can_be_is_refused(project: Project) -> None:
    command = gateway_command(project, free_port(), "--set", "gateway_supervisor=77")
    process = launch(command, project.folder / "log")
    assert process.wait() == 1
    assert "--set gateway_supervisor: descriptor 77: Bad file descriptor" in process.text
