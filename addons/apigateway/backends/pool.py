"""Connections to backends, kept a moment for the next call of whomever."""

import asyncio
import socket
import ssl
from collections import deque
from dataclasses import dataclass

from apigateway.backends.connection import BackendConnection

KEPT_S = 4.0
"""How long a connection is kept for the next call. Backends close theirs after 5 s and more."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where connections are alike: one address and port, and the same way of TLS. `server_name` is
    what a handshake asks for; without a `context` there is none."""

    address: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str = ""


class HandshakeFailed(Exception):
    """The backend was reached, and TLS with it failed; the text says how."""


class NotConnected(Exception):
    """The backend could not be reached; the text says why."""


class Pool:
    """Needs the running event loop. How many there are at one address is counted elsewhere."""

    def __init__(self) -> None:
        self._idle: dict[Door, deque[tuple[float, BackendConnection]]] = {}
        self._all: set[BackendConnection] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_closed = False

    def idle(self, door: Door) -> BackendConnection | None:
        """The connection that was used last, which no other call gets until it is put back."""
        kept = self._idle.get(door)
        oldest = self._loop.time() - KEPT_S
        while kept:
            since, connection = kept.pop()
            if connection.is_usable and since >= oldest:
                return connection
            self.drop(connection)
        return None

    async def connect(self, door: Door) -> BackendConnection:
        """
        Raises:
            NotConnected, HandshakeFailed
        """
        family = socket.AF_INET6 if ":" in door.address else socket.AF_INET
        link = socket.socket(family, socket.SOCK_STREAM)
        try:
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await self._loop.sock_connect(link, (door.address, door.port))
            except OSError as problem:
                raise NotConnected(f"{type(problem).__name__}: {problem}") from problem
            try:
                _, connection = await self._loop.create_connection(
                    BackendConnection,
                    sock=link,
                    ssl=door.context,
                    server_hostname=door.server_name if door.context is not None else None,
                )
            except (OSError, ValueError) as problem:  # ValueError: a name that no certificate has
                raise HandshakeFailed(f"{type(problem).__name__}: {problem}") from problem
        except BaseException:
            link.close()
            raise
        if self._is_closed:  # meanwhile: nobody would look after it
            connection.close()
            raise NotConnected("backend connections are closed")
        self._all.add(connection)
        return connection

    def put_back(self, door: Door, connection: BackendConnection) -> None:
        """After an exchange, however it ended."""
        if not connection.is_usable:
            self.drop(connection)
            return
        self._idle.setdefault(door, deque()).append((self._loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(KEPT_S, self._sweep)

    def drop(self, connection: BackendConnection) -> None:
        self._all.discard(connection)
        connection.close()

    def close(self) -> None:
        """All connections, those that are still being made too; exchanges under way fail."""
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        for connection in list(self._all):
            self.drop(connection)

    def _sweep(self) -> None:
        """Close what nobody asked for in time."""
        oldest = self._loop.time() - KEPT_S
        for door, kept in list(self._idle.items()):
            while kept and (kept[0][0] < oldest or not kept[0][1].is_usable):
                self.drop(kept.popleft()[1])
            if not kept:
                del self._idle[door]
        self._sweeping = self._loop.call_later(KEPT_S / 4, self._sweep) if self._idle else None
