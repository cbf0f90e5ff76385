"""Case 26: sizes, refused at once and without reading on."""

import contextlib
import socket
import time

import pytest
from adversarial.probe import HOST_LINE, Reply, assert_our_refusal, connected, read_reply, send
from e2e.running import Backend, Gateway

POST = b"POST /echo HTTP/1.1\r\n" + HOST_LINE
BODY = 2 * 1024 * 1024
HEAD = 128 * 1024
UPLOAD = 30 * 1024 * 1024
AT_ONCE = 10.0
"""Long before the half minute after which a body that does not come is refused anyhow."""


def head_of(size: int) -> bytes:
    start, end = b"GET /echo HTTP/1.1\r\n" + HOST_LINE + b"X-A: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


def line_of(size: int) -> bytes:
    return b"GET /echo?" + b"a" * (size - 10) + b" HTTP/1.1\r\n" + HOST_LINE + b"\r\n"


def upload(port: int, head: bytes, piece: bytes) -> tuple[Reply, int]:
    """Send a head and then 30 MB by pieces; the answer, and how much could be sent."""
    sent = 0
    with connected(port) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        start = time.monotonic()
        link.sendall(head)
        with contextlib.suppress(ConnectionError, TimeoutError):
            while sent < UPLOAD and time.monotonic() - start < 10:
                link.sendall(piece)
                sent += len(piece)
        reply = read_reply(link)
        reply.seconds = time.monotonic() - start
        return reply, sent


@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "in chunks"])
def test_a_body_of_exactly_2_mib_passes(fort: Gateway, counted: Backend, chunked: bool) -> None:
    before = counted.hits
    body = b"a" * BODY
    if chunked:
        content = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (BODY, body)
    else:
        content = b"Content-Length: %d\r\n\r\n%s" % (BODY, body)
    assert send(fort.port, POST + content).status == 200
    assert counted.hits == before + 1


def test_one_byte_more_is_refused_by_its_length_alone(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    reply = send(fort.port, POST + b"Content-Length: %d\r\n\r\n" % (BODY + 1))
    assert_our_refusal(reply, 413, "I413RL")
    assert reply.seconds < AT_ONCE
    assert counted.hits == before


def test_one_byte_more_in_chunks_is_refused(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1\r\n" % (BODY, b"a" * BODY)
    assert_our_refusal(send(fort.port, raw), 413, "I413RL")
    assert counted.hits == before


def test_a_huge_chunk_is_refused_by_its_size_alone(fort: Gateway) -> None:
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n"
    assert_our_refusal(send(fort.port, raw), 413, "I413RL")


def test_who_asks_first_is_not_told_to_go_on(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    raw = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY + 1)
    reply = send(fort.port, raw)
    assert b"100 Continue" not in reply.raw
    assert_our_refusal(reply, 413, "I413RL")
    assert counted.hits == before


def test_who_asks_first_and_may_send_is_told_so(fort: Gateway) -> None:
    with connected(fort.port) as link:
        link.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 100 ")
        link.sendall(b"ab")
        assert read_reply(link).status == 200


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (POST + b"Content-Length: %d\r\n\r\n" % UPLOAD, b"a" * 16384),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"a" * 16384 + b"\r\n"),
    ],
    ids=["by length", "in chunks"],
)
def test_an_upload_of_30_mb_is_refused_and_not_read(
    fort: Gateway, counted: Backend, head: bytes, piece: bytes
) -> None:
    before = counted.hits
    reply, sent = upload(fort.port, head, piece)
    assert_our_refusal(reply, 413, "I413RL")
    assert reply.seconds < AT_ONCE
    assert sent < UPLOAD / 2
    assert counted.hits == before


def test_a_head_of_exactly_128_kib_passes(fort: Gateway) -> None:
    assert send(fort.port, head_of(HEAD)).status == 200


def test_one_byte_more_of_head_is_refused(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    assert_our_refusal(send(fort.port, head_of(HEAD + 1)), 431, "I431HD")
    assert counted.hits == before


def test_a_request_line_over_128_kib_is_refused(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    assert_our_refusal(send(fort.port, line_of(HEAD)), 413, "I413UL")
    assert counted.hits == before


@pytest.mark.parametrize(
    ("start", "status"),
    [(b"GET /", 413), (b"GET / HTTP/1.1\r\n" + HOST_LINE + b"X-A: ", 431)],
    ids=["a line", "a field"],
)
def test_a_head_without_end_is_not_read_on(fort: Gateway, start: bytes, status: int) -> None:
    reply, sent = upload(fort.port, start, b"a" * 16384)
    assert_our_refusal(reply, status)
    assert reply.seconds < AT_ONCE
    assert sent < UPLOAD / 2


def test_a_thousand_fields_are_too_many(fort: Gateway) -> None:
    raw = b"GET /echo HTTP/1.1\r\n" + HOST_LINE + b"a:b\r\n" * 1001 + b"\r\n"
    assert_our_refusal(send(fort.port, raw), 431, "I431HD")
