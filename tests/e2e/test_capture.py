"""What a real mitmdump saved, scrubbed, replays offline as it was and, sent to a gateway that runs,
ends there as it ended."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.lab import CODE, Lab, Strange, make_project
from e2e.mixed import FORM, refused_calls, served_calls, throttled_calls
from e2e.running import PATIENCE_S, ROOT, SECRET, Backend, Project, gateway

PASSWORD = "wonder/land+99 é"


@dataclass(frozen=True)
class Captured:
    project: Project
    sent: int
    raw: Path
    scrubbed: Path
    summary: Any


def command(project: Project, *words: object) -> tuple[int, Any]:
    """Exit code, and the document that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "apigateway.cli", *map(str, words), "--json"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def captured(
    tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]
) -> Iterator[Captured]:
    echo, strange = parts
    folder = tmp_path_factory.mktemp("capture")
    project = make_project(folder / "p", echo.port, strange.port)
    raw, scrubbed = folder / "raw.mitm", folder / "scrubbed.mitm"
    with gateway(project, "-w", raw) as running:
        lab = Lab(running, echo, strange)
        sent = throttled_calls(lab) + served_calls(lab) + refused_calls(lab)
        for number in range(8):
            body = f"user=alice&password=wonder%2Fland%2B99+%C3%A9&n={number}".encode()
            lab.call("POST", "/echo", [FORM, ("Cookie", f"session=0123456789-{number}")], body)
    _, summary = command(project, "capture", raw, scrubbed)
    yield Captured(project, sent + 8, raw, scrubbed, summary)


def test_no_secret_is_left(captured: Captured) -> None:
    assert captured.sent >= 60
    content = captured.scrubbed.read_bytes()
    raw = captured.raw.read_bytes()
    for secret in (CODE, "wonder%2Fland%2B99+%C3%A9", "0123456789-7"):
        assert secret.encode() in raw
    for secret in (SECRET, CODE, PASSWORD, "wonder", "0123456789-7"):
        assert secret.encode() not in content
    counts = {one["kind"]: one["calls"] for one in captured.summary["secrets"]}
    assert counts["cookie"] == counts["password"] == 8
    assert counts["signature"] >= 25
    assert captured.summary["not_whole"] == []


@pytest.mark.parametrize("when", ["frozen", "fresh"])
def test_offline_every_call_ends_as_it_did(captured: Captured, when: str) -> None:
    code, document = command(captured.project, "replay", captured.scrubbed, "--time", when)
    assert document["causes"] == []
    assert (code, document["same"]) == (0, document["calls"])
    assert document["calls"] >= captured.sent


def test_a_running_gateway_answers_as_it_did(captured: Captured) -> None:
    """With limits that begin at zero again, and the calls signed for now."""
    (captured.project.folder / "state/gateway.db").unlink()
    with gateway(captured.project) as running:
        url = f"http://127.0.0.1:{running.port}"
        code, document = command(captured.project, "replay", captured.scrubbed, "--to", url)
        assert document["causes"] == []
        assert (code, document["different"], document["explained"]) == (0, 0, 0)
        why = {one["why"] for one in document["not_compared"]}
        assert why == {
            "it was refused before any stage: its bytes are not in the capture as they came"
        }
        assert document["same"] + len(document["not_compared"]) == document["calls"]
        assert document["same"] >= 55

        code, document = command(
            captured.project, "replay", captured.raw, "--to", url, "--time", "frozen"
        )
        reasons = {cause["explained"] for cause in document["causes"]}
        assert (code, document["different"]) == (0, 0)
        assert reasons == {"limits count other calls than they did"}

        code, document = command(
            captured.project, "replay", captured.raw, "--to", url, "--time", "frozen"
        )
        reasons = {cause["explained"] for cause in document["causes"]}
        assert "its nonce was used when it was captured" in reasons
        assert (code, document["different"]) == (0, 0)


def test_a_definition_that_changed_is_seen_in_a_running_gateway(
    captured: Captured, tmp_path: Path
) -> None:
    project = copy.copy(captured.project)
    project.folder = shutil.copytree(captured.project.folder, tmp_path / "p")
    project.edit("definitions/weather/get-status.yaml", "status: 200", "status: 203")
    project.edit("definitions/gateway.yaml", "auto: first", "auto: always")
    with gateway(project) as running:
        url = f"http://127.0.0.1:{running.port}"
        code, document = command(project, "replay", captured.scrubbed, "--to", url)
    assert code == 3
    changed = [cause for cause in document["causes"] if not cause["explained"]]
    assert [(cause["kind"], cause["after"]) for cause in changed] == [("status", "203")]
