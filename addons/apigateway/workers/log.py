"""The lines of all workers in one stream, whole, each with its worker's number before it."""

import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import BinaryIO

from apigateway.workers.line import READY_MARK

_CHUNK_BYTES = 65536
_LONGEST_LINE = 1024 * 1024
_MARK = READY_MARK.encode()


class Log:
    """Where the lines go: `out` and `errors` are the streams of this process.

    Nobody else may write to them meanwhile. `on_broken` is called, in any thread, when whoever
    reads them is gone.
    """

    def __init__(self, out: BinaryIO, errors: BinaryIO) -> None:
        self.out, self.errors = out, errors
        self.on_broken: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """A line of the supervisor's own, with the time as mitmproxy writes it."""
        time = datetime.now().isoformat(" ", "milliseconds")[11:]
        self.write(self.out, b"serve", [f"[{time}] {text}".encode()])

    def write(self, stream: BinaryIO, name: bytes, lines: Sequence[bytes]) -> None:
        text = b"".join(b"[%b] %b\n" % (name, line) for line in lines)
        with self._lock:
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):
                self.on_broken()

    def follow(self, descriptor: int, stream: BinaryIO, name: str, *, hold: bool) -> "Follower":
        """Write to `stream` what comes out of a pipe from now on, see `Follower`."""
        follower = Follower(self, descriptor, stream, name.encode(), hold=hold)
        follower.start()
        return follower


class Follower(threading.Thread):
    """Reads a worker's output to its end, in a thread: a terminal that is stopped then stops the
    worker, as it would without us, and not the supervisor.

    With `hold` the lines before the mark of a good start are kept back, and dropped at the mark:
    another worker has said the same. They are written when the output ends without the mark.
    """

    def __init__(
        self, log: Log, descriptor: int, stream: BinaryIO, name: bytes, *, hold: bool
    ) -> None:
        super().__init__(name=f"log of worker {name.decode()}", daemon=True)
        self._log, self._stream, self._label = log, stream, name
        self._descriptor = descriptor
        self._held: list[bytes] | None = [] if hold else None

    def run(self) -> None:
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            self._take(lines)
        os.close(self._descriptor)
        self._take([rest] if rest else [])
        if self._held:
            self._log.write(self._stream, self._label, self._held)

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:
            return b""

    def _take(self, lines: list[bytes]) -> None:
        if _MARK in lines:
            at = lines.index(_MARK)
            if self._held is not None:
                self._held = None
                lines = lines[at + 1 :]
            else:
                lines = lines[:at] + lines[at + 1 :]
        if self._held is not None:
            self._held += lines
        elif lines:
            self._log.write(self._stream, self._label, lines)
