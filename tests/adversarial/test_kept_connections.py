"""What one exchange of a connection leaves behind never becomes a part of the next, on either side
of the gateway; and neither side makes it keep bytes without end."""

import contextlib
import os
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from adversarial.probe import (
    ECHO,
    HOST_LINE,
    PATIENCE_S,
    connected,
    open_api,
    read_reply,
    send,
)
from e2e.running import Gateway, Project, gateway
from unit.issued import leaf, pem, server_context

from apigateway.commands.cert import make_ca

ADD_ON = '''
"""Changes an answer as the field X-Do says, behind the gateway's own add-ons."""


def response(flow):
    match flow.request.headers.get("X-Do"):
        case "body":
            flow.response.text = "a body"
        case "chunked":
            del flow.response.headers["Content-Length"]
            flow.response.headers["Transfer-Encoding"] = "chunked"
        case "no content":
            flow.response.status_code = 204
        case "http/2":
            flow.response.http_version, flow.response.reason = "HTTP/2.0", ""
        case "longer":
            flow.response.raw_content = b"okHTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nevil"
        case "shorter":
            flow.response.raw_content = b"o"
        case "interim":
            flow.response.status_code = 103
'''

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
WITHOUT_END = {
    "field": (CHUNKED + b"X-A: ", b"a" * 65_536),
    "trailer": (CHUNKED, b"X-A: a\r\n" * 8192),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nX-A: a\r\n\r\n" * 2048),
}
PATIENT_BYTES = 64 * 1024 * 1024


