"""Whatever breaks, the caller gets the gateway's own 4xx or 5xx and the backend gets nothing."""

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.running import (
    GATEWAY,
    HOST,
    PATIENCE_S,
    Backend,
    Gateway,
    Project,
    Reply,
    gateway,
    gateway_command,
    launch,
    put,
    send_raw,
    until,
)
from e2e.signed import call, forecast
from ports import free_port

STAGES = [
    "Routing",
    "Access",
    "Authentication",
    "Authorization",
    "Throttling",
    "Validation",
    "Mapping",
    "Resolution",
    "VpcAllowList",
    "Signing",
]

CRASHING = '''
"""The gateway, with every part of it made to crash when a header says so."""
import functools
import gateway
from apigateway.proxy import hooks
from apigateway.backends.sending import Backends


class Crash(RuntimeError):
    pass


def crashing(name, function, asked):
    @functools.wraps(function)
    def wrapper(self, call, *rest):
        if asked(call) == name:
            raise Crash(name)
        return function(self, call, *rest)

    return wrapper


for step in gateway.CHAIN:
    kind = type(step.stage)
    kind.__call__ = crashing(
        step.name, kind.__call__, lambda call: call.headers.first("X-Crash")
    )
Backends.send = crashing("Backends", Backends.send, lambda call: call.headers.first("X-Crash"))
for kind in (hooks.Reception, hooks.StageHook, hooks.Dispatch, hooks.MetricsLog):
    for event in ("request", "response"):
        if hasattr(kind, event):
            setattr(
                kind,
                event,
                crashing(
                    f"{kind.__name__}.{event}",
                    getattr(kind, event),
                    lambda flow: flow.request.headers.get("X-Crash"),
                ),
            )
addons = gateway.addons
'''

NEIGHBOUR = '''
"""Somebody else's script, which crashes."""


def request(flow):
    if flow.request.headers.get("X-Crash") == "NAME":
        raise RuntimeError("a neighbour crashed")
'''


def is_ours(reply: Reply) -> bool:
    """The gateway's own error format: code, message and request id, in fields and body."""
    fields = reply.headers
    return (
        reply.status >= 400
        and reply.json
        == {
            "requestId": fields["x-ca-request-id"],
            "code": fields["x-ca-error-code"],
            "message": fields["x-ca-error-message"],
        }
        and bool(re.fullmatch(r"[0-9A-F-]{36}", fields["x-ca-request-id"]))
    )


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Gateway]:
    project = Project(tmp_path_factory.mktemp("crashing"), demo_backend.port)
    script = project.folder / "crashing.py"
    script.write_text(CRASHING)
    before = project.folder / "before.py"
    before.write_text(NEIGHBOUR.replace("NAME", "before"))
    after = project.folder / "after.py"
    after.write_text(NEIGHBOUR.replace("NAME", "after"))
    with gateway(project, "-s", after, script=script, before=[before]) as running:
        yield running


@pytest.mark.parametrize(
    ("part", "status"),
    [
        *((part, 500) for part in (*STAGES, "Backends", "StageHook.request", "Dispatch.request")),
        ("Reception.request", 503),
        ("before", 503),
    ],
)
def test_a_crash_is_answered_with_a_5xx_and_nothing_is_sent(
    crashing: Gateway, demo_backend: Backend, part: str, status: int
) -> None:
    before = demo_backend.hits
    reply = forecast(crashing.port, headers={"X-Crash": part})
    assert reply.status == status
    assert is_ours(reply)
    assert demo_backend.hits == before


@pytest.mark.parametrize("part", ["MetricsLog.response", "after"])
def test_a_crash_behind_the_answer_changes_nothing_for_the_caller(
    crashing: Gateway, part: str
) -> None:
    assert forecast(crashing.port, headers={"X-Crash": part}).status == 200


def test_the_crashing_gateway_serves_a_call_that_does_not_crash(crashing: Gateway) -> None:
    assert forecast(crashing.port).status == 200


WITHOUT = """
import gateway

addons = [one for one in gateway.addons if one.name != "apigateway-NAME"]
"""


@pytest.mark.parametrize("part", ["authentication", "throttling", "signing", "dispatch"])
def test_an_add_on_taken_out_of_the_list_stops_every_call(
    project: Project, demo_backend: Backend, part: str
) -> None:
    script = project.folder / "without.py"
    script.write_text(WITHOUT.replace("NAME", part))
    with gateway(project, script=script) as running:
        before = demo_backend.hits
        reply = forecast(running.port)
        assert (reply.status, reply.code) == (500, "X500ER")
        assert is_ours(reply)
        assert demo_backend.hits == before


def test_a_stage_left_out_of_the_chain_ends_the_start(project: Project) -> None:
    text = GATEWAY.read_text().replace("    Authorization(nonces=settings.store),\n", "")
    script = project.folder / "gateway.py"
    script.write_text(text)
    process = launch(gateway_command(project, free_port(), script=script), project.folder / "log")
    assert process.wait() == 1
    assert "a stage is missing or out of order" in process.text


@pytest.fixture
def own_script(project: Project) -> Path:
    script = project.folder / "gateway.py"
    shutil.copy(GATEWAY, script)
    return script


