"""The text of an HTTP/1.1 request, captured or written by hand."""

import re

from apigateway.captures.sent import NO_HOST, CaptureError, signable, to_bytes
from apigateway.protocol.wire import Headers, is_token
from apigateway.signatures.caller import SignableRequest

REQUEST_LINE = re.compile(r"\S+ \S+ HTTP/1\.[01]\r?(?:\n|$)")


def text_request(text: str) -> SignableRequest:
    """An HTTP/1.1 request, its lines ended by CR LF or LF. What stands behind the body is dropped
    where Content-Length tells: editors end a file with a line feed.

    Raises:
        CaptureError: a line that is no field, a body in chunks, or a URL that is none.
    """
    head, *rest = re.split(r"\r?\n\r?\n", text, maxsplit=1)
    request_line, *lines = re.split(r"\r?\n", head)
    method, target, _ = request_line.split(" ")
    fields = []
    for number, line in enumerate((line for line in lines if line), 2):
        name, colon, value = line.partition(":")
        if not colon or not is_token(name):
            raise CaptureError(f"line {number} of the request is no header field: {line[:60]!a}")
        fields.append((name, value.strip(" \t")))
    body = to_bytes("".join(rest))
    length = Headers(fields).first("Content-Length") or ""
    if "chunked" in (Headers(fields).first("Transfer-Encoding") or "").lower():
        raise CaptureError("the body is in chunks: write it whole, with a Content-Length instead")
    if length.isascii() and length.isdecimal() and len(length) < 10:
        body = body[: int(length)]
    return signable(method, target if "://" in target else NO_HOST + target, fields, body)
