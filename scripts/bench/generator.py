"""A load generator of a process of its own: callers that each wait for their answer.

    python -m scripts.bench.generator REQUESTS --port N (--seconds S | --calls N)

REQUESTS holds whole requests as HTTP/1.1 writes them, each behind it a byte 0. They are read before
the clock runs and sent one after the other, over from the start when all were. It understands
answers with a Content-Length, and over HTTP/2 nothing but whether they are a success.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.bench import http2
from scripts.bench.figures import Load, percentile

MOST_RECONNECTS = 1000
"""Without an answer between them: then nobody is there."""


@dataclass(slots=True)
class Run:
    """The load so far, and whether there is more of it to do. Times in seconds."""

    requests: list[bytes]
    calls: int
    seconds: float
    began: float = 0.0
    ended: float = 0.0
    sent: int = 0
    refused: int = 0
    failed: int = 0
    failed_in_a_row: int = 0
    took: list[float] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    callers: int = 0

    def more(self) -> bool:
        if self.failed_in_a_row > MOST_RECONNECTS:
            return False
        if self.calls:
            return self.sent < self.calls
        return time.perf_counter() - self.began < self.seconds

    def next(self) -> bytes:
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        return request

    def answered(self, sent_at: float, success: bool) -> None:
        self.ended = time.perf_counter()
        self.took.append(self.ended - sent_at)
        self.failed_in_a_row = 0
        if not success:
            self.refused += 1

    def broken(self, calls: int) -> None:
        self.failed += calls
        self.failed_in_a_row += max(1, calls)

    def gone(self) -> None:
        """A connection has ended for good."""
        self.callers -= 1
        if not self.callers:
            self.idle.set()

    def load(self) -> Load:
        ordered = sorted(self.took)
        return Load(
            calls=len(ordered),
            seconds=max(self.ended - self.began, 1e-9),
            refused=self.refused,
            failed=self.failed,
            p50_ms=percentile(ordered, 0.5) * 1e3,
            p99_ms=percentile(ordered, 0.99) * 1e3,
        )


class Caller(asyncio.Protocol):
    """One connection; it is made again while there is more to do."""

    def __init__(self, run: Run, again: Again) -> None:
        self.run, self.again = run, again
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.start()

    def connection_lost(self, _: Exception | None) -> None:
        self.lose()
        if self.run.more():
            self.again()
        else:
            self.run.gone()

    def start(self) -> None:
        raise NotImplementedError

    def lose(self) -> None:
        """The connection is gone, with the calls on it."""
        raise NotImplementedError


class Again:
    """Makes a connection of one kind, over and over."""

    def __init__(self, run: Run, kind: type[Caller], port: int, tls: ssl.SSLContext | None) -> None:
        self.run, self.kind, self.port, self.tls = run, kind, port, tls
        self.tasks: set[asyncio.Task[None]] = set()
        self.server_name: str | None = None

    def __call__(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while self.run.more():
            try:
                await loop.create_connection(
                    lambda: self.kind(self.run, self),
                    "127.0.0.1",
                    self.port,
                    ssl=self.tls,
                    server_hostname=self.server_name,
                )
            except OSError:
                self.run.broken(1)
                await asyncio.sleep(0.01)
            else:
                return
        self.run.gone()


class Http1Caller(Caller):
    """One call at a time."""

    sent_at = 0.0
    waits = False
    left = -1
    """Bytes of the answer that are still to come; -1 before its head was read."""
    success = closes = False
    closes_always = False

    def start(self) -> None:
        self.send()

    def send(self) -> None:
        if not self.run.more():
            self.transport.close()
            return
        self.waits, self.left, self.buffer = True, -1, b""
        self.sent_at = time.perf_counter()
        self.transport.write(self.run.next())

    def data_received(self, data: bytes) -> None:
        if self.left < 0:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            size = self.read_head(self.buffer[:end].lower())
            self.left = size - (len(self.buffer) - end - 4)
        else:
            self.left -= len(data)
        if self.left <= 0:
            self.waits = False
            self.run.answered(self.sent_at, self.success)
            if self.closes or self.closes_always:
                self.transport.close()
            else:
                self.send()

    def read_head(self, head: bytes) -> int:
        """The size of the body."""
        self.success = head[9:10] in (b"2", b"3")
        self.closes = b"\r\nconnection: close" in head
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            if head[9:12] in (b"204", b"304"):
                return 0
            sys.exit("an answer has no Content-Length; use wrk for this server")
        return int(head[at + 17 : (head + b"\r\n").find(b"\r\n", at + 2)])

    def lose(self) -> None:
        if self.waits:
            self.waits = False
            self.run.broken(1)


class Http2Caller(Caller):
    """Some streams at a time on a connection; the requests are header blocks."""

    streams_at_once = 1
    stream = -1

    def start(self) -> None:
        self.open: dict[int, float] = {}
        self.good: set[int] = set()
        self.transport.write(http2.opening())
        for _ in range(self.streams_at_once):
            self.send()

    def send(self) -> None:
        if not self.run.more():
            if not self.open:
                self.transport.close()
            return
        self.stream += 2
        self.open[self.stream] = time.perf_counter()
        flags = http2.END_STREAM | http2.END_HEADERS
        self.transport.write(http2.frame(http2.HEADERS, flags, self.stream, self.run.next()))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        frames = list(http2.frames_in(self.buffer))
        self.buffer = self.buffer[http2.taken(frames) :]
        for one in frames:
            self.take(one)

    def take(self, one: http2.Frame) -> None:
        if one.kind == http2.HEADERS and http2.is_success(one.payload):
            self.good.add(one.stream)
        if one.kind in (http2.HEADERS, http2.DATA):
            if one.flags & http2.END_STREAM:
                self.end(one.stream)
        elif one.kind in (http2.SETTINGS, http2.PING) and not one.flags & http2.ACK:
            payload = one.payload if one.kind == http2.PING else b""
            self.transport.write(http2.frame(one.kind, http2.ACK, 0, payload))
        elif one.kind == http2.RST_STREAM:
            if self.open.pop(one.stream, None) is not None:
                self.run.broken(1)
                self.send()
        elif one.kind == http2.GOAWAY:
            self.transport.close()

    def end(self, stream: int) -> None:
        sent_at = self.open.pop(stream, None)
        if sent_at is None:
            return
        self.run.answered(sent_at, stream in self.good)
        self.good.discard(stream)
        self.send()

    def lose(self) -> None:
        if self.open:
            self.run.broken(len(self.open))
            self.open.clear()


def tls_context(protocol: str) -> ssl.SSLContext:
    """Who answers is not asked: it was started by us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def requests_in(path: Path, *, over_http2: bool) -> list[bytes]:
    requests = path.read_bytes().split(b"\0")[:-1]
    return [http2.header_block(one) for one in requests] if over_http2 else requests


