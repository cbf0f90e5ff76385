"""Answers as mitmproxy sends them, and the answer to a call that no stage decided."""

import os
from functools import cache

from mitmproxy import http
from mitmproxy.net.http import status_codes

from apigateway.answers import REQUEST_ID, render_refusal
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle

_NO_ID = b"00000000-0000-4000-8000-000000000000"


def new_request_id() -> str:
    """An upper-case UUID (version 4), as the product's X-Ca-Request-Id."""
    text = os.urandom(16).hex().upper()
    variant = "89AB"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def to_response(answer: Answer) -> http.Response:
    """An answer as mitmproxy sends it. Header text goes out as UTF-8, a backend's as it came."""
    fields = tuple(
        (name.encode("ascii", "replace"), _field_bytes(value)) for name, value in answer.headers
    )
    return http.Response(
        b"HTTP/1.1",
        answer.status,
        answer.reason.encode("latin-1", "replace") or _reason(answer.status),
        fields,
        answer.body,
        None,
        0.0,
        0.0,
    )


def _field_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


_REASONS = {421: "Misdirected Request"} | status_codes.RESPONSES  # mitmproxy 11 lacks some


def _reason(status: int) -> bytes:
    return _REASONS.get(status, "Unknown").encode("ascii")


def denial(fault: Fault, method: str = "GET", request_id: str = "") -> http.Response:
    """The answer to a call that no stage decided."""
    status, reason, fields, body = _denial(fault, method == "HEAD")
    shown = (request_id or new_request_id()).encode("ascii")
    return http.Response(
        b"HTTP/1.1",
        status,
        reason,
        ((REQUEST_ID.encode("ascii"), shown), *fields),
        body.replace(_NO_ID, shown),
        None,
        0.0,
        0.0,
    )


@cache
def _denial(
    fault: Fault, is_head: bool
) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...], bytes]:
    """Its parts, with an id that stands for the call's."""
    refusal = Refusal(fault, retry_after_s=1 if fault is Fault.BUSY else None)
    method = "HEAD" if is_head else "GET"
    answer = render_refusal(refusal, _NO_ID.decode(), ErrorStyle.CODED, method=method)
    made = to_response(answer)
    fields = tuple((name, value) for name, value in made.headers.fields if value != _NO_ID)
    return made.status_code, made.data.reason, fields, made.raw_content or b""
