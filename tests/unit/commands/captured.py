"""Captures of the samples, made by hand: what mitmdump -w would have saved."""

import time
from pathlib import Path

from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

HOST = "api.weather.localhost"
KEY, SECRET = "203753385", "MySuperAppSecret-42"


def flow(target: str, *, secret: str | None = SECRET, answer: int | None = None) -> http.HTTPFlow:
    """A GET as it comes in, signed with `secret`, and the answer that the caller got."""
    path, _, query = target.partition("?")
    request = SignableRequest("GET", path, query, Headers([("Host", HOST)]), b"")
    fields = [*request.headers.fields]
    if secret is not None:
        now_ms = time.time_ns() // 1_000_000
        nonce = f"nonce-{time.time_ns()}"
        fields += signing_headers(request, key=KEY, secret=secret, timestamp_ms=now_ms, nonce=nonce)
    made = tflow.tflow()
    made.request.http_version = "HTTP/1.1"
    made.request.method, made.request.path = "GET", target
    made.request.data.authority = b""
    made.request.data.headers = http.Headers(
        [(name.encode(), value.encode()) for name, value in fields]
    )
    made.request.data.content = b""
    made.request.timestamp_start = made.request.timestamp_end = time.time()
    made.response = None
    if answer is not None:
        made.response = http.Response.make(answer, b"{}", {"Content-Type": "application/json"})
    return made


def save(path: Path, *flows: http.HTTPFlow) -> Path:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for one in flows:
            writer.add(one)
    return path
