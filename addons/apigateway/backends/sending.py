"""A decided call to its backend, and the answer back; each way it can fail has its fault.

The address that the VPC allow-list checked is the one connected to: no name is resolved here. What
was decided is what is sent, byte for byte and once; redirects, cookies and compression are the
caller's business.
"""

import asyncio
import re
import ssl
import time

from apigateway.backends.connection import (
    BackendAnswer,
    BackendConnection,
    BrokenAnswer,
    Unanswered,
)
from apigateway.backends.pool import Door, HandshakeFailed, NotConnected, Pool
from apigateway.backends.tls import client_context
from apigateway.backends.turns import Turns
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, HttpUpstream, MockUpstream, Signed
from apigateway.protocol.wire import Pairs

_SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing: sent again where a kept connection turns out to be closed."""

_WITH_BODY = ("POST", "PUT", "PATCH")
_TARGET = re.compile(r"/[\x21-\x7e]*").fullmatch


class Backends:
    """The connections to all backends. `open()` needs the running event loop.

    What a call may cost (connections, bytes) is what the call's own catalog says.
    """

    def __init__(self) -> None:
        self._turns = Turns()
        self._pool: Pool | None = None
        self._context: ssl.SSLContext | None = None

    def open(self) -> None:
        if self._pool is None:
            self._context = self._context or client_context()
            self._pool = Pool()

    def close(self) -> None:
        """Let go of every connection. Calls under way end with BACKEND_FAILED."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    async def send(self, call: Signed) -> Answer:
        """
        Raises:
            Refusal: BACKEND_TIMEOUT, BACKEND_CONNECT, BACKEND_TLS, BACKEND_FAILED; INVALID_HEADER
                for bytes that are not sent; BUSY when not open.
        """
        upstream = call.upstream
        if isinstance(upstream, MockUpstream):
            return mock_answer(upstream)
        pool = self._pool
        if pool is None:
            raise Refusal(Fault.BUSY, "backend connections are closed", retry_after_s=1)
        limits = call.catalog.settings.backends
        began = 0.0
        try:
            request = request_bytes(call, upstream)
            async with (
                asyncio.timeout(upstream.timeout_ms / 1000),
                self._turns.turn((call.pinned, upstream.port), limits.connections),
            ):
                began = time.perf_counter()
                found = await self._exchange(pool, call, upstream, request)
        except TimeoutError:
            waited = "" if began else f", waiting for one of {limits.connections} connections"
            detail = f"after {upstream.timeout_ms} ms{waited}"
            raise Refusal(Fault.BACKEND_TIMEOUT, detail) from None
        except (NotConnected, HandshakeFailed, BrokenAnswer, OSError, ValueError) as problem:
            raise _refusal_of(problem) from None
        return Answer(
            status=found.status,
            reason=_plain(found.reason),
            headers=found.headers,
            body=found.body,
            elapsed_ms=(time.perf_counter() - began) * 1000,
        )

    async def _exchange(
        self, pool: Pool, call: Signed, upstream: HttpUpstream, request: bytes
    ) -> BackendAnswer:
        door, method = self._door(call, upstream), call.dispatched.method
        most_bytes = call.catalog.settings.backends.answer_bytes
        kept = pool.idle(door)
        if kept is not None:
            try:
                return await _ask(pool, door, kept, request, method, most_bytes)
            except (Unanswered, ConnectionError):
                if method not in _SAFE:
                    raise
        made = await pool.connect(door)
        return await _ask(pool, door, made, request, method, most_bytes)

    def _door(self, call: Signed, upstream: HttpUpstream) -> Door:
        if upstream.scheme != "https":
            return Door(call.pinned, upstream.port)
        context = upstream.tls.context if upstream.tls is not None else self._context
        return Door(call.pinned, upstream.port, context, upstream.server_name)


async def _ask(
    pool: Pool,
    door: Door,
    connection: BackendConnection,
    request: bytes,
    method: str,
    most_bytes: int,
) -> BackendAnswer:
    try:
        asked = connection.exchange(request, is_head=method == "HEAD", most_bytes=most_bytes)
        return await asked
    finally:
        pool.put_back(door, connection)  # one whose caller was cancelled is not usable, and dropped


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
        Refusal: INVALID_HEADER, bytes that no backend should get.
    """
    for name, value in headers:
        if not value.isascii() and not _is_text(value):
            raise Refusal(
                Fault.INVALID_HEADER, "it goes to the backend", name=name, reason="is not UTF-8"
            )


def request_bytes(call: Signed, upstream: HttpUpstream) -> bytes:
    """The whole request as it goes out.

    Raises:
        Refusal: INVALID_HEADER, as `refuse_unsendable`.
        BrokenRequest: what was decided is not one request, but more or none.
    """
    sent = call.dispatched
    refuse_unsendable(sent.headers)
    fields = [f"{name}: {value}\r\n" for name, value in sent.headers]
    if sent.body or sent.method in _WITH_BODY:
        fields.append(f"Content-Length: {len(sent.body)}\r\n")
    target = sent.target
    first = f"{sent.method} {target} HTTP/1.1\r\nHost: {upstream.authority}\r\n"
    head = f"{first}{''.join(fields)}\r\n"
    lines = len(fields) + 3
    if _TARGET(target) is None or head.count("\r") != lines or head.count("\n") != lines:
        raise BrokenRequest("the request line or a field holds what would be a line of its own")
    return head.encode("utf-8", "surrogateescape") + sent.body


class BrokenRequest(BrokenAnswer):
    """A fault of ours: the request would not be read as what was decided."""


def _plain(reason: str) -> str:
    """A reason phrase; none when it holds what no caller may be sent."""
    return "" if any(ord(sign) < 32 or ord(sign) == 127 for sign in reason) else reason


def _refusal_of(problem: Exception) -> Refusal:
    """The fault that a failed exchange stands for; its text is for the operator."""
    if isinstance(problem, NotConnected):
        return Refusal(Fault.BACKEND_CONNECT, str(problem), reason="")
    if isinstance(problem, HandshakeFailed):
        return Refusal(Fault.BACKEND_TLS, str(problem), reason="")
    detail = f"{type(problem).__name__}: {problem}"
    if isinstance(problem, ssl.SSLError):
        # In TLS 1.3 a backend that misses the client's certificate says so after the handshake.
        return Refusal(Fault.BACKEND_TLS, detail, reason="")
    return Refusal(Fault.BACKEND_FAILED, detail)


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
