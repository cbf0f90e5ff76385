"""The edge's rules, asked of a request that is known as values: the same functions that read a
connection's bytes."""

from apigateway.edge.fields import check_http2_request, invalid, malformed
from apigateway.edge.head import END, read_head, too_large
from apigateway.errors import Fault, Refusal
from apigateway.model.settings import StandingLimits
from apigateway.reception import MULTIPLEXED, CallerRequest


def refuse_at_the_edge(request: CallerRequest, limits: StandingLimits) -> None:
    """
    Raises:
        Refusal: what a connection would have been refused for before any stage.
    """
    if request.http_version in MULTIPLEXED:
        length = _read_http2(request, limits.head_bytes)
    else:
        length = _read_http1(request, limits.head_bytes)
    if length is not None and length > limits.body_bytes:
        raise Refusal(Fault.BODY_TOO_LARGE, f"{length} of {limits.body_bytes} bytes")
    if len(request.body) > limits.body_bytes:
        raise Refusal(Fault.BODY_TOO_LARGE, f"more than {limits.body_bytes} bytes")


def _read_http1(request: CallerRequest, most_bytes: int) -> int | None:
    target = request.target
    if request.authority:  # the absolute form
        target = f"{request.scheme}://{request.authority}{target}"
    lines = [f"{request.method} {target} {request.http_version}"]
    lines += [f"{name}: {value}" for name, value in request.headers.fields]
    raw = _bytes("\r\n".join(lines))
    if raw.count(b"\n") != len(lines) - 1:
        raise malformed("a line break in a line")
    if len(raw) + len(END) > most_bytes:
        raise too_large(raw, most_bytes)
    return read_head(raw).body_bytes


def _read_http2(request: CallerRequest, most_bytes: int) -> int | None:
    fields = [
        (b":method", _bytes(request.method)),
        (b":scheme", _bytes(request.scheme)),
        (b":path", _bytes(request.target)),
    ]
    if request.authority:
        fields.append((b":authority", _bytes(request.authority)))
    fields += [(_bytes(name), _bytes(value)) for name, value in request.headers.fields]
    length = check_http2_request(fields, most_bytes)
    if length and not request.body:
        raise invalid("Content-Length", "is not the length of the body")
    return length


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