def test_a_script_saved_with_an_error_is_503_until_it_is_mended(
    project: Project, demo_backend: Backend, own_script: Path
) -> None:
    good = own_script.read_text()
    with gateway(project, script=own_script) as running:
        assert forecast(running.port).status == 200
        before = demo_backend.hits
        put(own_script, "this is not python")
        reply = until(lambda: (r := forecast(running.port)).status == 503 and r, "refused")
        served = demo_backend.hits
        assert (reply.status, reply.code) == (503, "X503BZ")
        assert is_ours(reply)
        assert forecast(running.port).status == 503
        assert demo_backend.hits == served
        assert served >= before
        put(own_script, good)
        until(lambda: forecast(running.port).status == 200, "served again")


def test_a_deleted_script_leaves_a_closed_gateway(
    project: Project, demo_backend: Backend, own_script: Path
) -> None:
    with gateway(project, script=own_script) as running:
        assert forecast(running.port).status == 200
        own_script.unlink()
        reply = until(lambda: (r := forecast(running.port)).status == 503 and r, "refused")
        served = demo_backend.hits
        assert (reply.status, reply.code) == (503, "X503BZ")
        assert is_ours(reply)
        assert forecast(running.port).status == 503
        assert demo_backend.hits == served


def test_a_reload_with_wrong_definitions_stays_closed_and_says_why(
    project: Project, demo_backend: Backend, own_script: Path
) -> None:
    with gateway(project, script=own_script) as running:
        assert forecast(running.port).status == 200
        put(project.folder / "policies/grants.yaml", "- {app: nobody}\n")
        put(own_script, own_script.read_text() + "\n")
        reply = until(lambda: (r := forecast(running.port)).status == 503 and r, "refused")
        assert (reply.status, reply.code) == (503, "X503BZ")
        until(lambda: "policies/grants.yaml:1" in running.process.text, "the log says why")


def test_a_store_that_cannot_be_written_is_503(project: Project, demo_backend: Backend) -> None:
    with gateway(project) as running:
        assert forecast(running.port).status == 200
        before = demo_backend.hits
        with contextlib.closing(sqlite3.connect(project.database, timeout=PATIENCE_S)) as other:
            other.execute("BEGIN EXCLUSIVE")
            reply = forecast(running.port)
            assert (reply.status, reply.code) == (503, "X503BZ")
            assert reply.headers["retry-after"] == "1"
            assert is_ours(reply)
            assert demo_backend.hits == before
            other.rollback()
        until(lambda: forecast(running.port).status == 200, "served again")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"CONNECT 127.0.0.1:%d HTTP/1.1", b"405", id="CONNECT"),
        pytest.param(b"GET http://127.0.0.1:%d/status HTTP/1.1", b"400", id="absolute form"),
    ],
)
def test_a_target_that_names_a_server_is_refused(
    demo_gateway: Gateway, demo_backend: Backend, request_line: bytes, status: bytes
) -> None:
    before = demo_backend.hits
    line = request_line % demo_backend.port
    answer = send_raw(demo_gateway.port, line + b"\r\nHost: " + HOST.encode() + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert b"x-ca-error-code: i" in answer.lower()
    assert demo_backend.hits == before


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Host: HOST\r\nHost: HOST", id="two hosts"),
        pytest.param(b"X-Nothing: 1", id="no host"),
        pytest.param(b"Host: HOST\r\nConnection: upgrade\r\nUpgrade: websocket", id="upgrade"),
        pytest.param(
            b"Host: HOST\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", id="CL and TE"
        ),
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused_in_our_format(
    demo_gateway: Gateway, demo_backend: Backend, head: bytes
) -> None:
    before = demo_backend.hits
    head = head.replace(b"HOST", HOST.encode())
    answer = send_raw(demo_gateway.port, b"GET /status HTTP/1.1\r\n" + head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b"x-ca-error-code: i400" in answer.lower()
    assert demo_backend.hits == before


@pytest.mark.parametrize(
    ("mode", "ends"),
    [
        pytest.param(None, False, id="no mode"),
        pytest.param("regular", False, id="a forward proxy"),
        pytest.param("reverse:http://127.0.0.1:BACKEND", False, id="a reverse proxy to a server"),
        pytest.param("socks5", True, id="socks"),
    ],
)
def test_no_mode_of_the_proxy_forwards_anything(
    project: Project, demo_backend: Backend, mode: str | None, ends: bool
) -> None:
    arguments = []
    if mode is not None:
        arguments = ["--mode", mode.replace("BACKEND", str(demo_backend.port))]
    if ends:
        command = gateway_command(project, free_port(), *arguments)
        process = launch(command, project.folder / "log")
        assert process.wait() == 1
        assert "a gateway is a reverse proxy" in process.text
        return
    with gateway(project, *arguments) as running:
        before = demo_backend.hits
        absolute = f"GET http://127.0.0.1:{demo_backend.port}/x HTTP/1.1\r\nHost: x\r\n\r\n"
        assert send_raw(running.port, absolute.encode()).startswith(b"HTTP/1.1 4")
        assert call(running.port, "GET", "/x", host=f"127.0.0.1:{demo_backend.port}").status == 404
        assert demo_backend.hits == before
        assert forecast(running.port).status == 200
