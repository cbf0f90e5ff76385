"""What a worker and its supervisor say to each other: lines of JSON over a pair of sockets.

worker      {"hello": 123}                    its process
supervisor  {"leads": true, "number": 1}      whether it is the one that releases what is due
worker      {"listen": ["127.0.0.1", 8080]}
supervisor  {"problem": ""}                   and the sockets of that address; or why not
worker      {"ready": true}                   everything is loaded and the port is open

The line ends with either of them. A worker whose supervisor is gone finishes its calls and ends.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_MOST_BYTES = 4096
_MOST_SOCKETS = 16
PATIENCE_S = 30.0

READY_MARK = "\x0c"
"""A line of this alone, on both streams, is where a worker's output at start ends."""


class LineBroken(Exception):
    """The other side is gone, or is not who it should be."""


class Role(NamedTuple):
    """One worker `leads` a start: it releases what is due, the others serve what it did."""

    leads: bool
    number: int


class WorkerEnd:
    """The worker's end, which asks and waits. It takes over the descriptor."""

    def __init__(self, descriptor: int) -> None:
        """
        Raises:
            LineBroken: the descriptor is no socket of a supervisor.
        """
        try:
            self._socket = socket.socket(fileno=descriptor)
        except OSError as problem:
            raise LineBroken(f"descriptor {descriptor}: {problem.strerror}") from None
        if self._socket.family != socket.AF_UNIX:
            self._socket.detach()
            raise LineBroken(f"descriptor {descriptor} is no line to a supervisor")
        os.set_inheritable(descriptor, False)
        self._socket.settimeout(PATIENCE_S)

    def fileno(self) -> int:
        return self._socket.fileno()

    def hello(self) -> "Role":
        answer, _ = self._ask({"hello": os.getpid()})
        number = answer.get("number")
        return Role(answer.get("leads") is True, number if isinstance(number, int) else 0)

    def listen(self, host: str, port: int) -> list[socket.socket]:
        """Bound sockets of the address, which are to be listened on when everything is loaded.

        Raises:
            OSError: the supervisor cannot have them; the text says why.
        """
        answer, descriptors = self._ask({"listen": [host, port]})
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for one in sockets:
            one.set_inheritable(False)
        if problem := answer.get("problem"):
            raise OSError(problem)
        return sockets

    def ready(self) -> None:
        self._send({"ready": True})

    def is_over(self) -> bool:
        """Call when there is something to read: whether that is the end of the line."""
        with contextlib.suppress(OSError):
            return not self._socket.recv(_MOST_BYTES)
        return True

    def close(self) -> None:
        self._socket.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._socket.sendall(_line(message))
        except OSError as problem:
            raise LineBroken(f"the supervisor is gone ({problem})") from None

    def _ask(self, message: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[int]]:
        self._send(message)
        try:
            answer, descriptors, _, _ = socket.recv_fds(self._socket, _MOST_BYTES, _MOST_SOCKETS)
        except OSError as problem:
            raise LineBroken(f"the supervisor does not answer ({problem})") from None
        if not answer:
            raise LineBroken("the supervisor is gone")
        return _read(answer), descriptors


class SupervisorEnd:
    """The supervisor's end, which never waits."""

    def __init__(self, line: socket.socket) -> None:
        line.setblocking(False)
        self._socket = line
        self._received = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """What the worker said since the last call.

        Raises:
            LineBroken: the worker is gone, or says what no worker says.
        """
        try:
            received = self._socket.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            raise LineBroken(str(problem)) from None
        if not received:
            raise LineBroken("ended")
        *lines, self._received = (self._received + received).split(b"\n")
        yield from map(_read, lines)

    def answer(self, message: Mapping[str, Any], sockets: Sequence[socket.socket] = ()) -> None:
        """A worker that is gone meanwhile gets no answer."""
        descriptors = [one.fileno() for one in sockets]
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [_line(message)], descriptors)

    def close(self) -> None:
        self._socket.close()


def pair() -> tuple[SupervisorEnd, socket.socket]:
    """A line: the supervisor's end, and what is handed to the worker."""
    ours, theirs = socket.socketpair()
    return SupervisorEnd(ours), theirs


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(message)).encode() + b"\n"


def _read(line: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise LineBroken(f"not understood: {line[:100]!r}")
    return message
