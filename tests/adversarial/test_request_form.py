"""Cases 23 and 24: requests that two readers could read in two ways, and forms not served."""

import pytest
from adversarial.probe import (
    HOST_LINE,
    PATIENCE_S,
    assert_our_refusal,
    connected,
    read_reply,
    send,
)
from e2e.running import Backend, Gateway

GET = b"GET /echo HTTP/1.1\r\n" + HOST_LINE
POST = b"POST /echo HTTP/1.1\r\n" + HOST_LINE
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /echo HTTP/1.1\r\n" + HOST_LINE + b"\r\n"
END = b"\r\n"

MALFORMED = {
    "length and chunked": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunked and length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "blank before the colon of TE": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "blank before the colon of any": GET + b"X-A : b\r\n\r\n",
    "tab before the colon": GET + b"X-A\t: b\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked in HTTP/1.0": b"POST /echo HTTP/1.0\r\n"
    + HOST_LINE
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\nab" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\nab",
    "length with a plus": POST + b"Content-Length: +2\r\n\r\nab",
    "length with a blank inside": POST + b"Content-Length:  2 2 \r\n\r\nab",
    "negative length": POST + b"Content-Length: -2\r\n\r\nab",
    "hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\nab",
    "length with leading zero": POST + b"Content-Length: 02\r\n\r\nab",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "bare CR in a value": GET + b"X-A: b\rX-B: c\r\n\r\n",
    "bare CR in the request line": b"GET /echo\r HTTP/1.1\r\n" + HOST_LINE + END,
    "NUL in a value": GET + b"X-A: b\0c\r\n\r\n",
    "NUL in a name": GET + b"X\0A: b\r\n\r\n",
    "control character in a value": GET + b"X-A: b\x01c\r\n\r\n",
    "DEL in a value": GET + b"X-A: b\x7fc\r\n\r\n",
    "folded line": GET + b"X-A: b\r\n c\r\n\r\n",
    "folded line by tab": GET + b"X-A: b\r\n\tc\r\n\r\n",
    "fold as the first line": b"GET /echo HTTP/1.1\r\n X-A: b\r\n" + HOST_LINE + END,
    "bare LF everywhere": b"GET /echo HTTP/1.1\n" + HOST_LINE.replace(b"\r", b"") + b"\n",
    "one bare LF": GET + b"X-A: b\nX-B: c\r\n\r\n",
    "bare LF at the end": GET + b"X-A: b\r\n\n",
    "a line without colon": GET + b"X-A\r\n\r\n",
    "an empty name": GET + b": b\r\n\r\n",
    "a name that is no token": GET + b"X(A): b\r\n\r\n",
    "a name in UTF-8": GET + "Ä: b\r\n\r\n".encode(),
    "a method that is no token": b"GE(T /echo HTTP/1.1\r\n" + HOST_LINE + END,
    "two blanks in the request line": b"GET  /echo HTTP/1.1\r\n" + HOST_LINE + END,
    "tab in the request line": b"GET\t/echo HTTP/1.1\r\n" + HOST_LINE + END,
    "blank in the path": b"GET /ec ho HTTP/1.1\r\n" + HOST_LINE + END,
    "fragment in the path": b"GET /echo#x HTTP/1.1\r\n" + HOST_LINE + END,
    "chunk longer than its size": CHUNKED + b"5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n" + SMUGGLED,
    "chunk with an extension": CHUNKED + b"2;a=b\r\nab\r\n0\r\n\r\n",
    "chunk size with a blank": CHUNKED + b"2 \r\nab\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "chunk size with a sign": CHUNKED + b"+2\r\nab\r\n0\r\n\r\n",
    "chunk size of 17 digits": CHUNKED + b"00000000000000002\r\nab\r\n0\r\n\r\n",
    "chunk size ended by LF": CHUNKED + b"2\nab\r\n0\r\n\r\n",
    "chunk ended by LF": CHUNKED + b"2\r\nab\n0\r\n\r\n",
    "empty chunk size": CHUNKED + b"\r\nab\r\n0\r\n\r\n",
    "trailer that is no field": CHUNKED + b"0\r\nnothing\0\r\n\r\n",
    "trailer ended by LF": CHUNKED + b"0\r\nA: b\n\r\n",
    "absolute form": b"GET http://api.weather.localhost/echo HTTP/1.1\r\n" + HOST_LINE + END,
    "authority form": b"GET api.weather.localhost:80 HTTP/1.1\r\n" + HOST_LINE + END,
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + HOST_LINE + END,
    "two equal hosts": GET + HOST_LINE + END,
    "two hosts": GET + b"Host: other.localhost\r\n\r\n",
    "no host": b"GET /echo HTTP/1.1\r\n\r\n",
    "empty host": b"GET /echo HTTP/1.1\r\nHost: \r\n\r\n",
    "host with a user": b"GET /echo HTTP/1.1\r\nHost: a@api.weather.localhost\r\n\r\n",
    "host with a path": b"GET /echo HTTP/1.1\r\nHost: api.weather.localhost/x\r\n\r\n",
    "a list of hosts": b"GET /echo HTTP/1.1\r\nHost: api.weather.localhost, b\r\n\r\n",
    "host with a word as port": b"GET /echo HTTP/1.1\r\nHost: api.weather.localhost:x\r\n\r\n",
    "HTTP/1.2": b"GET /echo HTTP/1.2\r\n" + HOST_LINE + END,
    "HTTP/2.0": b"GET /echo HTTP/2.0\r\n" + HOST_LINE + END,
    "HTTP/0.9": b"GET /echo\r\n\r\n",
    "http/1.1": b"GET /echo http/1.1\r\n" + HOST_LINE + END,
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "h2c upgrade": GET
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "an expectation nobody knows": POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n",
    "noise": b"\x00\x01\x02\x03\r\n\r\n",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=list(MALFORMED))
