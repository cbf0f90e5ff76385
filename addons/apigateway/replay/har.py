"""HAR files (of browsers, clients and mitmproxy) as calls with their times and answers."""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from apigateway.captures.reading import read_capture
from apigateway.captures.sent import CaptureError
from apigateway.errors import Fault
from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers, Pairs
from apigateway.proxy.flows import HAR_FIELD
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall, EdgeRefusal
from apigateway.replay.seen import refusal_of
from apigateway.replay.sent import request_of_url

_BEFORE_THE_ANSWER = ("blocked", "dns", "connect", "send")
OF_THE_EDGE = frozenset(
    {
        Fault.BODY_TOO_LARGE,
        Fault.HEAD_TOO_LARGE,
        Fault.INVALID_REQUEST,
        Fault.INVALID_URI,
        Fault.REQUEST_TIMEOUT,
        Fault.UNSUPPORTED_CONNECT,
        Fault.URL_TOO_LARGE,
    }
)
_OF_BROWSERS = frozenset({"about", "blob", "chrome-extension", "data", "file", "moz-extension"})
_VERSIONS = {"2": "HTTP/2.0", "3": "HTTP/3"}


def read_har(content: bytes) -> list[CapturedCall]:
    """
    Raises:
        CaptureError: JSON that is no HAR.
    """
    log = _log_of(content)
    creator = log.get("creator")
    of_mitmproxy = isinstance(creator, dict) and creator.get("name") == "mitmproxy"
    calls: list[CapturedCall] = []
    number = 0
    try:
        for number, sent in enumerate(read_capture(content), 1):
            calls.append(_call_of(log["entries"][number - 1], sent, of_mitmproxy))
        return calls
    except CaptureError:
        raise
    except KeyError as missing:
        raise CaptureError(f"not a HAR: entry {number} has no {missing}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as problem:
        what = problem if type(problem) is ValueError else f"{type(problem).__name__} {problem}"
        raise CaptureError(f"not a HAR: entry {number}: {what}") from None


def _log_of(content: bytes) -> Mapping[str, Any]:
    """The log, which has entries with a request each.

    Raises:
        CaptureError: JSON that is no HAR.
    """
    try:
        document = json.loads(content.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as problem:
        raise CaptureError(f"not a HAR: the JSON is broken: {problem}") from None
    if "log" not in document and "backend_signature" in document:
        raise CaptureError(
            "the answer of a demo backend says what a backend received, not what a caller "
            "sent: capture the caller's request"
        )
    log = document.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(log, dict) or not isinstance(entries, list):
        raise CaptureError(
            "not a HAR: there is no list log.entries; a browser saves one from its network "
            "panel, mitmdump with --set hardump=FILE"
        )
    for number, entry in enumerate(entries, 1):
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict):
            raise CaptureError(f"not a HAR: entry {number} has no request")
        for name in ("method", "url", "headers"):
            if name not in request:
                raise CaptureError(f"not a HAR: entry {number} has no request.{name}")
    return log


def _call_of(entry: Mapping[str, Any], sent: Any, of_mitmproxy: bool) -> CapturedCall:
    version = _version(str(entry["request"].get("httpVersion") or ""))
    # mitmproxy lists every field that came; of one without Host its URL names nobody's host
    request = request_of_url(sent, http_version=version, with_host=not of_mitmproxy)
    request = _with_whole_body(request)
    timings = entry.get("timings") or {}
    answer = _answer_of(entry.get("response") or {}, timings)
    trail = entry.get(HAR_FIELD)
    return CapturedCall(
        request=request,
        received_ms=_received_ms(entry.get("startedDateTime"), timings),
        answer=answer,
        trail=trail if isinstance(trail, Mapping) else None,
        edge=_edge_of(answer),
        lacks=_sent_nowhere(str(entry["request"]["url"])) or _lack_of(request),
    )


def _edge_of(answer: Answer | None) -> EdgeRefusal | None:
    """A HAR does not say that the edge refused, but some faults are the edge's alone."""
    refusal = refusal_of(answer) if answer is not None else None
    if refusal is None or refusal.fault not in OF_THE_EDGE:
        return None
    return EdgeRefusal(fault=refusal.fault, detail=refusal.detail, parts=refusal.parts)


def _version(text: str) -> str:
    """`h2`, `http/2.0`, `HTTP/2` and `HTTP/2.0` are one."""
    number = text.lower().removeprefix("http/").removeprefix("h")
    return _VERSIONS.get(number[:1], "HTTP/1.0" if number == "1.0" else "HTTP/1.1")


def _with_whole_body(request: CallerRequest) -> CallerRequest:
    """A HAR has bodies as text, and not in which encoding they were sent: here it is the one that
    makes as many bytes as Content-Length says."""
    length = _content_length(request)
    if length is None or length == len(request.body):
        return request
    try:
        other = request.body.decode("utf-8").encode("latin-1")
    except UnicodeError:
        return request
    return replace(request, body=other) if len(other) == length else request


def _content_length(request: CallerRequest) -> int | None:
    text = (request.headers.first("Content-Length") or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _sent_nowhere(url: str) -> str:
    """Browsers list what they did not ask a server for, too."""
    scheme = url.partition(":")[0].lower()
    return f"a {scheme}: URL is sent to no server" if scheme in _OF_BROWSERS else ""


def _lack_of(request: CallerRequest) -> str:
    length = _content_length(request)
    if length is None or length == len(request.body):
        return ""
    if not request.body:
        return f"its body of {length} bytes is not in the HAR"
    return f"its body is {length} bytes by Content-Length, and {len(request.body)} in the HAR"


def _received_ms(started: object, timings: Mapping[str, Any]) -> int | None:
    """When the last byte of the request was sent."""
    if not isinstance(started, str) or not started:
        return None
    moment = datetime.fromisoformat(started)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return math.floor(moment.timestamp() * 1000 + _sum_ms(timings, _BEFORE_THE_ANSWER))


def _sum_ms(timings: Mapping[str, Any], names: Iterable[str]) -> float:
    """The known ones: what did not happen is -1, or is not there."""
    return sum(max(0.0, float(timings.get(name) or 0)) for name in names)


def _answer_of(response: Mapping[str, Any], timings: Mapping[str, Any]) -> Answer | None:
    """Bodies are unpacked in a HAR, so Content-Encoding says nothing any more."""
    status = int(response.get("status") or 0)
    if status < 100:
        return None
    content = response.get("content") or {}
    fields = tuple((str(one["name"]), str(one["value"])) for one in response.get("headers") or ())
    headers = tuple(
        (name, value)
        for name, value in fields
        if not name.startswith(":") and name.lower() != "content-encoding"
    )
    return Answer(
        status=status,
        reason=str(response.get("statusText") or ""),
        headers=headers,
        body=_body_of(content, headers),
        elapsed_ms=round(_sum_ms(timings, ("wait", "receive")), 3),
    )


def _body_of(content: Mapping[str, Any], headers: Pairs) -> bytes:
    text = str(content.get("text") or "")
    if content.get("encoding") == "base64":
        return base64.b64decode(text)
    body = text.encode("utf-8", "surrogateescape")
    length = (Headers(headers).first("Content-Length") or "").strip()
    if length and length != str(len(body)):
        try:
            other = text.encode("latin-1")
        except UnicodeError:
            return body
        return other if length == str(len(other)) else body
    return body
