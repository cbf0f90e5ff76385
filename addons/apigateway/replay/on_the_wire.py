"""A captured request as bytes again, for HTTP/1."""

from apigateway.protocol.wire import Headers, Pairs
from apigateway.reception import MULTIPLEXED, CallerRequest


def request_bytes(request: CallerRequest) -> bytes:
    """The request as its caller sent it: target, fields, their order and spelling.

    One of HTTP/2 becomes one of HTTP/1.1 with a Host. A chunked body is one chunk, since a capture
    does not tell where the others ended.
    """
    version, target, fields = request.http_version, request.target, request.headers.fields
    if version in MULTIPLEXED:
        version = "HTTP/1.1"
        if request.authority and "Host" not in request.headers:
            fields = (("Host", request.authority), *fields)
    elif request.authority:  # the absolute form
        target = f"{request.scheme}://{request.authority}{target}"
    fields, body = _framed(fields, request.body)
    lines = [
        f"{request.method} {target} {version}",
        *(f"{name}: {value}" for name, value in fields),
    ]
    return _bytes("\r\n".join(lines) + "\r\n\r\n") + body


def _framed(fields: Pairs, body: bytes) -> tuple[Pairs, bytes]:
    headers = Headers(fields)
    codings = ",".join(headers.all("Transfer-Encoding")).lower()
    if "chunked" in codings:
        chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        return fields, chunk + b"0\r\n\r\n"
    if body and "Content-Length" not in headers:
        return (*fields, ("Content-Length", str(len(body)))), body
    return fields, body


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
