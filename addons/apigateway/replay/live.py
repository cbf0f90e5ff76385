"""Captured calls sent to a gateway that runs: the bytes of each as they were, one connection for
many, and what came back."""

import asyncio
import contextlib
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from apigateway.backends.resolver import SystemResolver
from apigateway.exchange import Answer
from apigateway.protocol.client_address import normal_address
from apigateway.protocol.wire import host_name, is_token
from apigateway.reception import CallerRequest
from apigateway.replay.on_the_wire import request_bytes
from apigateway.replay.sent import server_name

_IDLE_S = 1.0
"""A connection that rested longer is not used again: the gateway may be about to close it."""

_CHUNK = 65_536


class NoAnswer(Exception):
    """The text says why, for people."""


class NotReached(NoAnswer):
    """There was no connection at all."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a gateway listens."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Target":
        """
        Raises:
            ValueError: no URL of a gateway; the text says what is wrong.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no http:// or https:// URL")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{url} has more than host and port: paths are those of the calls")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, whatever a resolver says."""
        address = normal_address(self.host)
        if address is not None:
            return address.is_loopback
        return self.host == "localhost" or self.host.endswith(".localhost")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def trusting(cacert: str | None, *, anyone: bool) -> ssl.SSLContext:
    """
    Raises:
        ssl.SSLError, OSError: the file holds no certificates.
    """
    context = ssl.create_default_context(cafile=cacert)
    if anyone:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Line:
    """One call at a time to one target. Over HTTPS the server name is that of the capture, else the
    host that is called."""

    def __init__(
        self, target: Target, *, trust: ssl.SSLContext | None = None, timeout_s: float = 35.0
    ) -> None:
        self._target = target
        self._trust = trust
        self._timeout_s = timeout_s
        self._resolver = SystemResolver()
        self._open: _Connection | None = None

    async def send(self, request: CallerRequest) -> Answer:
        """
        Raises:
            NoAnswer: no connection, no answer in time, or none that is HTTP.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._connected(self._name_for(request))
                answer = await connection.exchange(request)
        except TimeoutError:
            await self.close()
            raise NoAnswer(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, h11.ProtocolError, asyncio.IncompleteReadError) as problem:
            await self.close()
            raise NoAnswer(f"no answer: {problem}") from None
        if not connection.is_ready:
            await self.close()
        elapsed_ms = round((loop.time() - began_s) * 1000, 3)
        return Answer(
            status=answer.status,
            reason=answer.reason,
            headers=answer.headers,
            body=answer.body,
            elapsed_ms=elapsed_ms,
        )

    async def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            await connection.close()

    def _name_for(self, request: CallerRequest) -> str:
        if self._target.scheme != "https":
            return ""
        host = host_name(request.authority or request.headers.first("Host") or "")
        return request.sni or server_name(host) or self._target.host

    async def _connected(self, name: str) -> "_Connection":
        found = self._open
        if found is not None and found.name == name and found.rested_s < _IDLE_S:
            return found
        await self.close()
        target = self._target
        addresses = await self._resolver.resolve(target.host, target.port)
        if not addresses:
            raise NotReached(f"{target.host} has no address")
        try:
            reader, writer = await asyncio.open_connection(
                addresses[0],
                target.port,
                ssl=self._trust if name else None,
                server_hostname=name or None,
            )
        except ssl.SSLError as problem:
            raise NotReached(f"{target}, as {name}: {problem.reason or problem}") from None
        except OSError as problem:
            number = problem.errno or 0
            why = os.strerror(number) if number > 0 else problem.strerror or problem
            raise NotReached(f"{target}: {why}") from None
        self._open = _Connection(name, reader, writer)
        return self._open


class _Connection:
    """`name` is what its TLS handshake asked for."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)
        self._since_s = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether another call can go over it."""
        return self._state.our_state is h11.IDLE

    @property
    def rested_s(self) -> float:
        return asyncio.get_running_loop().time() - self._since_s

    async def exchange(self, request: CallerRequest) -> Answer:
        self._note(request)
        self._writer.write(request_bytes(request))
        with contextlib.suppress(ConnectionError):  # it may answer before it read all
            await self._writer.drain()
        answer = await self._answer()
        with contextlib.suppress(h11.ProtocolError):  # it closes
            self._state.start_next_cycle()
        self._since_s = asyncio.get_running_loop().time()
        return answer

    def _note(self, request: CallerRequest) -> None:
        """Only what the reading of an answer depends on: the bytes are ours."""
        method = request.method if is_token(request.method) else "GET"
        method = "GET" if method.upper() == "CONNECT" else method
        fields = [("Host", "gateway")]
        last = ",".join(request.headers.all("Connection")).lower()
        if "close" in last or request.http_version == "HTTP/1.0":
            fields.append(("Connection", "close"))
        self._state.send(h11.Request(method=method, target="/", headers=fields))
        self._state.send(h11.EndOfMessage())

    async def _answer(self) -> Answer:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._state.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _answer_of(head, bytes(body))
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise ConnectionError("the connection was closed")

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()


def _answer_of(head: h11.Response, body: bytes) -> Answer:
    headers = tuple(
        (_text(bytes(name)), _text(bytes(value))) for name, value in head.headers.raw_items()
    )
    reason = bytes(head.reason).decode("latin-1")
    return Answer(
        status=head.status_code, reason=reason, headers=headers, body=body, elapsed_ms=0.0
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
