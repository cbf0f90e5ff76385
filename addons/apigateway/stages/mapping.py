"""What the backend gets: arguments under their backend names, constants, system parameters.

Guide, "Parameter mapping" and "System parameter definition"; reference: protocol 5.3-5.5. Every
value is encoded for the place it goes to, so that none can become another path segment,
another query field or another header. A name that the gateway sets is the gateway's: the
caller's own copy of it is dropped.
"""

import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Mapped, Outbound, Validated
from apigateway.model.api import (
    AppCodeUse,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    VpcBackend,
)
from apigateway.outbound.body import outbound_body
from apigateway.outbound.names import Finder, folded
from apigateway.protocol.matching import PathPattern, fills_a_segment
from apigateway.protocol.wire import (
    APP_CODE_PARAMETER,
    Headers,
    Pairs,
    charset_of,
    decode_form_text,
    is_form,
)

REPRESENTATION = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "user-agent",
    }
)
"""Fields that say what form of an answer the caller takes: they pass in every mode."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "host",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields of one connection (RFC 9110, 7.6.1), and those that the backend leg has its own of."""

_ON_THE_WIRE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*\Z")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_.~!$&'()*+,;=:@-]*\Z").match
_PATH_SAFE = "!$&'()*+,;=:@~"


def build_path(pattern: PathPattern, values: dict[str, str], rest: Iterable[str]) -> str:
    """The encoded backend path. A value fills exactly one segment, whatever it holds."""
    segments = [
        _segment(part[0], values[part[0]]) if isinstance(part, tuple) else part
        for part in pattern.segments
    ]
    if pattern.open_ended:
        segments.extend(_segment("*", value) if value else "" for value in rest)
    if all(map(_PLAIN_SEGMENT, segments)):
        return "/" + "/".join(segments)
    return "/" + "/".join(
        quote(segment, safe=_PATH_SAFE, errors="surrogateescape") for segment in segments
    )


def _segment(name: str, value: str) -> str:
    if not fills_a_segment(value):
        raise Refusal(
            Fault.INVALID_PARAMETER,
            "it goes to a segment of the backend's path",
            name=name,
            reason="cannot be a path segment",
        )
    return value


def header_value(name: str, value: str) -> str:
    """A value fit for a header field: no control characters but the tab, no blanks at its ends."""
    if _CONTROL.search(value):
        raise Refusal(
            Fault.INVALID_PARAMETER,
            "it goes to a header of the backend request",
            name=name,
            reason="holds a control character",
        )
    return value.strip(" \t")


def passed_headers(
    headers: Headers, mode: Mode, own: frozenset[str], *, without_content: bool = False
) -> Iterator[tuple[str, str]]:
    """The caller's header fields that go on, without those of one connection, those of the
    gateway's protocol, and any spelling of a name in `own` (`X_App` may be read as `X-App`);
    `without_content` without those that describe a body, too."""
    nominated = {
        token.strip().lower() for value in headers.all("Connection") for token in value.split(",")
    }
    for field in headers.fields:
        lower, plain, may_pass = _kind_of(field[0])
        if not may_pass or plain in own or (nominated and lower in nominated):
            continue
        if mode is Mode.MAPPING and lower not in REPRESENTATION:
            continue
        if lower == "authorization" and field[1].strip().upper().startswith("APPCODE"):
            continue
        if without_content and lower.startswith("content-"):
            continue
        yield field


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> tuple[str, str, bool]:
    """A field's name in lower case and folded, and whether it is neither of one connection nor the
    gateway's. Callers send the same names again and again."""
    lower, plain = name.lower(), folded(name)
    ours = plain.startswith("x-ca-") or plain == "x-forwarded-for"
    return lower, plain, plain not in HOP_BY_HOP and not ours


def left_over_query(raw: str, taken: Container[str]) -> str:
    """The items of a query as on the wire, but for those whose decoded name is in `taken`. A `;`
    before such a name, where some backends begin a new item, is encoded."""
    kept = []
    for item in raw.split("&"):
        if _name_of(item) in taken:
            continue
        if ";" in item and any(_name_of(piece) in taken for piece in item.split(";")):
            item = item.replace(";", "%3B")
        kept.append(item)
    return quote("&".join(kept).encode("utf-8", "surrogateescape"), safe=_ON_THE_WIRE)


def _name_of(item: str) -> str:
    return decode_form_text(item.partition("=")[0])


def outbound_request(
    call: Validated, backend: HttpBackend | VpcBackend, path_pattern: PathPattern
) -> Outbound:
    served = call.served
    values, own = served.backend_values, served.own_names[Location.HEADER]
    defined = [(name, header_value(name, value)) for name, value in _found(values.header, call)]
    query, query_pairs = _query(call, _found(values.query, call))
    body = outbound_body(call, _found(values.body, call))
    mode = served.api.request.mode
    headers = list(passed_headers(call.headers, mode, own, without_content=body.made))
    if body.made:
        defined = [(name, _type_made(name, value, body.content_type)) for name, value in defined]
    headers += defined
    if body.content_type and "content-type" not in own:
        headers.append(("Content-Type", body.content_type))
    headers.append(("X-Ca-Request-Id", call.request_id))
    headers.append(("X-Forwarded-For", call.client_ip))
    return Outbound(
        method=backend.method or call.method,
        path=build_path(path_pattern, dict(_found(values.path, call)), call.path_rest),
        query=query,
        headers=tuple(headers),
        body=body.content,
        query_pairs=query_pairs,
        form_pairs=body.form_pairs,
        defined=tuple([name for name, _ in defined]),
    )


def _found(places: tuple[tuple[str, Finder], ...], call: Validated) -> list[tuple[str, Any]]:
    """What a call sends at these places. A file stands in a body only, which the definition's
    check sees to."""
    return [(name, value) for name, find in places if (value := find(call)) is not None]


def _type_made(name: str, value: str, made: str) -> str:
    """A Content-Type of the definition's own, for a body made anew: a form is in UTF-8 then."""
    if folded(name) != "content-type" or not (made and is_form(value)):
        return value
    try:
        return value if charset_of(value) == "utf-8" else made
    except LookupError:
        return made


def _query(call: Validated, own: list[tuple[str, str]]) -> tuple[str, Pairs]:
    """The query as sent, and its pairs decoded: what is left of the caller's, then the own."""
    encoded = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in own])
    if call.served.api.request.mode is Mode.MAPPING or not call.query:
        return encoded, tuple(own)
    taken: Container[str] = call.served.own_names[Location.QUERY]
    if call.served.api.auth.app_code is AppCodeUse.HEADER_OR_QUERY:
        codes = {name for name, _ in call.query_pairs if name.lower() == APP_CODE_PARAMETER}
        taken = call.served.own_names[Location.QUERY] | codes
    raw = left_over_query(call.query, taken)
    pairs = tuple(pair for pair in call.query_pairs if pair[0] not in taken)
    return f"{raw}&{encoded}" if raw and encoded else raw or encoded, (*pairs, *own)


def _quoted(text: str) -> str:
    if _PLAIN.match(text):
        return text
    return quote(text, safe="", errors="surrogateescape")


class Mapping:
    """Validated -> Mapped."""

    def __call__(self, call: Validated) -> Mapped:
        backend, pattern = call.served.api.backend, call.served.backend_path
        if isinstance(backend, MockBackend) or pattern is None:
            nothing = Outbound(method=call.method, path="/", query="", headers=(), body=b"")
            return Mapped.after(call, outbound=nothing)
        return Mapped.after(call, outbound=outbound_request(call, backend, pattern))