class Scripted:
    """A backend that does what the query asks for. `heard` are the requests; `endless` how many
    bytes of an answer without end were taken from it."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[str] = []
        self.endless = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                threading.Thread(target=self._answer_all, args=[link], daemon=True).start()

    def _answer_all(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                link = self._context.wrap_socket(link, server_side=True)
            with link:
                while self._answer(link):
                    pass

    def _answer(self, link: socket.socket) -> bool:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = link.recv(65536)
            if not piece:
                return False
            request += piece
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        while length is not None and len(body) < int(length[1]):
            body += link.recv(65536)
        found = re.search(rb"\?q=([a-z-]+)", head)
        asked = found[1].decode() if found else ""
        self.heard.append(asked)
        if asked in WITHOUT_END:
            self._send_without_end(link, *WITHOUT_END[asked])
        elif asked == "large":
            link.sendall(LARGE)
        elif asked == "reset":
            link.sendall(LARGE[:100])
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif asked in ("told", "cut"):
            link.sendall(b"HTTP/1.1 200 OK\r\n\r\npart")
            if asked == "told" and isinstance(link, ssl.SSLSocket):
                link.unwrap()
            os.close(link.detach())
        else:
            link.sendall(OK)
        return asked not in ("told", "cut", *WITHOUT_END)

    def _send_without_end(self, link: socket.socket, start: bytes, piece: bytes) -> None:
        self.endless = 0
        link.sendall(start)
        while self.endless < PATIENT_BYTES:
            link.sendall(piece)
            self.endless += len(piece)


@pytest.fixture(scope="module")
def plain() -> Iterator[Scripted]:
    backend = Scripted()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, plain: Scripted) -> Iterator[Gateway]:
    now = datetime.now(UTC)
    ca = make_ca(now)
    secure = Scripted(server_context(leaf("localhost", now=now, ca=ca)))
    folder: Path = tmp_path_factory.mktemp("odd")
    project = open_api(Project(folder, plain.port))
    tls = folder / "policies/backend-tls"
    tls.mkdir(parents=True, exist_ok=True)
    (tls / "ca.pem").write_text(pem(ca))
    (tls / "ours.yaml").write_text("name: ours\nca: file:ca.pem\n")
    text = ECHO.format(method="GET", port=secure.port).replace("/echo", "/secure")
    text = text.replace("name: Echo", "name: Secure").replace(
        "http://127.0.0.1", "https://localhost"
    )
    (folder / "definitions/weather/secure.yaml").write_text(text + "  tls: ours\n")
    script = ECHO.format(method="HEAD", port=plain.port).replace("name: Echo", "name: EchoHead")
    (folder / "definitions/weather/echo-head.yaml").write_text(script)
    add_on = folder / "add_on.py"
    add_on.write_text(ADD_ON)
    with gateway(project, "-s", add_on) as running:
        yield running
    secure.close()


def request(asked: str = "ok", *, method: str = "GET", path: str = "/echo", do: str = "") -> bytes:
    fields = HOST_LINE + (f"X-Do: {do}\r\n".encode() if do else b"")
    return f"{method} {path}?q={asked} HTTP/1.1\r\n".encode() + fields + b"\r\n"


# --- what a backend sends


def test_over_tls_only_the_backend_itself_ends_an_answer(odd: Gateway) -> None:
    told = send(odd.port, request("told", path="/secure"))
    assert (told.status, told.body) == (200, b"part")
    assert send(odd.port, request("cut", path="/secure")).code == "D504RE"


def test_an_answer_that_breaks_off_is_not_asked_for_again(odd: Gateway, plain: Scripted) -> None:
    assert send(odd.port, request()).status == 200  # its connection to the backend is kept
    plain.heard.clear()
    assert send(odd.port, request("reset")).code == "D504RE"
    assert plain.heard == ["reset"]


@pytest.mark.parametrize("asked", WITHOUT_END)
def test_what_has_no_end_and_is_no_content_is_not_read_on(
    odd: Gateway, plain: Scripted, asked: str
) -> None:
    assert send(odd.port, request(asked)).code == "D504RE"
    assert plain.endless < PATIENT_BYTES / 2
    assert send(odd.port, request()).status == 200


# --- what a client sends


@pytest.mark.parametrize("first", ["plain", "chunked", "asks first"])
@pytest.mark.parametrize("second", ["plain", "chunked", "asks first"])
def test_a_body_that_looks_like_a_request_is_none(
    odd: Gateway, plain: Scripted, first: str, second: str
) -> None:
    plain.heard.clear()
    with connected(odd.port) as link:
        for form in (first, second):
            link.sendall(post(request("inner"), form))
            assert read_final(link).endswith(b"ok")
        link.sendall(request("last"))
        assert read_reply(link).body == b"ok"
    assert plain.heard == ["outer", "outer", "last"]


def test_a_client_of_http_1_0_is_told_that_its_connection_is_kept(odd: Gateway) -> None:
    old = request().replace(b"HTTP/1.1", b"HTTP/1.0")
    with connected(odd.port) as link:
        for _ in range(2):
            link.sendall(old.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
            reply = read_reply(link)
            assert (reply.body, reply.headers["connection"]) == (b"ok", "keep-alive")
        link.sendall(old)
        reply = read_reply(link)
        assert (reply.body, reply.headers["connection"], reply.closed) == (b"ok", "close", True)


def post(body: bytes, form: str) -> bytes:
    """A POST with this body, in one piece."""
    head = b"POST /echo?q=outer HTTP/1.1\r\n" + HOST_LINE
    if form == "chunked":
        return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    expect = b"Expect: 100-continue\r\n" if form == "asks first" else b""
    return head + expect + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def read_final(link: socket.socket) -> bytes:
    """An answer, behind an interim one."""
    link.settimeout(PATIENCE_S)
    raw = b""
    while not re.search(rb"HTTP/1.1 [2-5].*\r\n\r\n.+\Z", raw, re.DOTALL):
        piece = link.recv(65536)
        assert piece, raw
        raw += piece
    return raw


# --- what a client does not fetch


def test_who_sends_ahead_and_fetches_nothing_is_not_served_on(
    odd: Gateway, plain: Scripted
) -> None:
    plain.heard.clear()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", odd.port))
        link.settimeout(PATIENCE_S)
        link.sendall(request("large") * 500)
        read = bytearray()
        _until_silent(odd, lambda: len(plain.heard))
        with contextlib.suppress(ConnectionError):
            while piece := link.recv(1 << 20):
                read += piece
    assert 1 <= len(plain.heard) < 100
    answers = read.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert len(answers) == len(plain.heard)
    assert [b"onnection: close" in answer for answer in answers].index(True) == len(answers) - 1
    assert send(odd.port, request()).status == 200


def _until_silent(odd: Gateway, measure: Callable[[], int]) -> None:
    """Until so many other calls were answered meanwhile that anything still to come had come."""
    last, unchanged = -1, 0
    while unchanged < 100:
        nowhere = b"GET /nowhere HTTP/1.1\r\n" + HOST_LINE + b"\r\n"
        assert send(odd.port, nowhere).status == 404
        now = measure()
        unchanged = unchanged + 1 if now == last and now else 0
        last = now


# --- what an add-on leaves


@pytest.mark.parametrize(
    ("method", "do"),
    [
        ("HEAD", ""),
        ("HEAD", "body"),
        ("HEAD", "chunked"),
        ("GET", "body"),
        ("GET", "chunked"),
        ("GET", "no content"),
        ("GET", "http/2"),
    ],
)
def test_the_answer_behind_one_that_an_add_on_changed_is_whole(
    odd: Gateway, method: str, do: str
) -> None:
    with connected(odd.port) as link:
        last = request().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        link.sendall(request(method=method, do=do) + last)
        raw = b""
        while piece := link.recv(65536):
            raw += piece
    first, second = raw.split(b"HTTP/1.1 ")[1:]
    head, _, body = first.partition(b"\r\n\r\n")
    assert b"onnection: close" not in head
    expected = {"body": b"a body", "chunked": b"2\r\nok\r\n0\r\n\r\n", "http/2": b"ok"}
    assert body == (expected.get(do, b"") if method == "GET" else b"")
    assert second.endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("do", ["longer", "shorter", "interim"])
def test_an_answer_that_none_can_follow_is_the_last(odd: Gateway, do: str) -> None:
    with connected(odd.port) as link:
        link.sendall(request(do=do) + request())
        reply = read_reply(link)
    assert reply.closed
    assert reply.headers["connection"] == "close"
    assert reply.body[-2:] != b"ok"
