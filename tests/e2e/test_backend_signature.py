"""What a live gateway sends verifies in three languages, and nothing else does: real signed calls,
recorded byte for byte by a backend, with a key that is replaced in between."""

import re
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from e2e.running import (
    KEY,
    ROOT,
    SECRET,
    Project,
    Reply,
    answers,
    ask,
    gateway,
    launch,
    until,
)
from e2e.signed import call
from golden.verifiers import FOLDER, LANGUAGES, Received, Verifier, verifier
from ports import free_port

from apigateway.cli import main
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

OLD, NEW = ("WeatherBackendKey", "WeatherBackendSecret-1"), ("WeatherBackendKey2", "neu_@#!*2")
KEYS = dict([OLD, NEW])
OK = (True, "ok")
DIFFERS = (False, "the signature differs")
WORDS = "a b+c%2Bd&e=中文 é😀"

DEFINITIONS = {
    "definitions/weather/echo.yaml": """\
name: Echo
request: {method: ANY, path: '/echo/*', mode: passthrough}
backend:
  type: http
  address: http://127.0.0.1:§
  path: /v3/*
  constants:
    - {name: X-Source, in: header, value: '网关, a+b%20c'}
    - {name: x-nothing, in: header, value: ''}
    - {name: source, in: query, value: '网 关+%'}
  system:
    - {from: CaRequestHandleTime, name: X-Request-Time, in: header}
""",
    "definitions/weather/mapped.yaml": """\
name: Mapped
request:
  method: POST
  path: /mapped/[name]
  parameters:
    - {name: name, in: path}
    - {name: X-Note, in: header}
    - {name: text, in: body}
    - {name: empty, in: body}
    - {name: q, in: query}
backend:
  type: http
  address: http://127.0.0.1:§
  path: /v3/mapped/[name]
  method: PUT
  parameters:
    - {from: X-Note, name: x-backend-note, in: header}
    - {from: q, name: 问, in: query}
""",
    "policies/grants.yaml": "- {app: demo, group: weather, apis: [Echo, Mapped]}\n",
    "policies/bindings.yaml": (
        "signature_keys: [{policy: weather-backend, group: weather, apis: [Echo, Mapped]}]\n"
    ),
}


