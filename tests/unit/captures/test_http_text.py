"""The text of a request, read as the request that went over the wire."""

import pytest
from unit.captures.captured import problem

from apigateway.captures.reading import read_capture


def test_the_text_of_a_request_is_read_byte_for_byte() -> None:
    text = (
        b"PUT /v3/a%20b?q=+&r HTTP/1.1\r\nHost: h.test\r\nX-A:  a b \r\nx-empty:\r\n"
        b"X-Note: \xe4\xb8\xad\xff\r\n\r\n\xff\r\n\r\nbody\n"
    )
    (request,) = read_capture(text)
    assert (request.method, request.path, request.query) == ("PUT", "/v3/a%20b", "q=+&r")
    assert request.headers.fields == (
        ("Host", "h.test"),
        ("X-A", "a b"),
        ("x-empty", ""),
        ("X-Note", "中\udcff"),
    )
    assert request.body == b"\xff\r\n\r\nbody\n"


def test_a_text_that_was_written_by_hand_may_have_line_feeds_only() -> None:
    (request,) = read_capture(b"\nPOST / HTTP/1.0\nContent-Length: 2\n\n{}\n")
    assert (request.method, request.body) == ("POST", b"{}")
    (request,) = read_capture(b"GET /a HTTP/1.1")
    assert (request.path, request.headers.fields, request.body) == ("/a", (), b"")
    (request,) = read_capture(b"GET /a HTTP/1.1\nA: 1\n")
    assert request.headers.fields == (("A", "1"),)


@pytest.mark.parametrize("length", ["3", "x", "-1", "1" * 5000])
def test_a_length_that_is_not_that_of_the_body_leaves_it(length: str) -> None:
    text = f"POST / HTTP/1.1\nContent-Length: {length}\n\n{{}}"
    assert read_capture(text.encode())[0].body == b"{}"


def test_a_text_to_a_whole_address_is_read() -> None:
    (request,) = read_capture(b"GET http://h.test:80/a?b HTTP/1.1\n\n")
    assert (request.path, request.query) == ("/a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"GET / HTTP/1.1\nA: 1\nno field\n", "line 3 of the request is no header field"),
        (b"GET / HTTP/1.1\nA b: 1\n", "line 2 of the request is no header field"),
        (b"GET http://[ HTTP/1.1\n", "'http://[' cannot have been sent"),
        (
            b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n",
            "the body is in chunks: write it whole, with a Content-Length instead",
        ),
    ],
)
def test_a_text_that_cannot_be_read_is_said(text: bytes, message: str) -> None:
    assert problem(text).startswith(message)
