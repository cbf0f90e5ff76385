"""The edge's rules, asked of a request that is known as values."""

import pytest
from unit.build import DOMAIN, refusal_of
from unit.replay.calls import a_request

from apigateway.errors import Fault
from apigateway.model.settings import StandingLimits
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.edge import refuse_at_the_edge

LIMITS = StandingLimits(head_bytes=200, body_bytes=10)


def http2(*fields: tuple[str, str], **changes: object) -> CallerRequest:
    known = {"method": "GET", "target": "/", "http_version": "HTTP/2.0", "authority": DOMAIN}
    return CallerRequest(headers=Headers(fields), **{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_",
    [
        a_request("/a%20b?c=1", [("X-A", "中"), ("X-B", "\udcff"), ("X-C", "")]),
        a_request(method="POST", body=b"0123456789"),
        a_request(method="POST", body=b"x", fields=[("Transfer-Encoding", "chunked")]),
        http2(("x-a", "1")),
        http2(("host", DOMAIN)),
        http2(("host", DOMAIN), authority=""),
    ],
)
def test_what_is_in_order_passes(request_: CallerRequest) -> None:
    refuse_at_the_edge(request_, LIMITS)


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (a_request(method="get"), Fault.UNSUPPORTED_METHOD),
        (a_request(method="TRACE"), Fault.UNSUPPORTED_METHOD),
        (a_request(method="G ET"), Fault.INVALID_REQUEST),
        (a_request("a"), Fault.INVALID_URI),
        (a_request("/#b"), Fault.INVALID_URI),
        (a_request(authority="a.test"), Fault.INVALID_URI),
        (a_request("/", [("A b", "1")]), Fault.INVALID_REQUEST),
        (a_request("/", [("A", "1\0")]), Fault.INVALID_REQUEST),
        (a_request("/", [("A", "1\r\nB: 2")]), Fault.INVALID_REQUEST),
        (a_request("/", [("A", "1\nB: 2")]), Fault.INVALID_REQUEST),
        (a_request("/", [("Host", "b.test")]), Fault.INVALID_HEADER),
        (a_request("/", [("Expect", "more")]), Fault.INVALID_HEADER),
        (a_request("/", [("Content-Length", "11")]), Fault.BODY_TOO_LARGE),
        (a_request(body=b"0" * 11), Fault.BODY_TOO_LARGE),
        (a_request("/", [("A", "1" * 200)]), Fault.HEAD_TOO_LARGE),
        (a_request("/" + "a" * 200), Fault.URL_TOO_LARGE),
        (CallerRequest(method="GET", target="/", headers=Headers([])), Fault.HEADER_REQUIRED),
        (http2(("X-A", "1")), Fault.INVALID_REQUEST),
        (http2(("connection", "close")), Fault.INVALID_REQUEST),
        (http2(("host", "b.test")), Fault.INVALID_HEADER),
        (http2(("content-length", "1")), Fault.INVALID_HEADER),
        (http2(("content-length", "11"), body=b"0" * 11), Fault.BODY_TOO_LARGE),
        (http2(authority=""), Fault.HEADER_REQUIRED),
        (http2(target="/" + "a" * 200), Fault.URL_TOO_LARGE),
    ],
)
def test_what_a_connection_would_be_refused_for_is_refused(
    request_: CallerRequest, fault: Fault
) -> None:
    refusal_of(lambda: refuse_at_the_edge(request_, LIMITS), fault)
