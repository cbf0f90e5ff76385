"""The backend of a measurement: one fixed answer to everything, from nginx or from this file."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
from pathlib import Path

from scripts.bench.processes import Command
from scripts.bench.templates import written_template

ANSWER = b'{"sky": "clear", "city": "hangzhou"}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


def backend_kind() -> str:
    return "nginx" if shutil.which("nginx") else "asyncio"


def backend_command(port: int, folder: Path, cores: list[int]) -> Command:
    words = [sys.executable, "-m", "scripts.bench.backend", str(port)]
    if backend_kind() == "nginx":
        place = {"PORT": str(port), "FOLDER": str(folder), "ANSWER": ANSWER.decode()}
        config = written_template("backend-nginx.conf", folder, place)
        words = ["nginx", "-c", str(config), "-p", str(folder)]
    return Command(name="the backend", words=words, port=port, cores=cores)


class Backend(asyncio.Protocol):
    """The least that is a backend. Bodies have a length and are not looked at."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            self.buffer = self.buffer[whole:]
            self.transport.write(REPLY)


async def serve_backend(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Backend, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_backend(int(sys.argv[1])))
