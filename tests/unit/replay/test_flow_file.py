"""Files of mitmproxy's flows, read as calls and written from them."""

import contextlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow
from unit.build import NOW_MS, REQUEST_ID
from unit.replay.calls import (
    a_call,
    a_refusal,
    a_request,
    a_trail,
    an_answer,
    of_the_edge,
    plain,
)

from apigateway.captures.sent import CaptureError
from apigateway.edge.refusals import show_on, verdict_on
from apigateway.errors import Fault, Refusal
from apigateway.model.settings import ErrorStyle
from apigateway.protocol.wire import Headers
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.flow_file import read_flow_file, write_flow_file


def written(*flows: Any) -> bytes:
    file = BytesIO()
    writer = FlowWriter(file)
    for flow in flows:
        writer.add(flow)
    return file.getvalue()


def a_flow(url: str = "http://h.test/a?b=1", **changes: Any) -> http.HTTPFlow:
    """As the gateway's proxy has it."""
    request = http.Request.make("GET", url, b"", http.Headers([(b"Host", b"h.test")]))
    request.timestamp_start, request.timestamp_end = 1700000000.1, 1700000000.1239
    flow = tflow.tflow(req=request, resp=True)
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:http://127.0.0.1:1")
    flow.client_conn.peername = ("192.0.2.7", 4711)
    for name, value in changes.items():
        setattr(flow, name, value)
    return flow


def read(flow: http.HTTPFlow) -> CapturedCall:
    (call,) = read_flow_file(written(flow))
    return call


# --- reading


def test_a_flow_is_the_callers_request_with_its_answer() -> None:
    flow = a_flow(comment="served A: 200", marked=":ok:")
    assert flow.response is not None
    flow.response.headers = http.Headers([(b"X-A", "中".encode()), (b"x-a", b"\xff")])
    flow.response.timestamp_end = 1700000000.6239
    call = read(flow)
    assert (call.request.target, call.request.peer, call.peer_port) == ("/a?b=1", "192.0.2.7", 4711)
    assert call.answer is not None
    assert (call.answer.status, call.answer.reason, call.answer.body) == (200, "OK", b"message")
    assert call.answer.headers == (("X-A", "中"), ("x-a", "\udcff"))
    assert call.answer.elapsed_ms == 500
    assert (call.flow_id, call.comment, call.marker) == (flow.id, "served A: 200", ":ok:")
    assert (call.trail, call.edge, call.lacks) == (None, None, "")


def test_the_time_is_when_the_request_was_whole() -> None:
    assert read(a_flow()).received_ms == 1700000000123
    flow = a_flow()
    flow.request.timestamp_end = None
    assert read(flow).received_ms == 1700000000100


def test_a_time_that_the_trail_has_is_the_gateways_own() -> None:
    flow = a_flow(metadata={TRAIL: a_trail()})
    call = read(flow)
    assert call.received_ms == NOW_MS + 7
    assert call.trail == a_trail()
    assert read(a_flow(metadata={TRAIL: "text"})).trail is None


def test_a_call_over_tls_has_its_domain_and_protocol() -> None:
    flow = a_flow()
    flow.client_conn.tls, flow.client_conn.sni, flow.client_conn.alpn = True, "h.test", b"h2"
    call = read(flow)
    assert (call.request.scheme, call.request.sni, call.alpn) == ("https", "h.test", "h2")


def test_what_the_edge_refused_is_told() -> None:
    flow = a_flow(response=None)
    refusal = Refusal(Fault.INVALID_HEADER, "two", name="Host", reason="is repeated")
    show_on(flow, verdict_on(refusal, ErrorStyle.CODED))
    call = read(flow)
    assert call.edge is not None
    assert (call.edge.fault, call.edge.detail) == (Fault.INVALID_HEADER, "two")
    assert call.edge.parts == {"name": "Host", "reason": "is repeated"}
    assert call.refused_by == "Edge"


def test_a_call_that_was_broken_off_lacks_its_body_and_its_answer() -> None:
    flow = a_flow(response=None, error=tflow.terr("the client is gone"))
    assert (read(flow).answer, read(flow).lacks) == (None, "")
    flow.request.raw_content = None
    assert (read(flow).answer, read(flow).lacks) == (None, "the client is gone")
    assert read(a_flow(request=flow.request)).lacks == "its body is not in the capture"


def test_other_flows_are_left_out() -> None:
    backend = a_flow(metadata={BACKEND_LEG: True})
    content = written(tflow.ttcpflow(), backend, a_flow(), tflow.tdnsflow())
    assert len(read_flow_file(content)) == 1


