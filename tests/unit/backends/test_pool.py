"""Connections are kept a moment, used last in first out, and closed when nobody comes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from unit.listening import EMPTY_ANSWER, raw_backend, request_of

from apigateway.backends import pool as module
from apigateway.backends.connection import BackendConnection
from apigateway.backends.pool import Door, HandshakeFailed, NotConnected, Pool


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request_of(reader)
        writer.write(EMPTY_ANSWER)


async def ask(connection: BackendConnection) -> int:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    return (await connection.exchange(request, is_head=False, most_bytes=9)).status


def with_pool(work: Callable[[Pool, Door], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with raw_backend(answer_all) as port:
            pool = Pool()
            try:
                return await work(pool, Door("127.0.0.1", port))
            finally:
                pool.close()

    return asyncio.run(run())


def test_the_connection_that_was_used_last_is_the_next() -> None:
    async def work(pool: Pool, door: Door) -> None:
        first, second = await pool.connect(door), await pool.connect(door)
        pool.put_back(door, first)
        pool.put_back(door, second)
        assert pool.idle(door) is second
        assert pool.idle(door) is first
        assert pool.idle(door) is None
        assert await ask(first) == 200

    with_pool(work)


def test_a_connection_is_for_its_own_door_alone() -> None:
    async def work(pool: Pool, door: Door) -> None:
        pool.put_back(door, await pool.connect(door))
        assert pool.idle(Door(door.address, door.port, None, "another.test")) is None
        assert pool.idle(Door(door.address, door.port + 1)) is None

    with_pool(work)


def test_one_that_ended_meanwhile_is_not_given() -> None:
    async def work(pool: Pool, door: Door) -> None:
        connection = await pool.connect(door)
        pool.put_back(door, connection)
        connection.close()
        assert pool.idle(door) is None

    with_pool(work)


def test_one_that_was_kept_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_S", 0.05)

    async def work(pool: Pool, door: Door) -> None:
        connection = await pool.connect(door)
        pool.put_back(door, connection)
        async with asyncio.timeout(30):
            while connection.is_usable:
                await asyncio.sleep(0.01)
        assert pool.idle(door) is None

    with_pool(work)


def test_an_exchange_that_was_given_up_closes_its_connection() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run() -> None:
        async with raw_backend(silent) as port:
            pool, door = Pool(), Door("127.0.0.1", port)
            connection = await pool.connect(door)
            asked = connection.exchange(b"x", is_head=False, most_bytes=9)
            asked.cancel()
            pool.put_back(door, connection)
            assert pool.idle(door) is None
            pool.close()

    asyncio.run(run())


def test_a_connection_that_is_made_while_the_pool_closes_is_none() -> None:
    async def work(pool: Pool, door: Door) -> None:
        connecting = asyncio.create_task(pool.connect(door))
        await asyncio.sleep(0)
        pool.close()
        with pytest.raises(NotConnected, match="are closed"):
            await connecting

    with_pool(work)


def test_nobody_there_and_no_tls_there_are_told_apart() -> None:
    async def work(pool: Pool, door: Door) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            with pytest.raises(NotConnected, match="Connect call failed"):
                await pool.connect(Door("127.0.0.1", held.getsockname()[1]))
        tls = Door(door.address, door.port, ssl.create_default_context(), "a.test")
        with pytest.raises(HandshakeFailed), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                async with raw_backend(_say_nonsense) as port:
                    await pool.connect(Door(tls.address, port, tls.context, "a.test"))

    with_pool(work)


async def _say_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"no handshake\r\n")
    await writer.drain()
