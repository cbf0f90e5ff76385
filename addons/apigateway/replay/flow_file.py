"""mitmproxy's own files of flows (`mitmdump -w`), read as calls and written from them."""

import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

from mitmproxy import connection, exceptions, flow, http
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.proxy.mode_specs import ProxyMode

from apigateway.captures.sent import CaptureError
from apigateway.edge.refusals import keep_note, refused_at_the_edge
from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers, Pairs
from apigateway.proxy.flows import BACKEND_LEG, TRAIL, caller_request, fields_of
from apigateway.reception import MULTIPLEXED, CallerRequest
from apigateway.replay.call import CapturedCall, EdgeRefusal
from apigateway.replay.sent import server_name

NOBODY = "0.0.0.0"
"""The caller's address of a flow whose capture tells none."""

_DEAD_TARGET = ("127.0.0.1", 1)
_MODE = "reverse:http://127.0.0.1:1"


def read_flow_file(content: bytes) -> list[CapturedCall]:
    """The callers' requests of a file, in its order.

    Raises:
        CaptureError: it is none, or broken.
    """
    calls, flows = [], 0
    try:
        for found in FlowReader(BytesIO(content)).stream():
            flows += 1
            if isinstance(found, http.HTTPFlow) and BACKEND_LEG not in found.metadata:
                calls.append(call_of(found))
        return calls
    except exceptions.FlowReadException as problem:
        if flows:
            raise CaptureError(
                f"mitmproxy flows (.mitm) that are cut off or broken behind flow {flows}: "
                "`mitmdump -q -n -r CAPTURE -w WHOLE` keeps what is before"
            ) from None
        raise CaptureError(f"no mitmproxy flows (.mitm): {problem}") from None
    except Exception as problem:  # what looks like a flow and is none: its reader raises anything
        what = f"{type(problem).__name__} {problem}"
        raise CaptureError(f"mitmproxy flows (.mitm) that are broken: {what}") from None


def call_of(found: http.HTTPFlow) -> CapturedCall:
    """A flow of a caller's as a call."""
    trail = found.metadata.get(TRAIL)
    at_the_edge = refused_at_the_edge(found)
    lacks = ""
    if found.request.raw_content is None:
        lacks = found.error.msg if found.error else "its body is not in the capture"
    request = _request_of(found)
    return CapturedCall(
        request=request,
        received_ms=_received_ms(found.request, trail),
        answer=_answer_of(found),
        trail=trail if isinstance(trail, Mapping) else None,
        edge=None if at_the_edge is None else _edge_of(at_the_edge[1]),
        lacks=lacks,
        flow_id=found.id,
        comment=found.comment,
        marker=found.marked,
        peer_port=found.client_conn.peername[1] if request.peer else 0,
        alpn=(found.client_conn.alpn or b"").decode("latin-1"),
    )


def _request_of(found: http.HTTPFlow) -> CallerRequest:
    """As the gateway would get it: a caller of a forward proxy names the host in the request line,
    and a proxy in front of an HTTPS server may itself be called over HTTP."""
    request = caller_request(found)
    if request.peer == NOBODY:
        request = replace(request, peer="")
    is_old = request.http_version not in MULTIPLEXED
    if is_old and request.authority and found.client_conn.proxy_mode.type_name != "reverse":
        fields = request.headers.fields
        if "Host" not in request.headers:
            fields = (("Host", request.authority), *fields)
        request = replace(request, authority="", headers=Headers(fields))
    if request.scheme == "http" and found.request.scheme == "https":
        sni = server_name(found.request.pretty_host)
        request = replace(request, scheme="https", sni=sni)
    return request


def _received_ms(request: http.Request, trail: object) -> int | None:
    """When the request was whole; to the millisecond as the gateway had it where that was kept."""
    if isinstance(trail, Mapping) and isinstance(kept := trail.get("received_ms"), int):
        return kept
    moment_s = request.timestamp_end or request.timestamp_start
    # half a microsecond against the error of a float of this size
    return math.floor(moment_s * 1000 + 0.0005) if moment_s else None


def _answer_of(found: http.HTTPFlow) -> Answer | None:
    response = found.response
    if response is None:
        return None
    began_s = found.request.timestamp_end or found.request.timestamp_start or 0.0
    ended_s = response.timestamp_end or response.timestamp_start or began_s
    return Answer(
        status=response.status_code,
        reason=response.data.reason.decode("latin-1"),
        headers=fields_of(response.headers),
        body=response.raw_content or b"",
        elapsed_ms=round((ended_s - began_s) * 1000, 3),
    )


def _edge_of(refusal: Any) -> EdgeRefusal:
    return EdgeRefusal(fault=refusal.fault, detail=refusal.detail, parts=refusal.parts)


# --- writing


def write_flow_file(calls: Iterable[CapturedCall]) -> bytes:
    """The calls as a file that mitmweb opens and `read_flow_file` reads back to them."""
    file = BytesIO()
    writer = FlowWriter(file)
    for call in calls:
        writer.add(_flow_of(call))
    return file.getvalue()


def _flow_of(call: CapturedCall) -> http.HTTPFlow:
    received_s = (call.received_ms or 0) / 1000
    client, server = _client_of(call, received_s), connection.Server(address=_DEAD_TARGET)
    written = http.HTTPFlow(client, server)
    written.id = call.flow_id or str(uuid.uuid4())
    for one in (client, server):  # a call that is written twice is the same bytes twice
        one.id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{type(one).__name__} of {written.id}"))
    written.timestamp_created = received_s
    written.request = _request_of_call(call, received_s)
    if call.lacks:
        written.error = flow.Error(call.lacks, received_s)
    if call.answer is not None:
        written.response = _response_of(call.answer, received_s)
    if call.trail is not None:
        written.metadata[TRAIL] = dict(call.trail)
    if call.edge is not None:
        keep_note(written, call.request_id, call.edge.again())
    written.comment, written.marked = call.comment, call.marker
    return written


def _client_of(call: CapturedCall, received_s: float) -> connection.Client:
    is_tls = call.request.scheme == "https"
    client = connection.Client(
        peername=(call.request.peer or NOBODY, call.peer_port),
        sockname=(NOBODY, 0),
        timestamp_start=received_s,
        proxy_mode=ProxyMode.parse(_MODE),
        tls=is_tls,
        alpn=call.alpn.encode("latin-1") or None,
    )
    if is_tls:
        client.sni = call.request.sni or None
        client.timestamp_tls_setup = received_s
    return client


def _request_of_call(call: CapturedCall, received_s: float) -> http.Request:
    request = call.request
    host, port = _DEAD_TARGET
    return http.Request(
        host=host,
        port=port,
        method=_bytes(request.method),
        scheme=request.scheme.encode("ascii"),
        authority=_bytes(request.authority),
        path=_bytes(request.target),
        http_version=_bytes(request.http_version),
        headers=http.Headers(_raw(request.headers.fields)),
        content=None if call.lacks else request.body,
        trailers=None,
        timestamp_start=received_s,
        timestamp_end=received_s,
    )


def _response_of(answer: Answer, received_s: float) -> http.Response:
    ended_s = received_s + answer.elapsed_ms / 1000
    return http.Response(
        http_version=b"HTTP/1.1",
        status_code=answer.status,
        reason=answer.reason.encode("latin-1", "replace"),
        headers=http.Headers(_raw(answer.headers)),
        content=answer.body,
        trailers=None,
        timestamp_start=ended_s,
        timestamp_end=ended_s,
    )


def _raw(fields: Pairs) -> Iterator[tuple[bytes, bytes]]:
    return ((_bytes(name), _bytes(value)) for name, value in fields)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
