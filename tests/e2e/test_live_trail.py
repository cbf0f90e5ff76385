"""Trails of real calls: on flows that are saved, and in the records of those that were refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.lab import CODE, Lab, Strange, make_project, signed, with_value
from e2e.running import (
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Project,
    gateway,
    gateway_command,
    until,
)
from mitmproxy import http
from mitmproxy.io import FlowReader
from unit.minted import mint

from apigateway.proxy.flows import TRAIL
from apigateway.replay.captured import read_calls

Trail = dict[str, Any]
TOKEN = mint('{"sub": "somebody"}')
WRONG = "c2lnbmVkIGJ5IG5vYm9keQ=="

CRASHING = """\
from apigateway.proxy import live_trail


def trail_of(call, style, **_):
    raise KeyError("a bug in the trail")


live_trail.trail_of = trail_of
addons = []
"""


def made(folder: Path, parts: tuple[Backend, Strange]) -> Project:
    echo, strange = parts
    return make_project(folder / "p", echo.port, strange.port)


def saved(path: Path) -> dict[str, Trail | None]:
    """Trails in a file of flows, by request id."""
    with path.open("rb") as file:
        return {
            flow.response.headers["X-Ca-Request-Id"]: flow.metadata.get(TRAIL)
            for flow in FlowReader(file).stream()
            if isinstance(flow, http.HTTPFlow) and flow.response is not None
        }


def explained(project: Project, request_id: str, *options: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        Path(sys.executable).with_name("apigateway"),
        "explain",
        request_id,
        *options,
    ]
    command += ["--definitions", project.folder / "definitions"]
    command += ["--policies", project.folder / "policies"]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]
) -> Iterator[tuple[Project, dict[str, str], Path, Path]]:
    """A gateway that saves its flows, after a call of every kind: their request ids by name."""
    folder = tmp_path_factory.mktemp("trail")
    project = made(folder, parts)
    flows, har = folder / "flows.mitm", folder / "flows.har"
    with gateway(project, "-w", flows, "--set", f"hardump={har}") as running:
        lab = Lab(running, *parts)
        bearer = ("Authorization", f"Bearer {TOKEN}")
        replies = {
            "served": lab.call(target="/echo?a=1", fields=[bearer, ("X-Token", TOKEN)]),
            "secret": lab.call(target=f"/echo?a={SECRET}"),
            "by code": lab.send("GET", f"/by-code?AppCode={CODE}"),
            "by field": lab.send("GET", "/by-field", [("Authorization", f"APPCODE {CODE}")]),
            "bad signature": lab.call(change=with_value("X-Ca-Signature", WRONG)),
            "no route": lab.send("GET", "/nowhere"),
            "failed": lab.send("GET", "/own/503"),
            "no host": lab.send("GET", "/echo", host=""),
            "edge": lab.send("GET", "/echo#fragment"),
        }
    ids = {name: reply.headers["x-ca-request-id"] for name, reply in replies.items()}
    yield project, ids, flows, har


Run = tuple[Project, dict[str, str], Path, Path]


def test_flows_that_are_saved_carry_the_trail_of_their_call(run: Run) -> None:
    _, ids, flows, _ = run
    trails = saved(flows)
    verdicts = {}
    for name, request_id in ids.items():
        trail = trails[request_id]
        assert trail is not None, name
        assert trail["request_id"] == request_id
        assert len(trail["stages"]) == 11
        verdicts[name] = (trail["verdict"]["by"], trail["verdict"]["status"])
    assert verdicts == {
        "served": ("Dispatch", 200),
        "secret": ("Dispatch", 200),
        "by code": ("Dispatch", 200),
        "by field": ("Dispatch", 200),
        "bad signature": ("Authentication", 403),
        "no route": ("Routing", 404),
        "failed": ("Dispatch", 503),
        "no host": ("Edge", 400),
        "edge": ("Edge", 400),
    }


def test_a_har_keeps_the_same_trails(run: Run) -> None:
    _, ids, flows, har = run
    of_flows = saved(flows)
    calls = read_calls(har.read_bytes())
    found = {call.trail["request_id"]: call.trail for call in calls if call.trail is not None}
    assert {ids[name] for name in ids} <= found.keys()
    assert all(found[request_id] == of_flows[request_id] for request_id in ids.values())


def test_no_secret_is_in_a_trail(run: Run) -> None:
    project, ids, flows, _ = run
    trails = saved(flows)
    for name, request_id in ids.items():
        text = json.dumps(trails[request_id])
        for secret in (SECRET, CODE, TOKEN, WRONG):
            assert secret[:12] not in text, (name, secret)
    with project.database.open("rb") as file:
        assert SECRET.encode() not in file.read()


def test_a_refused_call_is_explained_from_its_record(run: Run) -> None:
    project, ids, _, _ = run
    told = explained(project, ids["bad signature"])
    assert told.returncode == 1, told.stderr
    assert "refused by Authentication: 403 A403IS" in told.stdout
    assert "\u2713 Access" in told.stdout
    found = json.loads(explained(project, ids["bad signature"], "--json").stdout)
    assert (found["request_id"], found["error_code"]) == (ids["bad signature"], "A403IS")
    assert found["trail"]["verdict"]["by"] == "Authentication"
    assert "what the gateway signs" in told.stdout


def test_only_calls_that_failed_have_a_trail_in_their_records(run: Run) -> None:
    project, ids, _, _ = run
    for name, request_id in ids.items():
        found = json.loads(explained(project, request_id, "--json").stdout)
        kept = found["trail"] is not None
        assert kept == (name not in ("served", "secret", "by code", "by field")), name


def test_off_keeps_none_and_a_plain_mitmdump_is_off(
    tmp_path: Path, parts: tuple[Backend, Strange]
) -> None:
    project, flows = made(tmp_path, parts), tmp_path / "flows.mitm"
    with gateway(project, "-w", flows, "--set", "gateway_trail=off") as running:
        reply = Lab(running, *parts).send("GET", "/nowhere")
    request_id = reply.headers["x-ca-request-id"]
    assert saved(flows)[request_id] is None
    with gateway(project) as running:
        plain = Lab(running, *parts).send("GET", "/nowhere").headers["x-ca-request-id"]
    for one in (request_id, plain):
        assert json.loads(explained(project, one, "--json").stdout)["trail"] is None


def test_a_bug_in_the_trail_is_logged_once_and_leaves_calls_as_they_were(
    tmp_path: Path, parts: tuple[Backend, Strange]
) -> None:
    project, script = made(tmp_path, parts), tmp_path / "crashing.py"
    script.write_text(CRASHING)
    with gateway(project, "--set", "gateway_trail=on", before=[script]) as running:
        lab = Lab(running, *parts)
        assert [lab.call().status for _ in range(3)] == [200] * 3
        assert lab.send("GET", "/nowhere").code == "I404NF"
        until(lambda: "no trail can be made" in running.process.text, "it logs")
        text = running.process.text
    assert text.count("KeyError: 'a bug in the trail'") == 1
    assert "no trail can be made (said only once)" in text


def test_a_value_that_is_none_ends_the_start_with_a_reason(
    tmp_path: Path, parts: tuple[Backend, Strange]
) -> None:
    project = made(tmp_path, parts)
    command = gateway_command(project, 0, "--set", "gateway_trail=maybe")
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path)
    assert done.returncode == 1
    assert "--set gateway_trail=maybe: it is auto, on or off" in done.stderr


def test_signed_calls_have_the_key_that_the_trail_shows(run: Run) -> None:
    _, ids, flows, _ = run
    trail = saved(flows)[ids["served"]]
    assert trail is not None
    assert trail["stages"][2]["decided"]["app_key"] == KEY
    assert ("X-Ca-Key", KEY) in signed("GET", "/echo")
