"""Real processes for the end-to-end tests: mitmdump with the gateway, and the demo backend."""

import contextlib
import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "addons" / "gateway.py"
HOST = "api.weather.localhost"
KEY, SECRET = "203753385", "MySuperAppSecret-42"
PATIENCE_S = 120.0
"""How long anything may take on a busy machine; a start of the gateway took 40 s on one."""


@dataclass(frozen=True)
class Reply:
    """An answer; header names are lower case, the last of a name wins."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return self.headers.get("x-ca-error-code", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@functools.cache
def zone_at_noon() -> str:
    """A time zone whose day does not end while a test counts on it."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def put(path: Path, content: str | bytes) -> None:
    """Write a file at once: who watches it sees the old one or the new one, and no part."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.replace(path)


def until(condition: Any, what: str, patience_s: float = PATIENCE_S) -> Any:
    """The condition's first true value. Polls, since another process has no event for us."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s: {what}")


def ask(
    port: int,
    method: str = "GET",
    target: str = "/status",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    host: str = HOST,
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, target, body, {"Host": host, **(headers or {})})
        response = connection.getresponse()
        content = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, fields, content)
    finally:
        connection.close()


def send_raw(port: int, request: bytes) -> bytes:
    """All that comes back for these bytes until the other side closes, or is silent a second after
    a whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
        link.sendall(request)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := link.recv(65536):
                answer += piece
                link.settimeout(1 if _is_whole(answer) else PATIENCE_S)
        return answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@dataclass
class Process:
    """A child whose output goes to a file."""

    child: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.child.send_signal(number)

    def wait(self) -> int:
        return self.child.wait(PATIENCE_S)

    def stop(self) -> int:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                return self.child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise
        return self.child.returncode


def launch(command: Sequence[str | Path], output: Path, cwd: Path | None = None) -> Process:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "addons"),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
        )
    return Process(child, output)


@dataclass
class Backend:
    process: Process
    port: int
    tls_port: int = 0

    @property
    def hits(self) -> int:
        hits: int = ask(self.port, target="/_hits", host="backend").json["hits"]
        return hits


@contextlib.contextmanager
def backend(folder: Path, *arguments: str) -> Iterator[Backend]:
    folder.mkdir(parents=True, exist_ok=True)
    script = ROOT / "scripts" / "demo-backend.py"
    process = launch([sys.executable, script, "--port", "0", *arguments], folder / "backend.log")
    try:
        found = until(
            lambda: re.search(r"listening on http://\S+:(\d+)", process.text), "the backend listens"
        )
        secure = re.search(r"listening on https://\S+:(\d+)", process.text)
        yield Backend(process, int(found[1]), int(secure[1]) if secure else 0)
    finally:
        process.stop()


@dataclass
class Project:
    """A copy of the sample definitions whose backend is `backend_port`, over TLS `tls_port`; its
    days end at another hour."""

    folder: Path
    backend_port: int = 9
    tls_port: int = 9
    edits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("definitions", "policies"):
            shutil.copytree(ROOT / name, self.folder / name)
        for path in self.folder.rglob("*.yaml"):
            text = path.read_text()
            ours = text.replace("9000", str(self.backend_port))
            ours = ours.replace("9443", str(self.tls_port))
            if ours != text:
                path.write_text(ours)
        self.edit("definitions/gateway.yaml", "time_zone: UTC", f"time_zone: {zone_at_noon()}")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new))

    @property
    def database(self) -> Path:
        return self.folder / "state" / "gateway.db"


class Written(Project):
    """A project of our own definitions, none of the samples."""

    def __post_init__(self) -> None:
        pass

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@dataclass
class Gateway:
    process: Process
    port: int
    project: Project

    def ask(self, *args: Any, **kwargs: Any) -> Reply:
        return ask(self.port, *args, **kwargs)


def gateway_command(
    project: Project, port: int, *arguments: str | Path, script: Path = GATEWAY
) -> list[str | Path]:
    return [
        Path(sys.executable).with_name("mitmdump"),
        *("-s", script),
        *("--listen-port", str(port)),
        *("--set", f"gateway_definitions={project.folder / 'definitions'}"),
        *("--set", f"gateway_policies={project.folder / 'policies'}"),
        *("--set", f"confdir={project.folder / 'confdir'}"),
        *fast_profile(),
        *arguments,
    ]


def fast_profile() -> list[str]:
    """APIGATEWAY_TEST_FAST=off or =on runs the same tests in that profile."""
    chosen = os.environ.get("APIGATEWAY_TEST_FAST", "")
    return ["--set", f"gateway_fast={chosen}"] if chosen else []


def answers(port: int) -> bool:
    try:
        ask(port)
    except (OSError, http.client.HTTPException):
        return False
    return True


@contextlib.contextmanager
def gateway(
    project: Project,
    *arguments: str | Path,
    script: Path = GATEWAY,
    before: Sequence[Path] = (),
) -> Iterator[Gateway]:
    """A mitmdump with the gateway, once it answers. `before` are scripts loaded before it."""
    port = free_port()
    command = gateway_command(project, port, *arguments, script=script)
    for path in reversed(before):
        command[1:1] = ["-s", path]
    process = launch(command, project.folder / "gateway.log", cwd=project.folder)
    try:

        def up() -> bool:
            if process.child.poll() is not None:
                raise AssertionError(f"the gateway ended:\n{process.text}")
            return answers(port)

        until(up, "the gateway answers")
        yield Gateway(process, port, project)
    finally:
        process.stop()
