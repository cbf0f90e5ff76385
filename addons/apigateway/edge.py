"""mitmproxy's own refusals, in the gateway's words.

What mitmproxy refuses before any add-on sees it (a malformed request, CONNECT to a reverse
proxy) it answers with an HTML page of its own. A caller of the gateway must not meet a second
error format, so the one function that makes these pages for HTTP/1 is replaced by ours. Where a
mitmproxy has no such function, its pages stay and a line in the log says so.
"""

import logging
from typing import Any

from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1

from apigateway.answers import render_refusal
from apigateway.errors import Fault, Refusal
from apigateway.guard import new_request_id, to_response
from apigateway.model.settings import ErrorStyle

logger = logging.getLogger(__name__)

_FACTORY = "make_error_response"


def refusal_for(status: int, message: str) -> Refusal:
    """The fault behind a refusal of mitmproxy's, by its status and text."""
    if "CONNECT" in message:
        return Refusal(Fault.UNSUPPORTED_CONNECT, message)
    if status == 413:
        return Refusal(Fault.BODY_TOO_LARGE, message)
    if status >= 500:
        return Refusal(Fault.BUSY, message, retry_after_s=1)
    return Refusal(Fault.INVALID_REQUEST, message)


def error_response(status_code: int, message: str = "") -> bytes:
    """The whole HTTP/1.1 answer as bytes; the connection is closed after it."""
    refusal = refusal_for(status_code, message)
    response = to_response(render_refusal(refusal, new_request_id(), ErrorStyle.CODED))
    response.headers["Connection"] = "close"
    assembled: bytes = http1.assemble_response(response)
    return assembled


def speak_our_format() -> None:
    """Replace mitmproxy's error pages for the whole process; twice is once."""
    module: Any = _http1
    if not hasattr(module, _FACTORY):
        logger.warning("this mitmproxy's own error pages cannot be replaced")
        return
    setattr(module, _FACTORY, error_response)
