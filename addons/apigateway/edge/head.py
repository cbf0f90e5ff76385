"""The head of an HTTP/1.1 request, read strictly: one way to write it, or it is refused.

Bytes in, values out. Nothing is repaired: no bare line feeds, no folded lines, no blanks around
names, no second opinion on where the body ends.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from apigateway.edge.fields import (
    MOST_FIELDS,
    Field,
    check_expect,
    check_host,
    check_method,
    check_target,
    content_length,
    invalid,
    is_token,
    malformed,
)
from apigateway.errors import Fault, Refusal

END = b"\r\n\r\n"
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
SHOWN_BYTES = 2048

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
"""Control characters (the tab apart), and line breaks that are not CR LF."""

_WATCHED = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection"}
)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """`body_bytes` is None for a chunked body; `expects` when the client waits for 100 Continue;
    `closes` when this is the last request of its connection. Field names are spelled as they came.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: tuple[Field, ...]
    body_bytes: int | None
    expects: bool = False
    closes: bool = True


def check_unfinished(received: bytearray, seen: int, most_bytes: int) -> None:
    """A head whose end has not come; `seen` bytes of it were looked at before.

    Raises:
        Refusal: it is too long already, or malformed in what there is.
    """
    stop = len(received) - received.endswith(b"\r")
    if _FORBIDDEN.search(received, max(0, seen - 1), stop):
        raise malformed("a control character, a bare CR or a bare LF")
    if len(received) > most_bytes:
        raise too_large(received, most_bytes)


def too_large(received: bytes | bytearray, most_bytes: int) -> Refusal:
    """URL_TOO_LARGE where the first line alone is, HEAD_TOO_LARGE otherwise."""
    line = received.find(b"\r\n")
    if line < 0 or line > most_bytes:
        return Refusal(Fault.URL_TOO_LARGE, f"the request line exceeds {most_bytes} bytes")
    return Refusal(Fault.HEAD_TOO_LARGE, f"the head exceeds {most_bytes} bytes")


def read_head(raw: bytes) -> RequestHead:
    """`raw` is the head without the blank line that ends it.

    Raises:
        Refusal: whatever is not exactly right, by the rule that it breaks.
    """
    if _FORBIDDEN.search(raw):
        raise malformed("a control character, a bare CR or a bare LF")
    first, *lines = raw.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3:
        raise malformed("the request line is not three words")
    method, target, version = words
    if version not in VERSIONS:
        raise malformed("the version is neither HTTP/1.1 nor HTTP/1.0")
    check_method(method)
    check_target(target)
    if len(lines) > MOST_FIELDS:
        raise Refusal(Fault.HEAD_TOO_LARGE, f"{len(lines)} fields")
    fields: list[Field] = []
    watched: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or is_token(name) is None:
            raise malformed("a line is no field: a fold, a blank before the colon, no name")
        value = value.strip(b" \t")
        fields.append((name, value))
        lower = name.lower()
        if lower in _WATCHED:
            watched.setdefault(lower, []).append(value)
    return RequestHead(
        method,
        target,
        version,
        tuple(fields),
        _decide(version, watched),
        expects=b"expect" in watched,
        closes=closes(version, watched.get(b"connection", ())),
    )


def closes(version: bytes, connection: Iterable[bytes]) -> bool:
    """Whether a connection ends with a message of this version with these Connection fields
    (RFC 9112, 9.3)."""
    options = {option.strip().lower() for value in connection for option in value.split(b",")}
    if b"close" in options:
        return True
    return b"keep-alive" not in options and version != b"HTTP/1.1"


def _decide(version: bytes, watched: dict[bytes, list[bytes]]) -> int | None:
    """The length of the body, after the fields that decide whom a request is for and where it
    ends were found to say one thing."""
    hosts = watched.get(b"host", [])
    if len(hosts) > 1:
        raise invalid("Host", "is repeated")
    if hosts:
        check_host(hosts[0])
    elif version == b"HTTP/1.1":
        raise Refusal(Fault.HEADER_REQUIRED, "no host", name="Host")
    if b"upgrade" in watched:
        raise invalid("Upgrade", "is not supported")
    check_expect(watched.get(b"expect", []))
    length = content_length(watched.get(b"content-length", []))
    codings = watched.get(b"transfer-encoding")
    if codings is None:
        return length or 0
    if length is not None:
        raise invalid("Transfer-Encoding", "comes with a Content-Length")
    if version != b"HTTP/1.1":
        raise invalid("Transfer-Encoding", "is not of HTTP/1.0")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise invalid("Transfer-Encoding", "is not chunked")
    return None


def outline(raw: bytes) -> RequestHead:
    """What can be shown of a request that was refused: its first line and its plain fields."""
    first, _, rest = raw.partition(b"\r\n")
    first, *lines = (
        (first[:SHOWN_BYTES] + b"\n" + rest[:SHOWN_BYTES])
        .replace(b"\r\n", b"\n")
        .split(b"\n")[:100]
    )
    method, _, after = first.partition(b" ")
    target = after.partition(b" ")[0]
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and is_token(name) is not None:
            fields.append((name, _FORBIDDEN.sub(b" ", value.strip())))
    return RequestHead(
        method=method[:32] if is_token(method[:32]) else b"UNKNOWN",
        target=_FORBIDDEN.sub(b" ", target) if target.startswith(b"/") else b"/",
        version=b"HTTP/1.1",
        fields=tuple(fields),
        body_bytes=0,
    )
