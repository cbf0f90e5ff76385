"""Backends for the end-to-end tests that answer in every way one can: whole, late, broken.

The last segment of the path says how. Each backend is a thread with a socket; what it heard and
how many connections it had is there to be looked at.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from enum import Enum

LARGEST = 100_000
"""What the gateway of these tests takes as an answer."""


class Step(Enum):
    RESET = "reset the connection"
    CLOSE = "close it"
    DRIP = "send a byte every now and then, for ever"
    WAIT = "be silent until the other side closes"
    HOLD = "wait until the backend holds no longer"


def answer(body: bytes, head: bytes = b"200 OK\r\nContent-Type: text/plain") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
PART = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"

Steps = tuple[bytes | float | Step, ...]

SAYS: dict[str, Steps] = {
    "ok": (answer(b"ok"),),
    "moment": (0.05, answer(b"ok")),
    "held": (Step.HOLD, answer(b"ok")),
    # what is whole, in unusual ways
    "until-close": (b"HTTP/1.1 200 OK\r\n\r\nall", 0.02, b" of it", Step.CLOSE),
    "trailers": (CHUNKED + b"Trailer: X-Sum\r\n\r\n2\r\nok\r\n", b"0\r\nX-Sum: 1\r\n\r\n"),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        answer(b"ok"),
    ),
    "no-content": (b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",),
    "not-modified": (b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',),
    "redirect": (answer(b"", b"302 Found\r\nLocation: http://127.0.0.1:1/elsewhere"),),
    "teapot": (answer(b"short", b"418 I'm a Teapot\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2"),),
    "largest": (answer(b"x" * LARGEST),),
    # what is late
    "never": (Step.WAIT,),
    "head-only": (PART[:20], Step.WAIT),
    "drip": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", Step.DRIP),
    "drip-chunks": (CHUNKED + b"\r\nfffff\r\n", Step.DRIP),
    # what is broken
    "closed": (Step.CLOSE,),
    "reset": (Step.RESET,),
    "reset-in-the-head": (PART[:20], 0.02, Step.RESET),
    "reset-in-the-body": (PART, 0.02, Step.RESET),
    "closed-in-the-body": (PART, Step.CLOSE),
    "closed-in-a-chunk": (CHUNKED + b"\r\n5\r\nok", Step.CLOSE),
    "no-http": (b"SSH-2.0-OpenSSH_9.2\r\n", Step.CLOSE),
    "no-status": (b"HTTP/1.1 abc OK\r\n\r\n", Step.CLOSE),
    "bad-field": (answer(b"ok", b"200 OK\r\nX A: b"),),
    "bad-length": (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Step.WAIT),
    "bad-chunk": (CHUNKED + b"\r\nzz\r\nok\r\n", Step.WAIT),
    "upgrade": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Step.WAIT),
    "larger": (answer(b"x" * (LARGEST + 1)),),
    "larger-by-chunks": (CHUNKED + b"\r\n%x\r\n" % (LARGEST + 1), b"x" * (LARGEST + 1), Step.WAIT),
}


class OddBackend:
    """`heard` are the whole requests; `connections` all there ever were, `most` at one time.
    `holds` is for a test to set and to take back."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[bytes] = []
        self.connections = self.open = self.most = 0
        self.holds = False
        self.names: list[str | None] = []
        self.port = 0
        self._context = context
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)

    def steps(self, target: bytes) -> Steps:
        return SAYS[target.partition(b"?")[0].rpartition(b"/")[2].decode()]

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        server = await asyncio.start_server(self._connected, sock=listener, ssl=self._context)
        ready.set()
        await stop.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may come on the same connection."""
        head = await reader.readexactly(1)
        if not head.isalpha():  # somebody speaks TLS
            writer.write(answer(b"", b"400 Bad Request"))
            await writer.drain()
            return False
        head += await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        self.heard.append(head + await reader.readexactly(int(length[1]) if length else 0))
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        for step in self.steps(target):
            if isinstance(step, bytes):
                writer.write(
                    step.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else step
                )
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step is Step.DRIP:
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            elif step is Step.HOLD:
                while self.holds:
                    await asyncio.sleep(0.02)
            elif step is Step.WAIT:
                await reader.read()
                return False
            else:
                if step is Step.RESET:
                    link = writer.get_extra_info("socket")
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True


@contextlib.contextmanager
def running(*backends: OddBackend) -> Iterator[None]:
    """All of them in one thread, until the block ends."""
    ready = [threading.Event() for _ in backends]
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        await asyncio.gather(
            *(backend.serve(event, stop) for backend, event in zip(backends, ready, strict=True))
        )

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert all(event.wait(10) for event in ready)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