async def drive(arguments: argparse.Namespace) -> Load:
    run = Run(
        requests_in(arguments.requests, over_http2=arguments.http2),
        calls=arguments.calls,
        seconds=arguments.seconds,
    )
    Http2Caller.streams_at_once = arguments.streams
    Http1Caller.closes_always = arguments.close
    tls = tls_context("h2" if arguments.http2 else "http/1.1") if arguments.tls else None
    again = Again(run, Http2Caller if arguments.http2 else Http1Caller, arguments.port, tls)
    again.server_name = arguments.tls
    run.callers = arguments.connections
    gc.disable()
    run.began = time.perf_counter()
    for _ in range(arguments.connections):
        again()
    await run.idle.wait()
    if run.failed_in_a_row > MOST_RECONNECTS:
        sys.exit("nobody answers")
    return run.load()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.generator")
    parser.add_argument("requests", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1, help="at once on an HTTP/2 connection")
    parser.add_argument("--http2", action="store_true")
    parser.add_argument("--close", action="store_true", help="a connection for each call")
    parser.add_argument("--tls", metavar="NAME", help="the server's name, as the handshake has it")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--calls", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.seconds and not arguments.calls:
        parser.error("give --seconds or --calls")
    print(json.dumps(asdict(asyncio.run(drive(arguments)))))


if __name__ == "__main__":
    main()
