"""What backends are for tests of sending, and what is heard and answered there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web
from unit.build import outbound
from unit.listening import (
    opened,
    raw_backend,
    request_of,
    signed,
)

from apigateway.exchange import Answer, Outbound

PATIENCE_S = 20.0
"""For what is to come on a busy machine. A call has half a minute, where its test says nothing."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def aiohttp_backend(handler: Handler) -> AsyncIterator[int]:
    """A web server of aiohttp on a free port; the port."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def heard_by_raw(sent: Outbound, **changes: Any) -> tuple[bytes, Answer]:
    """The very bytes a backend gets for a request, and its empty answer."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_of(reader)
        heard.append(head + await reader.readexactly(len(sent.body)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, sent, **changes))

    answer = asyncio.run(call())
    assert len(heard) == 1
    return heard[0], answer


def answered_raw(*pieces: bytes, sent: Outbound | None = None, **options: Any) -> Answer:
    """The answer that the gateway reads from `pieces` of a backend that then closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, sent or outbound(), **options))

    return asyncio.run(call())


def answered(handler: Handler, sent: Outbound | None = None) -> Answer:
    async def call() -> Answer:
        async with aiohttp_backend(handler) as port, opened() as backends:
            return await backends.send(signed(port, sent or outbound()))

    return asyncio.run(call())