def test_a_call_through_a_forward_proxy_is_as_the_gateway_would_have_got_it() -> None:
    flow = a_flow()
    flow.client_conn.proxy_mode = ProxyMode.parse("regular")
    flow.request.authority = "h.test:80"
    request = read(flow).request
    assert (request.authority, request.headers.all("Host")) == ("", ["h.test"])
    del flow.request.headers["Host"]
    assert read(flow).request.headers.first("Host") == "h.test:80"
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:http://127.0.0.1:1")
    assert read(flow).request.authority == "h.test:80"


def test_a_proxy_in_front_of_an_https_server_may_be_called_over_http() -> None:
    request = read(a_flow("https://h.test/a")).request
    assert (request.scheme, request.sni) == ("https", "h.test")


def test_an_address_that_stands_for_none_is_none() -> None:
    flow = a_flow()
    flow.client_conn.peername = ("0.0.0.0", 0)
    assert (read(flow).request.peer, read(flow).peer_port) == ("", 0)


@pytest.mark.parametrize("content", [b"0:}", b"7:4:type;0:}", b"5:hello;", b"3:abc", b"9:"])
def test_what_is_no_flow_file_is_said(content: bytes) -> None:
    with pytest.raises(CaptureError, match=r"mitmproxy flows \(\.mitm\)"):
        read_flow_file(content)


def test_of_a_file_that_is_cut_off_the_rest_can_be_kept() -> None:
    whole = written(a_flow(), a_flow())
    with pytest.raises(CaptureError, match="cut off or broken behind flow 1: `mitmdump"):
        read_flow_file(whole[:-10])


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 4000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_raises_nothing_but_a_capture_error(at: int, byte: int, cut: bool) -> None:
    content = bytearray(written(a_flow(metadata={"apigateway_edge": {"fault": "INVALID_HEADER"}})))
    at %= len(content)
    content[at:] = b"" if cut else bytes([byte]) + content[at + 1 :]
    with contextlib.suppress(CaptureError):
        read_flow_file(bytes(content))


# --- writing

text = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=8)
raw = st.binary(max_size=8).map(lambda found: found.decode("utf-8", "surrogateescape"))
fields = st.lists(st.tuples(st.sampled_from(["X-A", "x-a", "Host"]), raw), max_size=3).map(tuple)
requests = st.builds(
    CallerRequest,
    method=st.sampled_from(["GET", "pUT"]),
    target=raw.map("/".__add__),
    http_version=st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]),
    authority=st.sampled_from(["", "h.test:81"]),
    headers=fields.map(Headers),
    body=st.binary(max_size=8),
    scheme=st.just("https"),
    sni=st.sampled_from(["", "h.test"]),
    peer=st.sampled_from(["192.0.2.7", "2001:db8::1"]),
)
answers = st.builds(
    an_answer, status=st.sampled_from([200, 404]), fields=fields, body=st.binary(max_size=8)
)
whole_calls = st.builds(
    CapturedCall,
    request=requests,
    received_ms=st.integers(1, 2**42),
    answer=st.none() | answers,
    trail=st.none() | text.map(lambda text: {"verdict": {"detail": text, "n": [1, None, 0.5]}}),
    edge=st.none() | st.builds(of_the_edge, name=text),
    flow_id=st.just("an-id"),
    comment=text,
    marker=st.sampled_from(["", ":ok:"]),
    peer_port=st.integers(1, 65535),
    alpn=st.sampled_from(["", "h2"]),
)


@settings(deadline=None, max_examples=80)
@given(st.lists(whole_calls, min_size=1, max_size=3))
@example([a_call(a_request(peer=""), flow_id="1")])
@example([a_call(received_ms=None, flow_id="2")])
@example([a_call(received_ms=1001, flow_id="4"), a_call(received_ms=4309188923796, flow_id="5")])
@example([a_call(answer=None, lacks="the client is gone", flow_id="3")])
def test_what_is_written_reads_back_to_the_same_calls(calls: list[CapturedCall]) -> None:
    assert [plain(call) for call in read_flow_file(write_flow_file(calls))] == [
        plain(call) for call in calls
    ]


def test_what_is_written_is_a_flow_that_mitmproxy_shows() -> None:
    call = a_call(
        a_request("/a", scheme="https", sni="h.test"),
        answer=a_refusal(404, "I404NF", "no"),
        edge=of_the_edge(),
        comment="refused by Edge: x",
        marker=":no_entry:",
    )
    (flow,) = FlowReader(BytesIO(write_flow_file([call]))).stream()
    assert isinstance(flow, http.HTTPFlow)
    assert flow.request.pretty_url == "https://api.example.test/a"
    assert flow.client_conn.tls_established
    assert flow.response is not None
    assert flow.response.headers["X-Ca-Request-Id"] == REQUEST_ID
    assert (flow.comment, flow.marked) == ("refused by Edge: x", ":no_entry:")
    assert flow.id
