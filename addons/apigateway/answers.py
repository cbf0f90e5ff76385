"""What the caller gets: a refusal in either generation's form, or the backend's answer.

Reference: protocol 3. A refusal carries X-Ca-Error-Code (coded) and X-Ca-Error-Message; an
answer from a backend never does, whatever the backend sent.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus

from apigateway.errors import FaultText, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle
from apigateway.protocol.wire import Pairs

REQUEST_ID = "X-Ca-Request-Id"
ERROR_CODE = "X-Ca-Error-Code"
ERROR_MESSAGE = "X-Ca-Error-Message"
DEBUG_INFO = "X-Ca-Debug-Info"

CLASSIC_TYPE = "text/plain;charset=UTF-8"
"""Content-Type of a refusal of the classic generation."""

LONGEST_HEADER = 4096
LONGEST_MESSAGE = 16_384

_OURS = frozenset(map(str.lower, (REQUEST_ID, ERROR_CODE, ERROR_MESSAGE, DEBUG_INFO)))
_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def message_of(refusal: Refusal, style: ErrorStyle) -> str:
    """The product's text for a refusal, its parts filled in, on one line."""
    text: FaultText = refusal.fault.value
    template = text.message if style is ErrorStyle.CODED else text.classic_message
    parts = {name: _one_line(value) for name, value in refusal.parts.items()}
    return template.format_map(parts).rstrip()


def status_of(refusal: Refusal, style: ErrorStyle) -> int:
    text: FaultText = refusal.fault.value
    return text.status if style is ErrorStyle.CODED else text.classic_status


def render_refusal(
    refusal: Refusal,
    request_id: str,
    style: ErrorStyle,
    *,
    method: str = "GET",
    extra: Pairs = (),
) -> Answer:
    """The whole answer for a refusal, with `extra` fields. A HEAD gets the fields and no body."""
    message = message_of(refusal, style)
    headers = [(REQUEST_ID, request_id)]
    body = b""
    if style is ErrorStyle.CODED:
        code = refusal.fault.value.code
        headers.append((ERROR_CODE, code))
        document = {"requestId": request_id, "code": code, "message": message[:LONGEST_MESSAGE]}
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        content_type = "application/json; charset=utf-8"
    else:
        content_type = CLASSIC_TYPE
    headers.append((ERROR_MESSAGE, message[:LONGEST_HEADER]))
    if refusal.retry_after_s is not None:
        headers.append(("Retry-After", str(refusal.retry_after_s)))
    headers.extend((*refusal.headers, *extra))
    headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    return Answer(
        status=status_of(refusal, style),
        reason="",
        headers=tuple(headers),
        body=b"" if method == "HEAD" else body,
        elapsed_ms=0.0,
    )


def render_answer(
    answer: Answer, request_id: str, style: ErrorStyle, *, method: str, extra: Pairs = ()
) -> Answer:
    """A backend's answer as the caller gets it: its status, fields and body unchanged, without
    the fields of the backend's own connection and without any that only the gateway sets, and
    with `extra` ones."""
    headers: list[tuple[str, str]] = [(REQUEST_ID, request_id)]
    if style is ErrorStyle.CLASSIC:
        headers.append((ERROR_MESSAGE, _one_line(answer.reason) or _phrase(answer.status)))
    headers.extend(_passed_back(answer.headers))
    headers.extend(extra)
    bodiless = method == "HEAD" or answer.status in (204, 304)
    if not bodiless:
        headers.append(("Content-Length", str(len(answer.body))))
    elif method == "HEAD":
        headers.extend(field for field in answer.headers if field[0].lower() == "content-length")
    return Answer(
        status=answer.status,
        reason=answer.reason,
        headers=tuple(headers),
        body=b"" if bodiless else answer.body,
        elapsed_ms=answer.elapsed_ms,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _passed_back(headers: Pairs) -> Iterator[tuple[str, str]]:
    nominated: set[str] = set()
    for name, value in headers:
        if len(name) == len("connection") and name.lower() == "connection":
            nominated.update(token.strip().lower() for token in value.split(","))
    for field in headers:
        if _may_pass_back(field[0]) and (not nominated or field[0].lower() not in nominated):
            yield field


@lru_cache(maxsize=4096)
def _may_pass_back(name: str) -> bool:
    """Whether a field is neither the gateway's own nor of one connection. Backends send the same
    names again and again."""
    lower = name.lower()
    return lower not in _OURS and lower not in _CONNECTION


def _one_line(text: str) -> str:
    """Control characters, which no header field may hold, become blanks."""
    if text.isprintable():
        return text
    return "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in text)


def debug_info(service_ms: float, total_ms: float) -> tuple[str, str]:
    """`X-Ca-Debug-Info` of a call in debug mode: whole milliseconds at the backend and in all."""
    info = {"ServiceLatency": round(service_ms), "TotalLatency": round(total_ms)}
    return DEBUG_INFO, json.dumps(info, separators=(",", ":"))
