"""mitmproxy's flows as the values that the gateway reads."""

from functools import lru_cache
from typing import Any

from mitmproxy import http

from apigateway.protocol.wire import Headers, Pairs
from apigateway.reception import CallerRequest

TRAIL = "gateway"
"""In a flow's metadata: what every stage decided of it."""

HAR_FIELD = "_gateway"
"""The same in an entry of a HAR."""

BACKEND_LEG = "gateway_backend_leg"
"""In the metadata of a flow that is not a caller's: the gateway's own request to a backend."""


def fields_of(headers: http.Headers) -> Pairs:
    """Header fields in their order; bytes that are not UTF-8 are surrogate escapes."""
    return tuple([(_name_of(name), text_of(value)) for name, value in headers.fields])


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@lru_cache(maxsize=4096)
def _name_of(raw: bytes) -> str:
    """A field's name; callers send the same ones again and again."""
    return text_of(raw)


def caller_request(flow: http.HTTPFlow) -> CallerRequest:
    """What of a flow the gateway judges."""
    data, client = flow.request.data, flow.client_conn
    peer: tuple[Any, ...] | None = client.peername  # a flow that was imported may have none
    tls = client.tls
    return CallerRequest(
        method=text_of(data.method),
        target=text_of(data.path),
        http_version=text_of(data.http_version),
        authority=flow.request.authority if data.authority else "",
        headers=Headers(fields_of(data.headers)),
        body=data.content or b"",
        scheme="https" if tls else "http",
        sni=(client.sni or "") if tls else "",
        peer=peer[0] if peer else "",
    )
