"""A captured request as bytes again."""

from unit.build import DOMAIN
from unit.replay.calls import a_request

from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.on_the_wire import request_bytes


def test_target_and_fields_are_as_they_were() -> None:
    request = a_request("/a%2/..?b=1&&c=%zz", [("x-ODD", "  1 "), ("X-A", "\udcff"), ("x-a", "2")])
    assert request_bytes(request) == (
        b"GET /a%2/..?b=1&&c=%zz HTTP/1.1\r\nHost: " + DOMAIN.encode() + b"\r\n"
        b"x-ODD:   1 \r\nX-A: \xff\r\nx-a: 2\r\n\r\n"
    )


def test_bodies_are_framed_as_they_were() -> None:
    plain = a_request("/", [("Content-Length", "2")], method="POST", body=b"ab")
    assert request_bytes(plain).endswith(b"Content-Length: 2\r\n\r\nab")
    chunked = a_request("/", [("Transfer-Encoding", "chunked")], method="POST", body=b"ab")
    assert request_bytes(chunked).endswith(b"chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
    empty = a_request("/", [("Transfer-Encoding", "chunked")], method="POST")
    assert request_bytes(empty).endswith(b"chunked\r\n\r\n0\r\n\r\n")
    without = a_request("/", method="POST", body=b"ab")
    assert request_bytes(without).endswith(b"Content-Length: 2\r\n\r\nab")


def test_http2_becomes_http1() -> None:
    request = CallerRequest(
        method="GET",
        target="/a",
        http_version="HTTP/2.0",
        authority="h:1",
        headers=Headers([("x-a", "1")]),
    )
    assert request_bytes(request) == b"GET /a HTTP/1.1\r\nHost: h:1\r\nx-a: 1\r\n\r\n"


def test_the_absolute_form_and_old_versions_stay() -> None:
    request = a_request("/a", authority="h", scheme="http", http_version="HTTP/1.0")
    assert request_bytes(request).startswith(b"GET http://h/a HTTP/1.0\r\n")
