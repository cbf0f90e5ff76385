"""Captures read as calls: mitmproxy's flows and HARs with their answers, curl lines and the text of
a request without."""

import re
from collections.abc import Iterable

from apigateway.captures.reading import read_capture
from apigateway.replay.call import CapturedCall
from apigateway.replay.flow_file import read_flow_file, write_flow_file
from apigateway.replay.har import read_har
from apigateway.replay.sent import request_of_url

__all__ = ["CapturedCall", "read_calls", "write_calls"]

_FLOWS = re.compile(rb"\d{1,12}:")
_HAR = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def read_calls(content: bytes) -> list[CapturedCall]:
    """All calls of a capture in its order, told by its content.

    Raises:
        CaptureError: none of these kinds, or broken.
    """
    if _FLOWS.match(content):
        return read_flow_file(content)
    if _HAR.match(content):
        return read_har(content)
    return [CapturedCall(request=request_of_url(sent)) for sent in read_capture(content)]


def write_calls(calls: Iterable[CapturedCall]) -> bytes:
    """A file as `mitmdump -w` writes it; `read_calls` reads it back to the same calls."""
    return write_flow_file(calls)
