"""Calling real backends on a local socket: each failure by its name, in time."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

import pytest
from aiohttp import web
from unit.backends.played import (
    PATIENCE_S,
    aiohttp_backend,
    answered_raw,
)
from unit.build import outbound
from unit.listening import (
    opened,
    raw_backend,
    refused,
    request_of,
    signed,
)

from apigateway.answers import message_of
from apigateway.backends.sending import Backends
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import BackendLimits, ErrorStyle


def assert_in_time(call: Callable[[], float]) -> None:
    """It takes half a second, and not twice that. A busy machine is late at times, not always."""
    for _ in range(10):
        took = call()
        assert took >= 0.5
        if took < 0.9:
            return
    raise AssertionError(f"late each time, at last {took} s")


def test_a_backend_that_is_slow_to_answer_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), timeout_ms=60))

    refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_TIMEOUT)
    assert refusal.fault.value.status == 504
    assert refusal.detail == "after 60 ms"


def test_a_body_that_drips_past_the_timeout_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await writer.drain()
        await reader.read()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), timeout_ms=60))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_TIMEOUT)


def nobody_listens() -> tuple[int, Refusal]:
    """A port, and what a call to it is refused with."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]

        async def call() -> Answer:
            async with opened() as backends:
                return await backends.send(signed(port, outbound()))

        return port, refused(lambda: asyncio.run(call()), Fault.BACKEND_CONNECT)


def test_a_port_where_nobody_listens_is_a_failed_connection() -> None:
    port, refusal = nobody_listens()
    assert refusal.fault.value.code == "D504CO"
    assert f"Connect call failed ('127.0.0.1', {port})" in refusal.detail
    assert "ssl" not in refusal.detail


def test_the_message_of_a_failed_connection_tells_no_address_and_has_no_blank_at_its_end() -> None:
    port, refusal = nobody_listens()
    message = message_of(refusal, ErrorStyle.CODED)
    assert "127.0.0.1" not in message and str(port) not in message
    assert message == message.strip()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_failed_backend(said: bytes) -> None:
    refusal = refused(lambda: answered_raw(said), Fault.BACKEND_FAILED)
    assert refusal.fault.value.code == "D504RE"


def test_a_reset_is_a_failed_backend() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound()))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)


def test_tls_to_a_backend_that_speaks_none_is_a_failed_handshake() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), scheme="https"))

    refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_TLS)
    assert refusal.fault.value.code == "D504CS"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
    ],
)
def test_an_answer_larger_than_the_calls_own_catalog_permits_is_refused(said: bytes) -> None:
    less, enough = BackendLimits(answer_bytes=8), BackendLimits(answer_bytes=9)
    refused(lambda: answered_raw(said, limits=less), Fault.BACKEND_FAILED)
    assert answered_raw(said, limits=enough).body == b"123456789"


def test_before_opening_and_after_closing_a_call_is_refused_with_503() -> None:
    async def call() -> Answer:
        backends = Backends()
        backends.open()
        backends.close()
        return await backends.send(signed(1, outbound()))

    assert refused(lambda: asyncio.run(call()), Fault.BUSY).retry_after_s == 1
    refused(lambda: asyncio.run(Backends().send(signed(1, outbound()))), Fault.BUSY)


def test_a_call_that_is_under_way_when_the_session_closes_fails() -> None:
    async def call() -> Answer:
        arrived = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            arrived.set()
            await reader.read()

        async with raw_backend(talk) as port:
            backends = Backends()
            backends.open()
            sending = asyncio.create_task(backends.send(signed(port, outbound())))
            await arrived.wait()
            backends.close()
            return await sending

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)


def test_closing_ends_the_connections_that_are_kept_for_the_next_call() -> None:
    async def call() -> None:
        ended = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            assert await reader.read() == b""
            ended.set()

        async with raw_backend(talk) as port:
            backends = Backends()
            backends.open()
            await backends.send(signed(port, outbound()))
            backends.close()
            async with asyncio.timeout(PATIENCE_S):
                await ended.wait()

    asyncio.run(call())


def test_opening_twice_keeps_the_session_and_closing_twice_is_once() -> None:
    async def call() -> None:
        backends = Backends()
        backends.open()
        backends.open()
        backends.close()
        backends.close()

    asyncio.run(call())


def test_after_a_failure_the_next_call_is_served() -> None:
    said = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(said.pop(0))
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            with pytest.raises(Refusal):
                await backends.send(signed(port, outbound(method="POST")))
            return await backends.send(signed(port, outbound(method="POST")))

    assert asyncio.run(call()).status == 200


def test_a_connection_is_used_again() -> None:
    ports: set[int] = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async def call() -> None:
        async with aiohttp_backend(handler) as port, opened() as backends:
            for _ in range(3):
                await backends.send(signed(port, outbound()))

    asyncio.run(call())
    assert len(ports) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_call_that_changes_something_is_sent_once_whatever_happens(method: str) -> None:
    """No retries: what was decided once, counted once and signed once is sent once."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        heard.append(await request_of(reader))

    async def call() -> None:
        async with raw_backend(talk) as port, opened() as backends:
            await backends.send(signed(port, outbound(method=method)))
            await backends.send(signed(port, outbound(method=method)))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)
    assert len(heard) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_timeout_comes_when_it_should_and_the_connection_is_gone(method: str) -> None:
    async def call() -> float:
        ended = asyncio.Event()

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            ended.set()

        async with raw_backend(drip) as port, opened() as backends:
            began = time.perf_counter()
            with pytest.raises(Refusal) as caught:
                await backends.send(signed(port, outbound(method=method), timeout_ms=500))
            took = time.perf_counter() - began
            assert caught.value.fault is Fault.BACKEND_TIMEOUT
            async with asyncio.timeout(PATIENCE_S):
                await ended.wait()
            return took

    assert_in_time(lambda: asyncio.run(call()))


def test_a_backend_that_neither_reads_nor_ends_its_answer_is_a_timeout() -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        await asyncio.sleep(1)

    async def call() -> float:
        async with raw_backend(stuck) as port, opened() as backends:
            large = outbound(method="POST", body=b"x" * 40_000_000)
            began = time.perf_counter()
            with pytest.raises(Refusal) as caught:
                await backends.send(signed(port, large, timeout_ms=500))
            assert caught.value.fault is Fault.BACKEND_TIMEOUT
            return time.perf_counter() - began

    assert_in_time(lambda: asyncio.run(call()))
