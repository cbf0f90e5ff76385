"""A chunked body, read strictly and up to its limit (RFC 9112, 7.1).

No chunk extensions, nothing but CR LF behind a chunk: two readers that skip different bytes
there see different requests. Trailer fields are checked and dropped.
"""

import re

from apigateway.edge.fields import check_field, malformed
from apigateway.errors import Fault, Refusal

MOST_TRAILER_BYTES = 8192

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{0,16}\r?")
_LONGEST_SIZE_LINE = 16 + 2


class ChunkReader:
    """Takes what it can from a buffer each time. `done` after the last chunk and its trailer."""

    def __init__(self, most_bytes: int) -> None:
        self.done = False
        self._most = most_bytes
        self._read = 0
        self._left = 0
        self._in_chunk = False
        self._in_trailer = False
        self._trailer = 0

    def read(self, received: bytearray) -> bytes:
        """The content that came, possibly none; what was read is taken out of `received`.

        Raises:
            Refusal: BODY_TOO_LARGE as soon as a chunk announces too much; INVALID_REQUEST.
        """
        pieces: list[bytes] = []
        at = 0
        while not self.done:
            step = self._step(received, at, pieces)
            if not step:
                break
            at += step
        del received[:at]
        return b"".join(pieces)

    def _step(self, received: bytearray, at: int, pieces: list[bytes]) -> int:
        """How many bytes were used; 0 when more have to come first."""
        if self._left:
            piece = bytes(received[at : at + self._left])
            self._left -= len(piece)
            pieces.append(piece)
            return len(piece)
        if self._in_chunk:
            return self._chunk_end(received, at)
        if self._in_trailer:
            return self._trailer_line(received, at)
        return self._chunk_size(received, at)

    def _chunk_end(self, received: bytearray, at: int) -> int:
        behind = received[at : at + 2]
        if not b"\r\n".startswith(behind):
            raise malformed("a chunk is longer than its size")
        if len(behind) < 2:
            return 0
        self._in_chunk = False
        return 2

    def _chunk_size(self, received: bytearray, at: int) -> int:
        end = received.find(b"\r\n", at, at + _LONGEST_SIZE_LINE)
        if end < 0:
            if _SIZE_SO_FAR.fullmatch(received, at, at + _LONGEST_SIZE_LINE) is None:
                raise malformed("a chunk size is no plain number")
            return 0
        line = bytes(received[at:end])
        if _SIZE.fullmatch(line) is None:
            raise malformed("a chunk size is no plain number")
        size = int(line, 16)
        self._read += size
        if self._read > self._most:
            raise Refusal(Fault.BODY_TOO_LARGE, f"more than {self._most} bytes in chunks")
        self._left, self._in_chunk, self._in_trailer = size, size > 0, size == 0
        return end + 2 - at

    def _trailer_line(self, received: bytearray, at: int) -> int:
        end = received.find(b"\n", at)
        used = (end + 1 if end >= 0 else len(received)) - at
        if self._trailer + used > MOST_TRAILER_BYTES:
            raise malformed("the trailer is too large")
        if end < 0:
            return 0
        line = bytes(received[at:end])
        if not line.endswith(b"\r"):
            raise malformed("a bare LF in the trailer")
        self._trailer += used
        if line == b"\r":
            self.done = True
            return used
        name, _, value = line[:-1].partition(b":")
        check_field(name, value)
        return used
