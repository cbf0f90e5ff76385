"""Slow and idle clients, and too many of them. The gateway here waits two seconds or three.

A wait is never shorter than that. How much longer it is depends on the machine: less than the ten
seconds and more that a gateway waits where nothing is set.
"""

import contextlib
import socket
import time
from collections.abc import Callable

import pytest
from adversarial.probe import (
    HOST_LINE,
    PATIENCE_S,
    Http2,
    Reply,
    assert_our_refusal,
    connected,
    read_reply,
    send,
)
from e2e.running import Backend, Gateway

GET = b"GET /echo HTTP/1.1\r\n" + HOST_LINE
POST = b"POST /echo HTTP/1.1\r\n" + HOST_LINE
HEADER_S, BODY_S, IDLE_S = 2.0, 2.5, 3.0
LATEST_S = 9.0
FOR_EVER_S = 15.0


def drip(port: int, start: bytes, piece: bytes) -> tuple[Reply, float]:
    """Connect, send a start and then a piece each 100 ms until there is an answer."""
    begin = time.monotonic()
    with connected(port) as link:
        link.sendall(start)
        while time.monotonic() - begin < FOR_EVER_S:
            link.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                if link.recv(1, socket.MSG_PEEK) or True:
                    break
            with contextlib.suppress(ConnectionError):
                link.sendall(piece)
        took = time.monotonic() - begin
        return read_reply(link), took


@pytest.mark.parametrize(
    ("start", "piece", "seconds"),
    [
        (GET + b"X-A: ", b"a", HEADER_S),
        (b"G", b"E", HEADER_S),
        (POST + b"Content-Length: 1000\r\n\r\n", b"a", BODY_S),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", BODY_S),
    ],
    ids=["head", "request line", "body", "chunks"],
)
def test_what_drips_in_is_answered_408(
    hasty: Gateway, counted: Backend, start: bytes, piece: bytes, seconds: float
) -> None:
    before = counted.hits
    reply, took = drip(hasty.port, start, piece)
    assert_our_refusal(reply, 408, "I408RT")
    assert seconds - 0.2 < took < LATEST_S
    assert counted.hits == before


def silent(port: int, start: bytes = b"") -> float:
    """How long the gateway kept a connection that said only this."""
    begin = time.monotonic()
    with connected(port) as link:
        if start:
            link.sendall(start)
            assert read_reply(link).status == 200
        link.settimeout(FOR_EVER_S)
        assert link.recv(1) == b""
        return time.monotonic() - begin


def test_a_connection_that_says_nothing_is_closed(hasty: Gateway) -> None:
    assert HEADER_S - 0.2 < silent(hasty.port) < LATEST_S


def test_an_idle_connection_is_closed(hasty: Gateway) -> None:
    assert IDLE_S - 0.2 < silent(hasty.port, GET + b"\r\n") < LATEST_S


def test_half_a_tls_handshake_is_closed(hasty: Gateway) -> None:
    with connected(hasty.port) as link:
        begin = time.monotonic()
        link.sendall(b"\x16\x03\x01\x02\x00\x01")
        link.settimeout(FOR_EVER_S)
        with contextlib.suppress(ConnectionError):
            link.recv(100)
        assert time.monotonic() - begin < LATEST_S


def test_a_connection_in_use_is_kept(hasty: Gateway) -> None:
    def is_kept() -> bool:
        begin = time.monotonic()
        with connected(hasty.port) as link, contextlib.suppress(ConnectionError):
            while time.monotonic() - begin < 1.5 * IDLE_S:
                link.sendall(GET + b"\r\n")
                if read_reply(link).status != 200:
                    return False
                time.sleep(0.1)
            return True
        return False

    # A machine that stops for long makes any connection an idle one: then another shows it.
    wait_for(is_kept)


def test_one_client_has_so_many_connections_and_no_more(hasty: Gateway) -> None:
    def is_served(link: socket.socket) -> bool:
        with contextlib.suppress(ConnectionError):
            link.sendall(GET + b"\r\n")
            return read_reply(link).status == 200
        return False

    def served_of_twelve() -> int:
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(connected(hasty.port)) for _ in range(12)]
            return sum(map(is_served, links))

    # Connections of other tests may still be there for a moment, which leaves fewer than eight.
    wait_for(lambda: served_of_twelve() == 8)
    wait_for(lambda: send(hasty.port, GET + b"\r\n").status == 200)


def wait_for(condition: Callable[[], bool], patience: float = 2 * PATIENCE_S) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_http2_body_that_does_not_come_is_answered_408(hasty: Gateway) -> None:
    client = Http2(hasty.port)
    stream = client.ask(client.fields(method="POST"), b"a", end=False)
    reply = client.reply_to(stream, LATEST_S)
    assert reply is not None
    assert_our_refusal(reply, 408, "I408RT")
    good = client.reply_to(client.ask(client.fields()))
    assert good is not None
    assert good.status == 200
    client.close()


def test_an_idle_http2_connection_is_closed(hasty: Gateway) -> None:
    client = Http2(hasty.port)
    begin = time.monotonic()
    client.read_until(lambda: False, FOR_EVER_S)
    assert client.closed
    assert time.monotonic() - begin < LATEST_S
    client.close()
