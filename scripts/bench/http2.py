"""HTTP/2 as far as a load generator needs it: frames that are made before the clock runs.

A header block made of literals that nobody indexes (RFC 7541, 6.2.2) needs no state, so a request
is a few bytes with its stream's number put in. Of an answer only the frames' heads and the first
field are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
INITIAL_WINDOW_SIZE = 4

_CONNECTION_FIELDS = {"host", "connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening() -> bytes:
    """What a client says first: answers may be as large as they are, no window is ever full."""
    window = struct.pack(">HI", INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
    more = struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW)
    return PREFACE + frame(SETTINGS, 0, 0, window) + frame(WINDOW_UPDATE, 0, 0, more)


def frames_in(buffer: bytes) -> Iterator[Frame]:
    """The whole frames at the start of `buffer`; `taken` says how many bytes they are."""
    at = 0
    while len(buffer) - at >= 9:
        size = int.from_bytes(buffer[at : at + 3], "big")
        if len(buffer) - at - 9 < size:
            return
        kind, flags, stream = struct.unpack_from(">BBI", buffer, at + 3)
        yield Frame(kind, flags, stream & 0x7FFFFFFF, buffer[at + 9 : at + 9 + size])
        at += 9 + size


def taken(frames: list[Frame]) -> int:
    return sum(9 + len(one.payload) for one in frames)


def header_block(request: bytes) -> bytes:
    """The header block of a request without a body, given as HTTP/1.1 writes it.

    Raises:
        ValueError: it has a body.
    """
    head, _, body = request.partition(b"\r\n\r\n")
    if body:
        raise ValueError("requests with a body are not sent over HTTP/2")
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    fields = [(name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    authority = next(value for name, value in fields if name == "host")
    pseudo = [(":method", method), (":scheme", "https"), (":authority", authority)]
    kept = [(name, value) for name, value in fields if name not in _CONNECTION_FIELDS]
    return b"".join(_literal(*field) for field in [*pseudo, (":path", target), *kept])


def _literal(name: str, value: str) -> bytes:
    return b"\0" + _text(name.encode("latin-1")) + _text(value.encode("latin-1"))


def _text(raw: bytes) -> bytes:
    return _number(len(raw), 7) + raw


def _number(value: int, bits: int) -> bytes:
    """An integer with a prefix of so many bits (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    value -= most
    digits = [most]
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def is_success(block: bytes) -> bool:
    """Whether a header block begins with a status of 200, 204 or 206 out of the static table
    (indexes 8 to 10), behind changes of the dynamic table's size."""
    at = 0
    while at < len(block) and block[at] & 0xE0 == 0x20:
        more = block[at] & 0x1F == 0x1F
        at += 1
        while more:
            more = bool(block[at] & 0x80)
            at += 1
    return at < len(block) and block[at] in (0x88, 0x89, 0x8A)