def test_it_is_refused_closed_and_not_seen_by_the_backend(
    fort: Gateway, counted: Backend, raw: bytes
) -> None:
    before = counted.hits
    reply = send(fort.port, raw)
    assert_our_refusal(reply, 400)
    assert reply.closed
    assert reply.raw.count(b"HTTP/1.1 ") == 1, "one answer, and nothing for what was behind"
    assert counted.hits == before


@pytest.mark.parametrize("line", [b"CONNECT a.localhost:443", b"TRACE /echo", b"get /echo"])
def test_a_method_that_is_not_served_is_405(fort: Gateway, counted: Backend, line: bytes) -> None:
    before = counted.hits
    reply = send(fort.port, line + b" HTTP/1.1\r\n" + HOST_LINE + END)
    assert_our_refusal(reply, 405, "I405UM")
    assert reply.closed
    assert counted.hits == before


def test_head_gets_the_fields_of_a_refusal_and_no_body(fort: Gateway) -> None:
    reply = send(fort.port, b"HEAD /echo HTTP/1.1\r\n" + HOST_LINE + HOST_LINE + END)
    assert (reply.status, reply.body) == (400, b"")
    assert int(reply.headers["content-length"]) > 0


WELL_FORMED = {
    "plain": GET + END,
    "blank lines ahead": b"\r\n\r\n" + GET + END,
    "tab and UTF-8 in a value": GET + "X-A: b\tcä\r\n\r\n".encode(),
    "no blank behind the colon": GET.replace(b"Host: ", b"Host:") + END,
    "HTTP/1.0 with a host": b"GET /echo HTTP/1.0\r\n" + HOST_LINE + END,
    "length": POST + b"Content-Length: 2\r\n\r\nab",
    "length of nothing": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"2\r\nab\r\n00A\r\n0123456789\r\n0\r\n\r\n",
    "chunked in capitals": POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "a trailer, which is dropped": CHUNKED + b"2\r\nab\r\n0\r\nX-Ca-Stage: TEST\r\n\r\n",
    "host with a port": GET.replace(b"localhost\r\n", b"localhost:8080\r\n") + END,
}


@pytest.mark.parametrize("raw", WELL_FORMED.values(), ids=list(WELL_FORMED))
def test_a_well_formed_request_passes(fort: Gateway, counted: Backend, raw: bytes) -> None:
    before = counted.hits
    assert send(fort.port, raw).status == 200
    assert counted.hits == before + 1


def test_a_request_may_come_in_single_bytes(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    with connected(fort.port) as link:
        for byte in CHUNKED + b"2\r\nab\r\n0\r\n\r\n":
            link.sendall(bytes([byte]))
        assert read_reply(link).status == 200
    assert counted.hits == before + 1


def test_requests_sent_ahead_are_answered_in_order(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    last = GET + b"Connection: close\r\n\r\n"
    with connected(fort.port) as link:
        link.sendall((GET + END) * 2 + POST + b"Content-Length: 2\r\n\r\nab" + last)
        raw = b""
        while piece := link.recv(65536):
            raw += piece
    assert raw.count(b"HTTP/1.1 200") == 4
    assert counted.hits == before + 4


def test_a_malformed_request_behind_a_good_one_is_refused(fort: Gateway, counted: Backend) -> None:
    before = counted.hits
    with connected(fort.port) as link:
        link.sendall(GET + END)
        assert read_reply(link).status == 200
        link.sendall(GET + b"X A: b\r\n\r\n")
        assert_our_refusal(read_reply(link), 400, "I400HD")
    assert counted.hits == before + 1


def test_an_early_refusal_leaves_a_call_record(fort: Gateway) -> None:
    import sqlite3
    import time

    reply = send(fort.port, GET + b"Upgrade: websocket\r\n\r\n")
    query = "select status, error_code, refused_by, path from calls where request_id = ?"
    deadline, found = time.monotonic() + PATIENCE_S, None
    while found is None and time.monotonic() < deadline:
        time.sleep(0.1)
        with sqlite3.connect(fort.project.database) as database:
            found = database.execute(query, [reply.headers["x-ca-request-id"]]).fetchone()
    assert found == (400, "I400HD", "Edge", "/echo")
