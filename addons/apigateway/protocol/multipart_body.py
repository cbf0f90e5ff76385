"""Bodies of multipart/form-data: bytes to parts, and parts to bytes (RFC 7578, RFC 2046).

The reader knows one way to write a body. What two readers could take for two things is refused:
a field or a parameter that stands twice, bytes before the first boundary or after the last, a
transfer encoding. The writer gives what browsers give (WHATWG HTML, "multipart/form-data encoding
algorithm"), so that no name, no filename and no value can add a field or a part.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from apigateway.protocol.wire import MULTIPART_MEDIA_TYPE, charset_of, media_type

MOST_PARTS = 1000
MOST_HEAD_BYTES = 8192
"""Of one part: its fields, without its content."""

_TOKEN = r"!#$%&'*+\-.^_`|~0-9A-Za-z"
_FIELD = re.compile(rf"([{_TOKEN}]+):([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAMETER = re.compile(
    rf"""
    ; [ \t]*
    ([{_TOKEN}]+) =
    (?: "([^"]*)" | ([{_TOKEN}(),/:=?]+) )  # unquoted too: all that a boundary may hold
    [ \t]*
    """,
    re.VERBOSE,
)
_BOUNDARY = re.compile(rf"[{_TOKEN}(),/:=? ]{{0,69}}[{_TOKEN}(),/:=?]")
_EXTENDED = re.compile(
    r"utf-8'[0-9A-Z-]*'((?:%[0-9A-F]{2}|[!#$&+\-.^_`|~0-9A-Z])*)", re.IGNORECASE | re.ASCII
)
_BROWSER_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})

_IN_A_FIELD = {code: f"%{code:02X}" for code in (*range(0x20), 0x7F) if code != 0x09}
_IN_QUOTES = {**_IN_A_FIELD, 0x22: "%22"}


class BrokenMultipart(ValueError):
    """A body or a Content-Type that is none; the text says why and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `filename` is None for text; `content_type` is as sent, "" without one."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str = ""

    @property
    def text(self) -> str:
        """The content in the charset of its Content-Type, else UTF-8.

        Raises:
            LookupError: a charset that is none of the web's.
            UnicodeDecodeError: bytes that are none of its characters.
        """
        return self.content.decode(charset_of(self.content_type))


def boundary_of(content_type: str) -> bytes:
    """The boundary that the Content-Type of a multipart body names.

    Characters of a token are taken beside those of RFC 2046, since clients write `*****`.

    Raises:
        BrokenMultipart: none, or none that can be one.
    """
    boundary = _parameters(content_type).get("boundary")
    if boundary is None:
        raise BrokenMultipart("no boundary")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise BrokenMultipart("not a boundary")
    return boundary.encode("ascii")


def read_parts(body: bytes, boundary: bytes) -> tuple[Part, ...]:
    """All parts, in order, those of one name too. One line break may stand before the first
    boundary and any number after the last: clients write them, and they are nothing.

    Raises:
        BrokenMultipart: anything that is not exactly right.
    """
    preamble, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 2)
    if not pieces or preamble not in (b"", b"\r\n"):
        raise BrokenMultipart("does not begin with its boundary")
    if len(pieces) > MOST_PARTS + 1:
        raise BrokenMultipart(f"has more than {MOST_PARTS} parts")
    last = pieces.pop()
    if any(piece.startswith(b"--") for piece in pieces):
        raise BrokenMultipart("goes on after its closing boundary")
    for line_break in (b"\r", b"\n"):  # one of the two alone is a line break to some readers
        if any(line_break + b"--" + boundary in piece for piece in pieces):
            raise BrokenMultipart("holds its boundary after half a line break")
    parts = tuple(map(_read_part, pieces))
    if not last.startswith(b"--"):
        raise BrokenMultipart("has no closing boundary")
    if last[2:].strip(b"\r\n"):
        raise BrokenMultipart("goes on after its closing boundary")
    return parts


def _read_part(piece: bytes) -> Part:
    """`piece` is what stands between two boundaries, from the line break after the first."""
    if not piece.startswith(b"\r\n"):
        raise BrokenMultipart("holds its boundary inside a line")
    end = piece.find(b"\r\n\r\n", 0, MOST_HEAD_BYTES + 6)
    if end < 0:
        if len(piece) > MOST_HEAD_BYTES + 2:
            raise BrokenMultipart(f"a part has a head of more than {MOST_HEAD_BYTES} bytes")
        raise BrokenMultipart("a part has a head without an end")
    fields, content = _read_fields(piece[2:end]), piece[end + 4 :]
    name, filename = _read_disposition(fields.get("content-disposition", ""))
    _refuse_codings(fields, len(content))
    return Part(name, content, filename, fields.get("content-type", ""))


