"""Calling backends: connections pooled for all callers, and each way it can fail named.

The address that the VPC allow-list checked is the one connected to: the session never resolves
a name. Redirects, cookies, compression and retries of other clients are off; what was decided
is what is sent.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from apigateway.backend_tls import client_context
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, HttpUpstream, MockUpstream, Signed
from apigateway.turns import Turns
from apigateway.wire import Pairs

KEPT_S = 4.0
"""How long a connection is kept for the next call. Backends close theirs after 5 s and more."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class SystemResolver:
    """Names to addresses by the machine's own resolver, off the event loop, kept a short while.

    `keep_s` is how long an answer is used again; `patience_s` bounds one lookup.
    """

    def __init__(self, *, keep_s: float = 10.0, patience_s: float = 5.0) -> None:
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """IPv4 before IPv6, each once; empty when the name has none or the lookup fails.

        A literal address is its own answer; a name under `.localhost` is the loopback
        (RFC 6761), since not every resolver knows it.
        """
        if (address := _own_address(host)) is not None:
            return (address,)
        now = time.monotonic()
        known = self._known.get((host, port))
        if known is not None and known[0] > now:
            return known[1]
        addresses = await self._look_up(host, port)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[host, port] = (now + self._keep_s, addresses)
        return addresses

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience_s):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            return ()
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return tuple(sorted(addresses, key=lambda address: ":" in address))


