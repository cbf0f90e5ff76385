"""mitmproxy's flows as the values that the gateway reads."""

from mitmproxy import http
from mitmproxy.test import tflow

from apigateway.proxy.flows import caller_request


def a_flow() -> http.HTTPFlow:
    headers = http.Headers([(b"Host", b"h.test"), (b"X-A", "中".encode()), (b"x-a", b"\xff")])
    request = http.Request.make("PUT", "http://h.test/a%20b?c=%E4%B8%AD", b"\xff\x00", headers)
    return tflow.tflow(req=request)


def test_a_request_is_read_byte_for_byte() -> None:
    flow = a_flow()
    flow.request.data.method = b"pUt"
    request = caller_request(flow)
    assert (request.method, request.target) == ("pUt", "/a%20b?c=%E4%B8%AD")
    assert request.headers.fields[:3] == (("Host", "h.test"), ("X-A", "中"), ("x-a", "\udcff"))
    assert (request.body, request.http_version, request.authority) == (b"\xff\x00", "HTTP/1.1", "")
    assert (request.scheme, request.sni, request.peer) == ("http", "", "127.0.0.1")


def test_over_tls_the_connection_says_the_scheme_and_the_domain() -> None:
    flow = a_flow()
    flow.client_conn.tls, flow.client_conn.sni = True, "h.test"
    flow.request.scheme = "http"  # to the address that the gateway's proxy nominally has
    assert (caller_request(flow).scheme, caller_request(flow).sni) == ("https", "h.test")
    flow.client_conn.sni = None
    assert caller_request(flow).sni == ""


def test_of_http2_the_authority_is_read() -> None:
    flow = a_flow()
    flow.request.http_version, flow.request.authority = "HTTP/2.0", "h.test:8443"
    request = caller_request(flow)
    assert (request.http_version, request.authority) == ("HTTP/2.0", "h.test:8443")


def test_a_compressed_body_stays_as_it_was_sent_and_one_that_is_gone_is_none() -> None:
    flow = a_flow()
    flow.request.headers["Content-Encoding"] = "gzip"
    flow.request.content = b"text"
    assert caller_request(flow).body == flow.request.raw_content != b"text"
    flow.request.raw_content = None
    assert caller_request(flow).body == b""


def test_a_flow_without_a_callers_address_has_none() -> None:
    flow = a_flow()
    flow.client_conn.peername = None  # type: ignore[assignment]
    assert caller_request(flow).peer == ""
