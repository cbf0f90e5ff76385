"""How the gateway starts, refuses to start, and stops without losing anything."""

import asyncio
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import aiohttp
import pytest
from e2e.running import (
    HOST,
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Project,
    gateway,
    gateway_command,
    launch,
    until,
)
from e2e.signed import forecast
from ports import free_port

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers


def test_a_wrong_definition_ends_the_start_with_every_problem_and_exit_1(
    project: Project,
) -> None:
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 50000")
    project.edit("definitions/apps/demo.yaml", "owner:", "ownr:")
    process = launch(gateway_command(project, free_port()), project.folder / "log")
    assert process.wait() == 1
    assert "definitions/weather/get-forecast.yaml:" in process.text
    assert "definitions/apps/demo.yaml:" in process.text
    assert "Traceback" not in process.text


@pytest.mark.parametrize("late", [(), ("--set", "server=false")], ids=["early", "late"])
def test_a_port_that_is_taken_ends_the_start_with_exit_1(
    project: Project, late: tuple[str, ...]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        command = gateway_command(project, taken.getsockname()[1], *late)
        process = launch(command, project.folder / "log")
        assert process.wait() == 1
        assert "address already in use" in process.text.lower()
        assert "Traceback" not in process.text
        if late:
            assert "choose another port: --listen-port N" in process.text


def test_it_listens_on_the_loopback_only_unless_told_otherwise(project: Project) -> None:
    with gateway(project) as running:
        said = f"listening at 127.0.0.1:{running.port}"
        until(lambda: said in running.process.text, "it says where")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", running.port), PATIENCE_S)


def test_sigterm_under_load_loses_no_record_of_an_answered_call(
    project: Project, demo_backend: Backend
) -> None:
    _lift_limits(project)
    with gateway(project) as running:
        answered = asyncio.run(_load(running.port, stop_after=400, stop=running.process.stop))
        assert running.process.child.returncode == 0, running.process.text
    with closing(sqlite3.connect(project.database)) as database:
        recorded = {row[0] for row in database.execute("SELECT request_id FROM calls")}
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(answered) >= 400
    assert set(answered) <= recorded


def test_kill_9_neither_corrupts_the_database_nor_resets_a_counter(
    project: Project, demo_backend: Backend
) -> None:
    _lift_limits(project, app=100_000)
    with gateway(project) as running:

        def kill() -> None:
            running.process.signal(signal.SIGKILL)
            running.process.wait()

        answered = asyncio.run(_load(running.port, stop_after=400, stop=kill))
    with closing(sqlite3.connect(project.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        used = max(
            row[0]
            for row in database.execute("SELECT used FROM counters WHERE key LIKE 'app:%:day:%'")
        )
    served = sum(status == 200 for status in answered.values())
    assert served >= 400
    assert used >= served


def test_counts_survive_a_restart(project: Project, demo_backend: Backend) -> None:
    _lift_limits(project, app=3)
    with gateway(project) as running:
        assert [forecast(running.port).status for _ in range(2)] == [200, 200]
    with gateway(project) as running:
        assert [forecast(running.port).status for _ in range(2)] == [200, 429]


def test_an_edited_draft_is_not_served_until_it_is_released(project: Project) -> None:
    with gateway(project) as running:
        assert forecast(running.port).status == 200
    project.edit("definitions/weather/get-forecast.yaml", "path: /forecast/", "path: /weather/")
    with gateway(project) as running:
        assert forecast(running.port).status == 200


def test_a_refused_call_is_recorded_with_its_reason(project: Project) -> None:
    with gateway(project) as running:
        reply = forecast(running.port, key="999")
        wanted = reply.headers["x-ca-request-id"]

        def record() -> tuple[object, ...] | None:
            with closing(sqlite3.connect(project.database)) as database:
                row: tuple[object, ...] | None = database.execute(
                    "SELECT error_code, refused_by, api_name, status FROM calls "
                    "WHERE request_id = ?",
                    [wanted],
                ).fetchone()
                return row

        assert until(record, "the record is written") == (
            "A400IK",
            "Authentication",
            "GetForecast",
            400,
        )


def test_a_record_says_which_release_a_call_met_and_which_process_answered(
    project: Project,
) -> None:
    with gateway(project) as running:
        met = forecast(running.port, key="999").headers["x-ca-request-id"]
        lost = forecast(running.port, host="nobody.example").headers["x-ca-request-id"]

        def records() -> dict[str, tuple[str, int]] | None:
            with closing(sqlite3.connect(project.database)) as database:
                rows = database.execute("SELECT request_id, api_version, process FROM calls")
                found = {request_id: (version, process) for request_id, version, process in rows}
                return found if {met, lost} <= found.keys() else None

        found = until(records, "the records are written")
        with closing(sqlite3.connect(project.database)) as database:
            (version,) = database.execute(
                "SELECT version FROM releases WHERE api_name = 'GetForecast'"
            ).fetchone()
        process = running.process.child.pid
        assert (found[met], found[lost]) == ((version, process), ("", process))


def _lift_limits(project: Project, app: int = 1_000_000) -> None:
    policy = project.folder / "policies" / "throttling" / "forecast-standard.yaml"
    policy.write_text(
        "name: forecast-standard\nregion: cn-hangzhou\nunit: day\n"
        f"api: 1000000\nuser: 1000000\napp: {app}\n"
    )
    settings = project.folder / "definitions" / "gateway.yaml"
    lines = [line for line in settings.read_text().splitlines() if line[:6] != "limits"]
    settings.write_text("\n".join([*lines, "limits: {client_ip_per_second: 100000}", ""]))


async def _load(port: int, *, stop_after: int, stop: Callable[[], object]) -> dict[str, int]:
    """Sixteen callers until the gateway is gone; `stop` is called after so many answers."""
    answered: dict[str, int] = {}
    stopping = asyncio.Event()

    async def caller(session: aiohttp.ClientSession, number: int) -> None:
        count = 0
        while True:
            count += 1
            request = SignableRequest(
                "GET", "/forecast/hangzhou", "days=2", Headers([("Accept", "application/json")])
            )
            signed = signing_headers(
                request,
                key=KEY,
                secret=SECRET,
                timestamp_ms=time.time_ns() // 1_000_000,
                nonce=f"{number}-{count}",
            )
            headers = {"Host": HOST, "Accept": "application/json", **dict(signed)}
            try:
                async with session.get(
                    f"http://127.0.0.1:{port}/forecast/hangzhou?days=2", headers=headers
                ) as reply:
                    await reply.read()
                    answered[reply.headers["X-Ca-Request-Id"]] = reply.status
            except (aiohttp.ClientError, OSError):
                return
            if len(answered) >= stop_after:
                stopping.set()

    async def end() -> None:
        await stopping.wait()
        await asyncio.to_thread(stop)

    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
        group.create_task(end())
        for number in range(16):
            group.create_task(caller(session, number))
    return answered


def test_a_stop_says_nothing_of_errors(project: Project) -> None:
    with gateway(project) as running:
        assert forecast(running.port).status == 200
        assert running.process.stop() == 0
        assert "rror" not in running.process.text
        assert "Unclosed" not in running.process.text


def test_a_policies_folder_that_is_not_there_ends_the_start(project: Project) -> None:
    shutil.rmtree(project.folder / "policies")
    process = launch(gateway_command(project, free_port()), project.folder / "log")
    assert process.wait() == 1
    assert "there is no such folder" in process.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "gateway_policy=/tmp"), "--set gateway_policy: there is no such option"),
        (("--set", "gateway_policies=/tmp"), "--set gateway_policies stands 2 times"),
    ],
    ids=["unknown", "twice"],
)
def test_an_option_that_cannot_be_meant_ends_the_start(
    project: Project, words: tuple[str, ...], said: str
) -> None:
    process = launch(gateway_command(project, free_port(), *words), project.folder / "log")
    assert process.wait() == 1
    assert said in process.text
    assert "Traceback" not in process.text
