"""Refusals before any add-on, and mitmproxy's own, in the gateway's words.

What mitmproxy refuses before any add-on sees it, it answers with an HTML page. A caller of the
gateway must not meet a second error format, so the one function that makes these pages for
HTTP/1 is replaced by ours (HTTP/2 has a class of its own, `http2.py`). Where a mitmproxy has no
such function, its pages stay and a line in the log says so.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.net.http.status_codes import RESPONSES
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._events import RequestHeaders, RequestProtocolError

from apigateway.answers import message_of, render_refusal
from apigateway.errors import Fault, Refusal
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.responses import new_request_id, to_response

logger = logging.getLogger(__name__)

_FACTORY = "make_error_response"
_NOTE = "apigateway_edge"
_NO_ANSWER = (444, 499)  # mitmproxy 11: close without an answer; the client is gone


@dataclass(frozen=True, slots=True)
class Verdict:
    """A refusal as it went out: what the call record and mitmweb show of it."""

    refusal: Refusal
    request_id: str
    response: http.Response
    comment: str

    def wire(self) -> bytes:
        """The whole HTTP/1.1 answer, which is the last of its connection."""
        self.response.headers["Connection"] = "close"
        assembled: bytes = http1.assemble_response(self.response)
        return assembled


def verdict_on(refusal: Refusal, style: ErrorStyle, method: str = "GET") -> Verdict:
    request_id = new_request_id()
    answer = render_refusal(refusal, request_id, style, method=method)
    code, text = refusal.fault.value.code, message_of(refusal, style)
    return Verdict(
        refusal, request_id, to_response(answer), f"refused by Edge: {code} {text}"[:240]
    )


class RefusedHeaders(RequestHeaders):
    """A request whose head was refused; the answer has been sent."""

    def __init__(self, stream_id: int, request: http.Request, verdict: Verdict) -> None:
        super().__init__(stream_id, request, True)
        self.verdict = verdict


class RefusedBody(RequestProtocolError):
    """A request that was refused while its body came in; the answer has been sent."""

    def __init__(self, stream_id: int, verdict: Verdict) -> None:
        super().__init__(stream_id, verdict.comment, RequestProtocolError.code)
        self.verdict = verdict


def show_on(flow: http.HTTPFlow, verdict: Verdict) -> None:
    """Put a verdict on its flow, for mitmweb and for the call record."""
    flow.response = verdict.response
    flow.comment, flow.marked = verdict.comment, ":no_entry:"
    keep_note(flow, verdict.request_id, verdict.refusal)


def keep_note(flow: http.HTTPFlow, request_id: str, refusal: Refusal) -> None:
    """What `refused_at_the_edge` reads; it is saved with the flow."""
    flow.metadata[_NOTE] = {
        "fault": refusal.fault.name,
        "detail": refusal.detail,
        "parts": dict(refusal.parts),
        "request_id": request_id,
    }


def refused_at_the_edge(flow: http.HTTPFlow) -> tuple[str, Refusal] | None:
    """The request id and the refusal of a flow that the edge refused."""
    note = flow.metadata.get(_NOTE)
    if note is None:
        return None
    return note["request_id"], Refusal(Fault[note["fault"]], note["detail"], **note["parts"])


def refusal_for(status: int, message: str) -> Refusal:
    """The fault behind a refusal of mitmproxy's, by its status and text."""
    if "CONNECT" in message:
        return Refusal(Fault.UNSUPPORTED_CONNECT, message)
    if status == 413:
        return Refusal(Fault.BODY_TOO_LARGE, message)
    if status >= 500:
        return Refusal(Fault.BUSY, message, retry_after_s=1)
    return Refusal(Fault.INVALID_REQUEST, message)


def status_of_code(code: Any) -> int | None:
    """The status that a protocol error of mitmproxy's stands for; None to close without one.
    mitmproxy 12 has an enumeration, 11 plain numbers."""
    if hasattr(code, "http_status_code"):
        status: int | None = code.http_status_code()
        return status
    return code if code in RESPONSES and code not in _NO_ANSWER else None


def speak_our_format(style: Callable[[], ErrorStyle]) -> None:
    """Replace mitmproxy's error pages for the whole process; the last style given holds."""
    module: Any = _http1
    if not hasattr(module, _FACTORY):
        logger.warning("this mitmproxy's own error pages cannot be replaced")
        return

    def error_response(status_code: int, message: str = "") -> bytes:
        return verdict_on(refusal_for(status_code, message), style()).wire()

    setattr(module, _FACTORY, error_response)