@lru_cache(maxsize=4096)
def _own_address(host: str) -> str | None:
    """The address that a name is without asking anybody; None for a name that is to be resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        ip_address(host)
    except ValueError:
        return None
    return host


class Backends:
    """The session to all backends. `open()` needs the running event loop.

    What a call may cost (connections, bytes) is what the call's own catalog says.
    """

    def __init__(self) -> None:
        self._turns = Turns()
        self._once: aiohttp.ClientSession | None = None
        self._again: aiohttp.ClientSession | None = None
        self._closing: asyncio.Future[None] | None = None

    def open(self) -> None:
        if self._once is not None:
            return
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,  # the turns keep the count, over all server names of an address
            keepalive_timeout=KEPT_S,
            use_dns_cache=False,
            ssl=client_context(),
        )
        self._once, self._again = _session(connector), _session(connector)
        # aiohttp sends PUT and DELETE again when a kept connection turns out to be closed; a
        # backend must see once what the caller sent once.
        self._once._retry_connection = False

    def close(self) -> "asyncio.Future[None] | None":
        """Let go of every connection; what is returned is done when they are gone.

        Calls under way end with BACKEND_FAILED.
        """
        sessions, self._once, self._again = (self._once, self._again), None, None
        if sessions[0] is not None and sessions[0].connector is not None:
            self._closing = asyncio.ensure_future(_shut(sessions[0].connector, sessions))
        return self._closing

    async def send(self, call: Signed) -> Answer:
        """
        Raises:
            Refusal: BACKEND_TIMEOUT, BACKEND_CONNECT, BACKEND_TLS, BACKEND_FAILED.
        """
        upstream = call.upstream
        if isinstance(upstream, MockUpstream):
            return mock_answer(upstream)
        session = self._again if call.dispatched.method in _SAFE else self._once
        if session is None:
            raise Refusal(Fault.BUSY, "backend connections are closed", retry_after_s=1)
        limits = call.catalog.settings.backends
        began = 0.0
        try:
            async with (
                asyncio.timeout(upstream.timeout_ms / 1000),
                self._turns.turn((call.pinned, upstream.port), limits.connections),
            ):
                began = time.perf_counter()
                answer = await _exchange(session, call, upstream, limits.answer_bytes)
        except TimeoutError:
            waited = "" if began else f", waiting for one of {limits.connections} connections"
            detail = f"after {upstream.timeout_ms} ms{waited}"
            raise Refusal(Fault.BACKEND_TIMEOUT, detail) from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise _refusal_of(problem) from None
        return replace(answer, elapsed_ms=(time.perf_counter() - began) * 1000)


def mock_answer(upstream: MockUpstream) -> Answer:
    return Answer(
        status=upstream.status,
        reason="",
        headers=upstream.headers,
        body=upstream.body,
        elapsed_ms=0.0,
    )


def refuse_unsendable(headers: Pairs) -> None:
    """
    Raises:
        Refusal: INVALID_HEADER, bytes that the session cannot send.
    """
    for name, value in headers:
        if not value.isascii() and not _is_text(value):
            raise Refusal(
                Fault.INVALID_HEADER, "it goes to the backend", name=name, reason="is not UTF-8"
            )


async def _exchange(
    session: aiohttp.ClientSession, call: Signed, upstream: HttpUpstream, most_bytes: int
) -> Answer:
    sent = call.dispatched
    refuse_unsendable(sent.headers)
    headers = CIMultiDict([("Host", upstream.authority), *spelled_alike(sent.headers)])
    if not sent.body and sent.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = "0"
    host = f"[{call.pinned}]" if ":" in call.pinned else call.pinned
    url = URL(f"{upstream.scheme}://{host}:{upstream.port}{sent.target}", encoded=True)
    async with session.request(
        sent.method,
        url,
        headers=headers,
        data=sent.body or None,
        allow_redirects=False,
        ssl=upstream.tls.context if upstream.tls is not None else True,
        server_hostname=upstream.server_name if upstream.scheme == "https" else None,
    ) as response:
        if response.status < 200:
            raise Refusal(Fault.BACKEND_FAILED, f"answers {response.status}, unasked")
        body = b"" if sent.method == "HEAD" else await _read(response, most_bytes)
        fields = tuple(
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in response.raw_headers
        )
        return Answer(
            status=response.status,
            reason=_plain(response.reason or ""),
            headers=fields,
            body=body,
            elapsed_ms=0.0,
        )


def spelled_alike(fields: Pairs) -> Iterator[tuple[str, str]]:
    """The fields in their order, those of one name in the spelling of the first: of `X-A` and
    `x-a` the session would send the last alone."""
    first: dict[str, str] = {}
    for name, value in fields:
        yield first.setdefault(name.lower(), name), value


def _plain(reason: str) -> str:
    """A reason phrase; none when it holds what no caller may be sent."""
    return "" if any(ord(sign) < 32 or ord(sign) == 127 for sign in reason) else reason


def _refusal_of(problem: Exception) -> Refusal:
    """The fault that an exception of the session stands for; its text is for the operator."""
    shown: BaseException = problem
    if isinstance(problem, aiohttp.ClientConnectorError):
        shown = problem.__cause__ or problem  # without the pool's own key
    detail = f"{type(shown).__name__}: {shown}"
    if _is_of_tls(problem):
        return Refusal(Fault.BACKEND_TLS, detail, reason="")
    if isinstance(problem, aiohttp.ClientConnectorError):
        return Refusal(Fault.BACKEND_CONNECT, detail, reason="")
    return Refusal(Fault.BACKEND_FAILED, detail)


def _is_of_tls(problem: Exception) -> bool:
    if isinstance(problem, aiohttp.ClientSSLError):
        return True
    if isinstance(problem, aiohttp.ClientConnectorError):
        # Connected, and then ended in the handshake: who does not listen refuses or is silent.
        ended = isinstance(problem.os_error, ConnectionError)
        return ended and not isinstance(problem.os_error, ConnectionRefusedError)
    # In TLS 1.3 a backend that misses the client's certificate says so after the handshake.
    return isinstance(problem.__cause__, ssl.SSLError)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_AUTOMATIC,
        timeout=aiohttp.ClientTimeout(),  # a call has one of its own, kept to the millisecond
        max_line_size=64 * 1024,
        max_field_size=64 * 1024,
    )


async def _shut(connector: aiohttp.BaseConnector, sessions: Sequence[object]) -> None:
    """Close the connector that the sessions share. They are held until then, and stay as they
    are: without a connector, calls under way would crash."""
    await connector.close()
    del sessions


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The whole body, refused once it is larger than an answer may be."""
    if response.content_length is not None and response.content_length > most_bytes:
        raise Refusal(Fault.BACKEND_FAILED, f"answer of {response.content_length} bytes")
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > most_bytes:
            raise Refusal(Fault.BACKEND_FAILED, f"answer beyond {most_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)
