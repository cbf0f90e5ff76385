"""The requests of a capture, whatever kind it is."""

import re
from collections.abc import Iterator, Sequence
from io import BytesIO

from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader

from apigateway.captures.curl import curl_requests
from apigateway.captures.har import json_requests
from apigateway.captures.http_text import REQUEST_LINE, text_request
from apigateway.captures.sent import CaptureError
from apigateway.proxy.flows import caller_request
from apigateway.signatures.caller import SIGNATURE, SignableRequest


def read_capture(content: bytes) -> Sequence[SignableRequest]:
    """All requests of a capture, told by its content.

    Raises:
        CaptureError: none of these kinds, or broken.
    """
    text = content.decode("utf-8", "surrogateescape").lstrip("\ufeff \t\r\n")
    if not text:
        raise CaptureError("the capture is empty")
    if re.match(r"curl(\s|$)", text):
        return curl_requests(text)
    if text.startswith("{"):
        return list(json_requests(text))
    if REQUEST_LINE.match(text):
        return [text_request(text)]
    try:
        return list(_flow_requests(content))
    except exceptions.FlowReadException:
        problem = (
            "neither a curl line, a HAR (JSON), an HTTP/1.1 request nor mitmproxy flows (.mitm)"
        )
    except Exception as found:  # what looks like a flow and is none: its reader raises anything
        problem = f"mitmproxy flows (.mitm) that are broken: {type(found).__name__} {found}"
    raise CaptureError(problem)


def signed_request(requests: Sequence[SignableRequest], number: int | None) -> SignableRequest:
    """The request of that number (from 1), or the last one that carries a signature.

    Raises:
        CaptureError: there is none.
    """
    if number is not None:
        if not 1 <= number <= len(requests):
            raise CaptureError(f"there is no request {number}, only {len(requests)}")
        return requests[number - 1]
    for request in reversed(requests):
        if SIGNATURE in request.headers:
            return request
    raise CaptureError(f"none of {len(requests)} requests has {SIGNATURE}")


def _flow_requests(content: bytes) -> Iterator[SignableRequest]:
    for flow in FlowReader(BytesIO(content)).stream():
        if isinstance(flow, http.HTTPFlow):
            yield caller_request(flow).signable
