"""A Redis (or Valkey) server of the tests' own: on a free port, in a folder of its own, and gone
afterwards. It keeps nothing on disk.

APIGATEWAY_TEST_REDIS_SERVER names one; else `valkey-server` or `redis-server` on PATH is taken, or
the one that scripts/test has put into .venv.
"""

import asyncio
import contextlib
import os
import queue
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from apigateway.model.settings import RedisSettings

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 20.0
MISSING = (
    "there is no Redis server: scripts/test puts one into .venv (Linux x86_64); elsewhere install "
    "valkey or redis, or name one in APIGATEWAY_TEST_REDIS_SERVER"
)


def server_command() -> str | None:
    if named := os.environ.get("APIGATEWAY_TEST_REDIS_SERVER"):
        return named
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    brought = ROOT / ".venv" / "redis-server"
    return str(brought) if os.access(brought, os.X_OK) else None


def needed_server_command() -> str:
    """The server, or the end of the test: skipped, or failed where everything must be tested."""
    command = server_command()
    if command is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    return command


@dataclass
class RedisServer:
    """One server. `arguments` are those of the command line, as `--requirepass secret`."""

    folder: Path
    port: int
    arguments: Sequence[str] = ()
    child: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def settings(self, **changes: Any) -> RedisSettings:
        """Settings with a prefix of their own (what they start with is nobody else's), and patience
        with a server on a busy machine."""
        own: dict[str, Any] = {"url": self.url, "prefix": uuid.uuid4().hex, "timeout_s": PATIENCE_S}
        return RedisSettings(**{**own, **changes})

    def start(self) -> None:
        """Wait until it answers, whatever it answers.

        Raises:
            OSError: the port was taken in the meantime.
        """
        command = [
            *(needed_server_command(), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--unixsocket", str(self.folder / "redis.sock"), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", *self.arguments),
        ]
        with (self.folder / "redis.log").open("ab") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.child.poll() is None:
            with contextlib.suppress(OSError):
                if self.say("PING")[:1] in (b"+", b"-"):
                    return
            time.sleep(0.01)
        self.stop()
        raise OSError(f"no Redis server:\n{(self.folder / 'redis.log').read_text()}")

    def stop(self) -> None:
        """At once, as in a crash; what it held is lost."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def say(self, *commands: str) -> bytes:
        """What it answers to commands on a connection of their own; each is one line."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as link:
            link.sendall("".join(f"{command}\r\n" for command in (*commands, "QUIT")).encode())
            answer = b""
            while piece := link.recv(65536):
                answer += piece
            return answer.removesuffix(b"+OK\r\n")


def permitted_by_the_docs() -> str:
    """The commands that docs/throttling.md tells operators to permit."""
    text = (ROOT / "docs" / "throttling.md").read_text(encoding="utf-8")
    (rule,) = re.findall(r"ACL SETUSER gateway[^+]*((?:\+\w+[\s\\]+)+)", text)
    return " ".join(re.findall(r"\+\w+", rule))


@contextlib.contextmanager
def redis_server(*arguments: str) -> Iterator[RedisServer]:
    needed_server_command()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:  # short: a socket's path has 108
        server = _started(Path(folder), arguments)
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def tls_front(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """The port of a TLS server that hands everything on to `port`: a Redis server need not have
    been built with TLS for that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, behind_writer), carry(behind_reader, writer))

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        started.put(
            (server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(stop.set))
        )
        await stop.wait()
        server.close()

    started: queue.Queue[tuple[int, Callable[[], object]]] = queue.Queue()
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="TLS front")
    thread.start()
    front, stop = started.get(timeout=PATIENCE_S)
    try:
        yield front
    finally:
        stop()
        thread.join()


def _started(folder: Path, arguments: Sequence[str]) -> RedisServer:
    for last in (False, False, True):
        server = RedisServer(folder, free_port(), arguments)
        try:
            server.start()
        except OSError:
            if last:
                raise
        else:
            return server
    raise AssertionError
