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
from e2e.odd_backends import OddBackend, Step, Steps, answer
from e2e.odd_backends import running as serving
from e2e.running import (
    HOST,
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Gateway,
    Project,
    gateway_command,
    launch,
    put,
    until,
)
from e2e.running import answers as answers_at
from e2e.signed import forecast
from mitmproxy.io import FlowReader
from ports import free_port
from unit.workers.ipv6 import HAS_IPV6

from apigateway.protocol.wire import Headers
from apigateway.proxy.listener import LEAVE_WITHIN_S
from apigateway.signatures.caller import SignableRequest, signing_headers

CALLERS = 64
LIMIT = 500
CALLS = 700
RECORDED_S = 20.0
"""A record is written a moment after its call, or soon on a busy machine."""

FEW_WORDS = ("--set", "termlog_verbosity=warn", "--set", "flow_detail=0")
TARGET = "/forecast/hangzhou?days=2"


def limit(project: Project, calls: int) -> Project:
    """So many calls a day of GetForecast, and no other limit that matters."""
    (project.folder / "policies" / "throttling" / "forecast-standard.yaml").write_text(
        f"name: forecast-standard\nunit: day\napi: {calls}\nuser: {calls}\napp: {calls}\n"
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


def fresh_day(project: Project) -> None:
    """Forget what was counted."""
    with closing(sqlite3.connect(project.database, timeout=PATIENCE_S)) as database, database:
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
    """What callers at once got: status, and when the call began, by request id; `refused` are
    connections that could not be made, `broken` calls without an answer. Each caller has a
    connection of its own, and another one when that was closed."""

    port: int
    statuses: dict[str, int] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    broken: int = 0
    under_way: int = 0

    @property
    def passed(self) -> int:
        return sum(status == 200 for status in self.statuses.values())

    async def call(self, session: aiohttp.ClientSession, fields: Mapping[str, str]) -> None:
        self.under_way += 1
        began = time.monotonic()
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
            self.began[request_id] = began
        finally:
            self.under_way -= 1


def load(
    port: int,
    goes_on: Callable[[Load], bool],
    *,
    callers: int = CALLERS,
    fields: Callable[[], Mapping[str, str]] = lambda: signed(str(uuid.uuid4())),
    after: int = 0,
    then: Callable[[Load], object] | None = None,
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
            await asyncio.to_thread(then, done)

    async def whole() -> None:
        await asyncio.gather(turn(), *(caller() for _ in range(callers)))

    asyncio.run(whole())
    return done


def answers(count: int) -> Callable[[Load], bool]:
    return lambda done: len(done.statuses) + done.under_way < count


def test_exactly_the_limit_passes_and_every_call_is_recorded(four: Gateway) -> None:
    fresh_day(four.project)
    before = len(four.process.text)
    done = load(four.port, answers(CALLS))
    assert (done.refused, done.broken) == (0, 0)
    assert Counter(done.statuses.values()) == {200: LIMIT, 429: CALLS - LIMIT}
    assert used(four.project) == LIMIT
    until(lambda: set(done.statuses) <= recorded(four.project), "all are recorded", RECORDED_S)

    def had_its_part() -> bool:
        return set(re.findall(r"(?m)^\[(\d)\]", four.process.text[before:])) == set("1234")

    until(had_its_part, "each worker had its part")


def test_a_captured_request_passes_once_however_often_it_is_sent_at_once(four: Gateway) -> None:
    fresh_day(four.project)
    captured = signed("captured")
    done = load(four.port, answers(4 * CALLERS), fields=lambda: captured)
    assert Counter(done.statuses.values()) == {200: 1, 403: 4 * CALLERS - 1}
    assert used(four.project) == 1


def test_a_worker_killed_in_the_middle_gives_no_call_for_free(four: Gateway) -> None:
    fresh_day(four.project)
    before = processes(four)
    early: set[str] = set()
    killed: dict[int, float] = {}
    is_over = threading.Event()

    def kill(done: Load) -> None:
        try:
            early.update(list(done.statuses))
            until(lambda: early <= recorded(four.project), "they are recorded while calls go on")
            for victim in sorted(before)[:0:-1]:
                os.kill(victim, signal.SIGKILL)
                killed[victim] = time.monotonic()
                enough = len(done.statuses) + CALLERS
                until(lambda enough=enough: len(done.statuses) > enough, "calls go on")
                if done.broken + done.refused:
                    break  # else it had just answered all that it was asked
        finally:
            is_over.set()

    def goes_on(done: Load) -> bool:
        return not is_over.is_set() or answers(CALLS)(done)

    # A call that is made again tells nothing when the victim had not yet begun with it.
    done = load(four.port, goes_on, after=LIMIT // 5, then=kill, again=False)
    broken = done.broken + done.refused
    assert 0 < broken <= CALLERS * len(killed)
    assert LIMIT - broken <= done.passed <= LIMIT
    assert used(four.project) == LIMIT

    def only_the_last_are_lost() -> bool:
        """What the victim answered last may still have been in its memory: README, "Counting"."""
        lost = set(done.statuses) - recorded(four.project)
        return not lost & early and all(
            done.began[one] < max(killed.values()) + 0.1 for one in lost
        )

    until(only_the_last_are_lost, "every other call is recorded", RECORDED_S)
    for victim in killed:
        said = f"(process {victim}) was ended by SIGKILL"
        until(lambda said=said: said in four.process.text, "it is said")
    until(lambda: len(processes(four)) == 4, "there is another")
    assert before - processes(four) == set(killed)
    for other in processes(four) - before:
        said = f"(process {other}) serves"
        until(lambda said=said: said in four.process.text, "it serves")


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
        until(lambda: re.search(r"worker \d .* serves", running.process.text), "it is replaced")
        assert releases(project) == 2  # who comes back from a crash releases nothing

        first = processes(running)
        assert len(first) == 2
        grants = project.folder / "policies" / "grants.yaml"
        good = grants.read_text()

        put(grants, "- {app: nobody}\n")
        running.process.signal(signal.SIGHUP)
        failed = r"\[serve\] .*the new worker 1 .*; nothing has changed"
        until(lambda: re.search(failed, running.process.text), "the reload fails")
        told = r"(?m)^\[1\] policies/grants.yaml:1.*"
        until(lambda: re.search(told, running.process.text), "it is told where")
        until(lambda: processes(running) == first, "nobody is replaced")
        assert forecast(running.port).status == 200

        is_over = threading.Event()

        def reload(_: Load) -> None:
            try:
                put(grants, good.replace("GetForecast, ", ""))
                running.process.signal(signal.SIGHUP)
                until(lambda: not processes(running) & first, "all are replaced")
            finally:
                is_over.set()

        done = load(
            running.port, lambda _: not is_over.is_set(), callers=16, after=100, then=reload
        )
        assert (done.refused, done.broken) == (0, 0)
        assert {200} <= set(done.statuses.values()) <= {200, 403}
        assert releases(project) == 2
        until(lambda: len(processes(running)) == 2, "there are two")
        assert {forecast(running.port).status for _ in range(10)} == {403}


def test_a_stop_finishes_the_calls_under_way(project: Project) -> None:
    limit(project, 1_000_000)
    with workers(project, 2, *FEW_WORDS) as running:
        done = load(
            running.port,
            lambda done: not done.refused,
            after=200,
            then=lambda _: running.process.stop(),
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
                    with socket.create_connection((address, port), PATIENCE_S) as plain:
                        link = plain
                        if secure:
                            link = context.wrap_socket(plain, server_hostname=HOST)
                        link.sendall(request.encode())
                        assert link.recv(12) == b"HTTP/1.1 200"
                        link.close()

                def both_served(before: int = before) -> bool:
                    text = running.process.text[before:]
                    return set(re.findall(r"(?m)^\[(\d)\].*client connect", text)) == {"1", "2"}

                until(both_served, "both workers say that they served")

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


class Holding(OddBackend):
    """Answers no call while it holds."""

    def steps(self, target: bytes) -> Steps:
        return Step.HOLD, answer(b"ok")


def listeners(port: int) -> int:
    """How many sockets take connections at a port of 127.0.0.1."""
    place = f" 0100007F:{port:04X} 00000000:0000 0A "
    return Path("/proc/net/tcp").read_text().count(place)


def test_workers_that_nobody_supervises_share_a_port_and_take_their_leave(
    tmp_path: Path,
) -> None:
    """Two started at the same moment; then one of them is told to end."""
    slow = Holding()
    with serving(slow):
        project = limit(Project(tmp_path / "project", slow.port), 1_000_000)
        project.edit(
            "definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 30000"
        )
        with_certificate(project)
        share_and_leave(project, free_port(), slow)
    with closing(sqlite3.connect(project.database)) as database:
        assert database.execute("SELECT count(*) FROM calls WHERE status = 0").fetchone() == (0,)


def share_and_leave(project: Project, port: int, slow: Holding) -> None:
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
        over_http2 = [Http2(port) for _ in range(24)]
        streams = [one.ask(one.fields(path="/status")) for one in over_http2]
        assert listeners(port) == 2
        slow.holds = True
        with ThreadPoolExecutor(20) as pool:
            try:
                calls = [pool.submit(call) for _ in range(16)]
                until(lambda: len(slow.heard) == 16, "all calls are under way")
                pair[0].signal(signal.SIGTERM)
                until(lambda: listeners(port) == 1, "it takes no more connections")
                others = [pool.submit(call) for _ in range(4)]
                until(lambda: len(slow.heard) == 20, "the other takes them")
                assert pair[0].child.poll() is None
            finally:
                slow.holds = False
            began = time.monotonic()
            assert pair[0].wait() == 0
            assert time.monotonic() - began < LEAVE_WITHIN_S / 2
            assert {one.result()[0] for one in [*calls, *others]} == {200}
            assert {one.result()[1] for one in calls} == {"", "close"}
        for client, stream in zip(over_http2, streams, strict=True):
            reply = client.reply_to(stream, PATIENCE_S)
            assert reply is not None
            assert reply.status == 200
            client.read_until(lambda: False, 0.1)
            client.close()
        told = sum(client.closed for client in over_http2)
        assert 0 < told < len(over_http2)
        for link in quiet:
            link.close()
        assert pair[1].child.poll() is None
    finally:
        for one in pair:
            one.stop()


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