def _read_fields(head: bytes) -> dict[str, str]:
    """By lower-case name, each once."""
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise BrokenMultipart("a part has a head that is not UTF-8") from None
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BrokenMultipart("a part has a malformed head")
        name = match[1].lower()
        if name in fields:
            raise BrokenMultipart("a part has a field that stands twice")
        fields[name] = match[2].strip(" \t")
    return fields


def _refuse_codings(fields: dict[str, str], size: int) -> None:
    """What would make of the content something else than its bytes."""
    if fields.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise BrokenMultipart("a part has a transfer encoding")
    if fields.get("content-encoding", "identity").lower() != "identity":
        raise BrokenMultipart("a part has a content encoding")
    if fields.get("content-length", str(size)) != str(size):
        raise BrokenMultipart("a part is not of its Content-Length")
    if media_type(fields.get("content-type", "")).startswith("multipart/"):
        raise BrokenMultipart("a part holds parts of its own")


def _read_disposition(value: str) -> tuple[str, str | None]:
    """Name and filename. `filename*`, which is no part of RFC 7578 but sent by clients, counts
    before `filename`, as it does in HTTP (RFC 6266, 4.3).

    A name that some readers unescape (`a\\b`, `=?utf-8?Q?a?=`) could reach the backend as one that
    belongs to the gateway; a backslash at the end of a filename would undo the quote after it.
    """
    if value.partition(";")[0].rstrip(" \t").lower() != "form-data":
        raise BrokenMultipart("a part has no Content-Disposition: form-data")
    parameters = _parameters(value)
    if "name" not in parameters:
        raise BrokenMultipart("a part has no name")
    extended = parameters.pop("filename*", None)
    if any("*" in parameter for parameter in parameters):
        raise BrokenMultipart("a part has an extended parameter")
    name, filename = _unescaped(parameters["name"]), None
    if extended is not None:
        filename = _read_extended(extended)
    elif "filename" in parameters:
        filename = _unescaped(parameters["filename"])
    if "\\" in name or "=?" in name or (filename is not None and filename.endswith("\\")):
        raise BrokenMultipart("a part has a name with an escape in it")
    return name, filename


def _read_extended(value: str) -> str:
    """`UTF-8''%E4%B8%AD.txt` (RFC 8187)."""
    match = _EXTENDED.fullmatch(value)
    try:
        text = unquote_to_bytes(match[1]).decode("utf-8") if match else "\0"
    except UnicodeDecodeError:
        text = "\0"
    if _CONTROL.search(text):
        raise BrokenMultipart("a part has a malformed filename*")
    return text


def _unescaped(text: str) -> str:
    for escape, character in _BROWSER_ESCAPES:
        text = text.replace(escape, character)
    return text


def _parameters(value: str) -> dict[str, str]:
    """`kind; name=value; name="value"`, by lower-case name, each once. A backslash is itself, as
    in browsers; before a quote, where other readers take it for an escape, it is refused."""
    found: dict[str, str] = {}
    at = len(value.partition(";")[0])
    while match := _PARAMETER.match(value, at):
        name, at = match[1].lower(), match.end()
        if name in found:
            raise BrokenMultipart("a parameter stands twice")
        found[name] = match[3] if match[2] is None else match[2]
    if value[at:].strip(" \t") not in ("", ";") or '\\"' in value:
        raise BrokenMultipart("malformed parameters")
    return found


def content_type_with(boundary: str) -> str:
    return f"{MULTIPART_MEDIA_TYPE}; boundary={boundary}"


def write_parts(parts: Iterable[Part], boundary: str) -> bytes:
    """The body that holds these parts.

    Raises:
        ValueError: a content holds the boundary, which then was no fresh one.
    """
    marker = f"--{boundary}".encode("ascii")
    pieces: list[bytes] = []
    for part in parts:
        if marker in part.content:
            raise ValueError("a part holds the boundary")
        head = f'Content-Disposition: form-data; name="{part.name.translate(_IN_QUOTES)}"'
        if part.filename is not None:
            head += f'; filename="{part.filename.translate(_IN_QUOTES)}"'
        if part.content_type:
            head += f"\r\nContent-Type: {part.content_type.translate(_IN_A_FIELD)}"
        encoded = head.encode("utf-8", "surrogateescape")
        pieces += (marker, b"\r\n", encoded, b"\r\n\r\n", part.content, b"\r\n")
    return b"".join((*pieces, marker, b"--\r\n"))
