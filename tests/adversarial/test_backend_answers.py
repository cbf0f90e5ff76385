"""Case 34: what a backend sends that has no place in an answer hangs nobody."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from adversarial.probe import HOST_LINE, connected, open_api, read_reply
from e2e.running import Gateway, Project, gateway

ANSWERS = {
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n"
    b"2\r\nok\r\n0\r\nX-A: b\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n",
}


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer_all, args=[link], daemon=True).start()


def _answer_all(link: socket.socket) -> None:
    """The other side ends the connection: an end of ours could cross the next request."""
    with link, contextlib.suppress(OSError):
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = link.recv(65536)
                if not piece:
                    return
                request += piece
            name = request.split(b"q=")[1].split(b" ")[0].split(b"&")[0].decode()
            link.sendall(ANSWERS[name])


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose backend answers by the query parameter `q`."""
    folder: Path = tmp_path_factory.mktemp("odd")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=[listener], daemon=True).start()
        project = open_api(Project(folder, listener.getsockname()[1]))
        with gateway(project) as running:
            yield running


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("early-hints", 200, b"ok"),
        ("trailer", 200, b"ok"),
        ("no-content", 204, b""),
        ("not-modified", 304, b""),
    ],
)
def test_the_answer_comes_and_the_connection_is_usable_after(
    odd: Gateway, name: str, status: int, body: bytes
) -> None:
    request = b"GET /echo?q=%s HTTP/1.1\r\n%s\r\n"
    with connected(odd.port) as link:
        link.sendall(request % (name.encode(), HOST_LINE))
        reply = read_reply(link)
        assert (reply.status, reply.body) == (status, body)
        assert not reply.code
        link.sendall(request % (b"early-hints", HOST_LINE))
        assert read_reply(link).body == b"ok"
