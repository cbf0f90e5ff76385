"""Captures of any kind: told by their content, and never more than an error of their own."""

import contextlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from unit.captures.captured import fields, problem

from apigateway.captures.reading import read_capture, signed_request
from apigateway.captures.sent import CaptureError
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest

# --- mitmproxy


def written(*flows: Any) -> bytes:
    file = BytesIO()
    writer = FlowWriter(file)
    for flow in flows:
        writer.add(flow)
    return file.getvalue()


def a_flow(**changes: Any) -> http.HTTPFlow:
    request = http.Request.make(
        "PUT",
        "http://h.test/a%20b?c=%E4%B8%AD",
        b"\xff\x00",
        http.Headers([(b"Host", b"h.test"), (b"X-Ca-Note", "中".encode()), (b"X-A", b"\xff")]),
    )
    flow = tflow.tflow(req=request)
    for name, value in changes.items():
        setattr(flow.request, name, value)
    return flow


def test_flows_that_mitmproxy_wrote_are_read_byte_for_byte() -> None:
    (request,) = read_capture(written(a_flow()))
    assert (request.method, request.path, request.query) == ("PUT", "/a%20b", "c=%E4%B8%AD")
    assert fields(request)["X-Ca-Note"] == "中"
    assert fields(request)["X-A"].encode("utf-8", "surrogateescape") == b"\xff"
    assert request.body == b"\xff\x00"


def test_flows_that_are_not_http_are_left_out() -> None:
    content = written(tflow.ttcpflow(), a_flow(), tflow.tdnsflow())
    assert [request.method for request in read_capture(content)] == ["PUT"]


def test_a_compressed_body_stays_as_it_was_sent() -> None:
    flow = a_flow()
    flow.request.headers["Content-Encoding"] = "gzip"
    flow.request.content = b"text"
    assert read_capture(written(flow))[0].body == flow.request.raw_content != b"text"


# --- anything


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_capture_is_said(content: bytes) -> None:
    assert problem(content) == "the capture is empty"


@pytest.mark.parametrize("content", [b"GET / HTTP/2\r\n", b"<html>", b"\x00", b"curling", b"[]"])
def test_what_is_none_of_these_is_said(content: bytes) -> None:
    assert problem(content) == (
        "neither a curl line, a HAR (JSON), an HTTP/1.1 request nor mitmproxy flows (.mitm)"
    )


@pytest.mark.parametrize("content", [b"0:}", b"7:4:type;0:}", b"5:hello;", b"0:]", b"0:~"])
def test_flows_that_are_broken_are_said(content: bytes) -> None:
    assert "mitmproxy flows (.mitm)" in problem(content)


def pieces() -> Iterator[bytes]:
    yield from (b"curl ", b"'", b'"', b"\\", b"$'", b"\n", b" -H ", b"-d", b"@", b"http://", b"[")
    yield from (b"{", b'"log":', b'"entries":', b"[]", b"}", b":", b",", b"0:}", b"3:abc;", b"\xff")
    yield from (b"\\u", b"\\ud83d", b"\\x", b"--data-urlencode ", b"--json ", b"&", b"|", b"\0")


anything = st.one_of(
    st.binary(max_size=60),
    st.lists(st.one_of(st.sampled_from(list(pieces())), st.binary(max_size=4)), max_size=12).map(
        b"".join
    ),
)


@settings(deadline=None, max_examples=300)
@given(
    start=st.sampled_from(
        [b"", b"curl ", b"curl http://h.test/ ", b"{", b"GET /", b"GET / HTTP/1.1\n"]
    ),
    rest=anything,
)
def test_no_bytes_raise_anything_but_a_capture_error(start: bytes, rest: bytes) -> None:
    try:
        found = read_capture(start + rest)
    except CaptureError:
        return
    for request in found:
        texts = (request.method, request.path, request.query, *fields(request).values())
        assert all(isinstance(text.encode("utf-8", "surrogateescape"), bytes) for text in texts)


@settings(deadline=None, max_examples=100)
@given(at=st.integers(0, 2000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_flow_file_raises_nothing_but_a_capture_error(
    at: int, byte: int, cut: bool
) -> None:
    content = bytearray(written(a_flow(), a_flow()))
    at %= len(content)
    content[at:] = b"" if cut else bytes([byte]) + content[at + 1 :]
    with contextlib.suppress(CaptureError):
        read_capture(bytes(content))


# --- which one


def request_of(path: str, *names: str) -> SignableRequest:
    return SignableRequest("GET", path, "", Headers((name, "x") for name in names))


def test_the_last_signed_request_is_the_one_meant() -> None:
    found = [
        request_of("/1", "x-ca-signature"),
        request_of("/2", "X-Ca-Signature"),
        request_of("/3"),
    ]
    assert signed_request(found, None).path == "/2"
    assert signed_request(found, 3).path == "/3"
    assert signed_request(found, 1).path == "/1"


@pytest.mark.parametrize("number", [0, -1, 2])
def test_a_number_that_is_not_there_is_said(number: int) -> None:
    with pytest.raises(CaptureError, match=f"^there is no request {number}, only 1$"):
        signed_request([request_of("/1")], number)


def test_a_capture_without_a_signature_is_said() -> None:
    with pytest.raises(CaptureError, match=r"^none of 2 requests has X-Ca-Signature$"):
        signed_request([request_of("/1"), request_of("/2")], None)
