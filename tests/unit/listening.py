"""Backends on local sockets for tests, and calls to them, all in one event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from unit.build import SETTINGS, a_catalog, a_pass

from apigateway.backends.sending import Backends
from apigateway.errors import Fault, Refusal
from apigateway.exchange import HttpUpstream, Outbound, Signed
from apigateway.model.settings import BackendLimits

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

EMPTY_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Backends]:
    backends = Backends()
    backends.open()
    try:
        yield backends
    finally:
        backends.close()


@contextlib.asynccontextmanager
async def raw_backend(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A bare socket on a free port that says what it is told; the port. With `context` over TLS."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def request_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def signed(
    port: int,
    sent: Outbound,
    *,
    host: str = "backend.test",
    limits: BackendLimits | None = None,
    **changes: Any,
) -> Signed:
    """A call that is ready to be sent to 127.0.0.1; `changes` are those of its upstream."""
    upstream = HttpUpstream(
        **{"scheme": "http", "host": host, "port": port, "timeout_ms": 30_000, **changes}
    )
    catalog = a_catalog(settings=replace(SETTINGS, backends=limits or BackendLimits()))
    return a_pass(Signed, upstream=upstream, dispatched=sent, pinned="127.0.0.1", catalog=catalog)


def refused(call: Callable[[], object], fault: Fault) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    assert caught.value.fault is fault, caught.value.args
    return caught.value
