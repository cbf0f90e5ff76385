"""mitmproxy's flows as the values that the gateway reads."""

from typing import Any

from mitmproxy import http

from apigateway.reception import CallerRequest
from apigateway.wire import Headers, Pairs

TRAIL = "gateway"
"""In a flow's metadata: what every stage decided of it."""

BACKEND_LEG = "gateway_backend_leg"
"""In the metadata of a flow that is not a caller's: the gateway's own request to a backend."""


def fields_of(headers: http.Headers) -> Pairs:
    """Header fields in their order; bytes that are not UTF-8 are surrogate escapes."""
    return tuple((text_of(name), text_of(value)) for name, value in headers.fields)


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def caller_request(flow: http.HTTPFlow) -> CallerRequest:
    """What of a flow the gateway judges."""
    request, client = flow.request, flow.client_conn
    peer: tuple[Any, ...] | None = client.peername  # a flow that was imported may have none
    return CallerRequest(
        method=text_of(request.data.method),
        target=text_of(request.data.path),
        http_version=request.http_version,
        authority=request.authority,
        headers=Headers(fields_of(request.headers)),
        body=request.raw_content or b"",
        scheme="https" if client.tls else "http",
        sni=(client.sni or "") if client.tls else "",
        peer=peer[0] if peer else "",
    )
