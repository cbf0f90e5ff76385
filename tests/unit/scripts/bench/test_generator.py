"""scripts/bench/generator.py, as a process of its own, against servers of this one."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from scripts.bench.backend import Backend
from scripts.bench.figures import Load
from scripts.bench.generator import Again, Http1Caller, Http2Caller, Run

ROOT = Path(__file__).resolve().parents[4]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"


class Refusing(asyncio.Protocol):
    """Answers 429, and closes the connection behind it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, _: bytes) -> None:
        head = b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        self.transport.write(head + b"no")
        self.transport.close()


class Dropping(Refusing):
    """Answers every second call, and breaks the connection at the others."""

    count = 0

    def data_received(self, _: bytes) -> None:
        Dropping.count += 1
        if Dropping.count % 2:
            self.transport.write(Backend_REPLY)
        else:
            self.transport.abort()


Backend_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Http2Server(asyncio.Protocol):
    """Every third call is refused, and every fifth reset."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        config = h2.config.H2Configuration(client_side=False)
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.connection.ping(b"12345678")
        self.transport.write(self.connection.data_to_send())
        self.pings = 0

    def data_received(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.answer(event.stream_id)
        self.transport.write(self.connection.data_to_send())

    def answer(self, stream: int) -> None:
        number = stream // 2
        if number % 5 == 4:
            self.connection.reset_stream(stream)
            return
        status = "429" if number % 3 == 2 else "200"
        self.connection.send_headers(stream, [(":status", status), ("x-number", str(number))])
        self.connection.send_data(stream, b"body", end_stream=True)


async def serve_and_run(
    protocol: Callable[[], asyncio.Protocol], requests: Path, *words: str
) -> Load:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    command = [sys.executable, "-m", "scripts.bench.generator", str(requests), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 180)
    server.close()
    assert process.returncode == 0
    return Load(**json.loads(said))


def run(protocol: Callable[[], asyncio.Protocol], requests: Path, *words: str) -> Load:
    return asyncio.run(serve_and_run(protocol, requests, *words))


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests"
    path.write_bytes(GET + b"\0" + POST + b"\0")
    return path


def test_exactly_so_many_calls_are_made_and_answered(requests: Path) -> None:
    load = run(Backend, requests, "--connections", "4", "--calls", "101")
    assert (load.calls, load.refused, load.failed) == (101, 0, 0)
    assert 0 < load.p50_ms <= load.p99_ms


def test_a_refusal_is_counted_and_a_closed_connection_made_again(requests: Path) -> None:
    load = run(Refusing, requests, "--connections", "3", "--calls", "20")
    assert (load.calls, load.refused, load.failed) == (20, 20, 0)


def test_a_call_whose_connection_breaks_is_a_failed_one(requests: Path) -> None:
    load = run(Dropping, requests, "--connections", "1", "--calls", "10")
    assert (load.calls, load.failed) == (5, 5)


def test_it_ends_after_its_time(requests: Path) -> None:
    load = run(Backend, requests, "--connections", "2", "--seconds", "2", "--close")
    assert load.calls > 0 and load.failed == 0
    assert load.seconds >= 1


def test_http2_tells_answers_refusals_and_resets_apart() -> None:
    async def load() -> Load:
        server = await asyncio.get_running_loop().create_server(Http2Server, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        from scripts.bench import http2

        run = Run([http2.header_block(GET)], calls=60, seconds=0.0)
        Http2Caller.streams_at_once, run.callers = 5, 2
        again = Again(run, Http2Caller, port, None)
        again()
        again()
        await asyncio.wait_for(run.idle.wait(), 120)
        server.close()
        return run.load()

    found = asyncio.run(load())
    assert found.calls + found.failed == 60
    assert found.failed == pytest.approx(12, abs=2)
    assert found.refused == pytest.approx(16, abs=3)


def test_http1_reads_the_size_and_the_close_of_an_answer() -> None:
    caller = Http1Caller(Run([GET], calls=1, seconds=0.0), None)  # type: ignore[arg-type]
    head = b"http/1.1 200 ok\r\nconnection: close\r\ncontent-length: 36"
    assert caller.read_head(head) == 36
    assert caller.success and caller.closes
    assert caller.read_head(b"http/1.1 204 no content") == 0
    with pytest.raises(SystemExit, match="Content-Length"):
        caller.read_head(b"http/1.1 200 ok\r\ntransfer-encoding: chunked")