@dataclass
class Recorder:
    """A backend that keeps what it received as it came, and answers 200."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)


@contextmanager
def recorder() -> Iterator[Recorder]:
    record = Recorder()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = []
            while (line := self.rfile.readline()).strip():
                lines.append(line)
            fields = [line.split(b":", 1) for line in lines[1:]]
            headers = tuple((name, value.strip(b" \t\r\n")) for name, value in fields)
            lengths = [int(value) for name, value in headers if name.lower() == b"content-length"]
            body = self.rfile.read(*lengths) if lengths else b""
            method, target, _ = lines[0].decode().split(" ")
            record.received.append(Received(method, target, headers, body))
            record.raw.append(b"".join(lines) + b"\r\n" + body)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        record.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield record
        server.shutdown()


def headers_of(**values: str) -> dict[str, str]:
    """As the client sends them: UTF-8 bytes, which http.client takes as ISO-8859-1."""
    return {
        name.replace("_", "-"): value.encode().decode("latin-1") for name, value in values.items()
    }


PAIRS = [("q", WORDS), ("空", ""), ("q", "the second"), ("a[]", "1"), ("100%", "%")]
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "GET": ("GET", "/echo/a", {}),
    "GET with a query": ("GET", "/echo/ä b/中;x", {"query": PAIRS}),
    "GET with a bare name": ("GET", "/echo/a?bare&e=&+=+", {}),
    "GET of an encoded path": ("GET", "/echo/a%2Fb%25c", {}),
    "POST of a form": ("POST", "/echo/a", {"query": PAIRS[:2], "form": [*PAIRS, ("f", "+")]}),
    "POST of a document": ("POST", "/echo/a", {"json_body": {"text": WORDS}}),
    "POST of nothing": ("POST", "/echo/a", {}),
    "POST that is mapped": (
        "POST",
        "/mapped/a b;中",
        {
            "query": {"q": WORDS},
            "form": {"text": WORDS, "empty": ""},
            "headers": headers_of(X_Note="备注 ä"),
        },
    ),
    "PUT": ("PUT", "/echo/a", {"query": PAIRS, "body": b"\x00\xff\r\n"}),
    "PATCH": ("PATCH", "/echo/a", {"query": PAIRS, "json_body": [1]}),
    "DELETE": ("DELETE", "/echo/a", {"query": PAIRS}),
    "DELETE with a body": ("DELETE", "/echo/a", {"json_body": [1]}),
    "debug mode": ("GET", "/echo/a", {"query": PAIRS, "headers": {"X-Ca-Request-Mode": "debug"}}),
}


GBK_FORM = "POST of a GBK form"


def post_gbk_form(port: int) -> Reply:
    """Which the client cannot sign."""
    body = b"\xb3\xc7=%BA%BC%D6%DD"
    fields = [("Content-Type", "application/x-www-form-urlencoded; charset=GBK")]
    request = SignableRequest("POST", "/echo/a", "", Headers(fields), body)
    signed = signing_headers(
        request, key=KEY, secret=SECRET, timestamp_ms=time.time_ns() // 1_000_000, nonce="gbk"
    )
    return ask(port, "POST", "/echo/a", dict([*fields, *signed]), body)


@dataclass(frozen=True)
class Captured:
    """What the backend received, by the call; then, after the key was replaced, once more."""

    calls: dict[str, Received]
    raw: dict[str, bytes]
    after: Received


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Captured:
    project = Project(tmp_path_factory.mktemp("project"))
    with recorder() as backend:
        for name, text in DEFINITIONS.items():
            path = project.folder / name
            path.write_text(text.replace("§", str(backend.port)), encoding="utf-8")
        with gateway(project) as running:
            for method, target, options in CALLS.values():
                reply = call(running.port, method, target, **options)
                assert reply.status == 200, reply
            assert post_gbk_form(running.port).status == 200
        before, raw = list(backend.received), list(backend.raw)
        key = project.folder / "policies" / "signature-keys" / "weather-backend.yaml"
        key.write_text(f"name: weather-backend\nkey: {NEW[0]}\nsecret: '{NEW[1]}'\n")
        with gateway(project) as running:
            assert call(running.port, "GET", "/echo/a", query=PAIRS).status == 200
    names = [*CALLS, GBK_FORM]
    return Captured(
        dict(zip(names, before, strict=True)),
        dict(zip(names, raw, strict=True)),
        backend.received[-1],
    )


@pytest.fixture(scope="module", params=LANGUAGES)
def verify(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    return verifier(cast(str, request.param), tmp_path_factory.mktemp("verifier"))


def test_each_kind_of_call_verifies(captured: Captured, verify: Verifier) -> None:
    verdicts = verify(list(captured.calls.values()), KEYS, "X-Request-Time")
    wanted = dict.fromkeys(captured.calls, OK)
    wanted["POST that is mapped"] = (False, "X-Request-Time is not signed")  # it sends none
    assert dict(zip(captured.calls, verdicts, strict=True)) == wanted
    assert verify([captured.calls["POST that is mapped"]], KEYS) == [OK]


def test_the_backend_received_what_was_meant(captured: Captured) -> None:
    mapped = captured.calls["POST that is mapped"]
    assert (mapped.method, mapped.target.partition("?")[0]) == (
        "PUT",
        "/v3/mapped/a%20b;%E4%B8%AD",
    )
    assert mapped.header("x-backend-note") == "备注 ä"
    echo = captured.calls["GET with a query"]
    assert echo.header("X-Source") == "网关, a+b%20c"
    assert echo.header("X-Ca-Proxy-Signature-Headers").split(",") == [
        "X-Ca-Proxy-Signature-Secret-Key",
        "X-Request-Time",
        "X-Source",
        "x-nothing",
    ]
    assert captured.calls["POST of a document"].body == f'{{"text":"{WORDS}"}}'.encode()
    assert captured.calls["GET of an encoded path"].target.startswith("/v3/a%2Fb%25c?")


def in_the_target(old: str, new: str) -> Callable[[Received], Received]:
    def change(one: Received) -> Received:
        assert old in one.target
        return replace(one, target=one.target.replace(old, new, 1))

    return change


def in_the_body(old: bytes, new: bytes) -> Callable[[Received], Received]:
    def change(one: Received) -> Received:
        assert old in one.body
        return replace(one, body=one.body.replace(old, new, 1))

    return change


def header(name: str, value: str | None) -> Callable[[Received], Received]:
    return lambda one: one.with_header(name, value)


EVERYWHERE: list[Callable[[Received], Received]] = [
    lambda one: replace(one, method="OPTIONS"),
    in_the_target("/v3/", "/v4/"),
    in_the_target("/v3/", "/v3//"),
    header("X-Ca-Proxy-Signature-Secret-Key", NEW[0]),
    header("X-Ca-Proxy-Signature-Headers", "X-Source"),
    header("X-Ca-Proxy-Signature-Headers", None),
    lambda one: replace(one, target=one.target + ("&" if "?" in one.target else "?") + "more=1"),
]
TAMPERED: dict[str, list[Callable[[Received], Received]]] = {
    "GET with a query": [
        in_the_target("q=", "Q="),
        in_the_target("%2B", "+"),
        in_the_target("%25", "%2525"),
        in_the_target("%E4%B8%AD", "%E4%B8%AE"),
        in_the_target("q=", "q=early&q="),
        in_the_target("source=", "source=x"),
        header("X-Source", "网关, a+b c"),
        header("X-Source", None),
        header("x-nothing", "something"),
        header("X-Request-Time", "Fri, 27 Apr 2029 03:51:10 GMT"),
    ],
    "POST of a form": [
        in_the_body(b"f=", b"g="),
        in_the_body(b"f=%2B", b"f=+"),
        header("Content-Type", "text/plain"),
        lambda one: replace(one, body=b""),
    ],
    "POST of a document": [
        in_the_body(b"a", b"b"),
        in_the_body(b"}", b"}\n"),
        lambda one: replace(one, body=b""),
        header("Content-Type", "application/x-www-form-urlencoded"),
    ],
    "POST of nothing": [lambda one: replace(one, body=b"{}")],
    "POST that is mapped": [
        header("x-backend-note", "备注 ö"),
        in_the_target("a%20b", "a+b"),
        in_the_target("a%20b;%E4%B8%AD", "a%20b"),
        in_the_body(b"text=", b"text=x"),
    ],
    "PUT": [in_the_body(b"\xff", b"\xfe")],
}


def test_each_tampering_is_refused(captured: Captured, verify: Verifier) -> None:
    changed = [
        (name, change(received))
        for name, received in captured.calls.items()
        for change in [*EVERYWHERE, *TAMPERED.get(name, [])]
    ]
    verdicts = verify([one for _, one in changed], KEYS)
    passed = [pair for pair, verdict in zip(changed, verdicts, strict=True) if verdict != DIFFERS]
    assert not passed


def test_what_the_protocol_does_not_cover_is_known(captured: Captured, verify: Verifier) -> None:
    """docs/backend-signature.md says so, and what to do about it."""
    calls = captured.calls
    uncovered = [
        in_the_body(b"1", b"2")(calls["PATCH"]),
        in_the_body(b"1", b"2")(calls["DELETE with a body"]),
        in_the_target("the+second", "the+third")(calls["GET with a query"]),
        in_the_body(b"the+second", b"the+third")(calls["POST of a form"]),
        in_the_target("?", "?=x&")(calls["GET with a query"]),
        in_the_target("e%3D", "e=")(calls["GET with a query"]),
        replace(calls["GET"], headers=(*calls["GET"].headers, (b"X-Unlisted", b"1"))),
    ]
    assert verify(uncovered, KEYS) == [OK] * len(uncovered)


def test_a_key_is_replaced_while_the_backend_knows_both(
    captured: Captured, verify: Verifier
) -> None:
    before, after = captured.calls["GET"], captured.after
    assert after.header("X-Ca-Proxy-Signature-Secret-Key") == NEW[0]
    assert verify([before, after], KEYS) == [OK, OK]
    assert verify([before], dict([OLD])) == verify([after], dict([NEW])) == [OK]
    for one, known in ((before, NEW), (after, OLD)):
        ((verified, reason),) = verify([one], dict([known]))
        assert not verified
        assert reason.startswith("unknown key")


def test_verify_backend_reads_what_was_recorded(captured: Captured, tmp_path: Path) -> None:
    def run(raw: bytes) -> tuple[int, str]:
        path = tmp_path / "request.txt"
        path.write_bytes(raw)
        keys = [word for key in (OLD, NEW) for word in ("--key", "=".join(key))]
        done = CliRunner().invoke(main, ["verify-backend", str(path), *keys])
        return done.exit_code, done.output

    for name, raw in captured.raw.items():
        code, output = run(raw)
        assert (code, name) == (0, name), output
        assert output.startswith("The gateway's signature verifies with the key WeatherBackendKey.")
    code, output = run(captured.raw["debug mode"].replace(b"source=", b"source=x", 1))
    assert code == 1
    assert "because the parameter source was changed: '网 关+%' was signed" in output


# --- the backends of the documentation

PAGE = ROOT / "docs" / "backend-signature.md"


def example(language: str, folder: Path, port: int) -> list[str | Path]:
    """Writes the backend that the page shows, and the verifier beside it; how to run it."""
    block = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert block is not None
    text = block[1].replace("9000", str(port))
    for path in FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    name = {"python": "backend.py", "js": "backend.cjs", "java": "Backend.java"}[language]
    (folder / name).write_text(text)
    tool = shutil.which({"python": sys.executable, "js": "node", "java": "java"}[language])
    if tool is None or (language == "java" and shutil.which("javac") is None):
        pytest.skip(f"there is no {language} here")
    if language != "java":
        return [tool, name]
    subprocess.run(["javac", "Backend.java"], cwd=folder, check=True, timeout=120)
    return [tool, "Backend"]


@pytest.mark.parametrize("language", ["python", "js", "java"])
def test_the_backend_of_the_page_serves_what_the_gateway_sent_alone(
    language: str, captured: Captured, tmp_path: Path
) -> None:
    port = free_port()
    process = launch(example(language, tmp_path, port), tmp_path / "output.log", cwd=tmp_path)

    def status(raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
            link.sendall(raw)
            return link.makefile("rb").read(12)[9:]

    try:
        until(lambda: answers(port), "the backend listens")
        for name, raw in captured.raw.items():
            assert (name, status(raw)) == (name, b"200"), process.text
        assert status(captured.raw["PUT"].replace(b"\xff\r\n", b"\xfe\r\n")) == b"403"
        assert status(captured.raw["GET"].replace(b"/v3/a", b"/v3/b")) == b"403"
    finally:
        process.stop()
