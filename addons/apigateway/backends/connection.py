"""A connection to a backend over HTTP/1.1: one exchange at a time, read by llhttp.

llhttp (in httptools) says where an answer ends and what is malformed. What it leaves to its user is
done here: answers to HEAD, answers that end with their connection, interim answers, and limits.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import cast

import httptools

from apigateway.protocol.wire import Pairs

HEAD_BYTES = 256 * 1024
"""Of an answer's head, interim answers before it included; and of what comes at a stretch and is
no content: a trailer, the sizes of chunks."""

FIELD_BYTES = 64 * 1024

_VERSIONS = ("1.1", "1.0")


class BrokenAnswer(Exception):
    """What came is no answer, or no answer that may pass; the text says why."""


class Unanswered(BrokenAnswer):
    """The connection ended before a byte of an answer came."""


@dataclass(slots=True)
class BackendAnswer:
    """`headers` in order, bytes that are not UTF-8 as surrogate escapes."""

    status: int
    reason: str
    headers: Pairs
    body: bytes


@dataclass(slots=True)
class _Exchange:
    """What is known of the answer that is being read."""

    result: "asyncio.Future[BackendAnswer]"
    is_head: bool
    most_bytes: int
    parser: httptools.HttpResponseParser
    status: int = 0
    reason: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    head_bytes: int = 0
    body_bytes: int = 0
    bytes_without_content: int = 0
    in_body: bool = False
    ends_with_connection: bool = False
    end_was_told: bool = False


class BackendConnection(asyncio.Protocol):
    """`is_usable` for one more exchange when none is under way."""

    def __init__(self) -> None:
        self.is_usable = False
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: _Exchange | None = None

    def exchange(
        self, request: bytes, *, is_head: bool, most_bytes: int
    ) -> "asyncio.Future[BackendAnswer]":
        """Send a whole request; what is returned is its answer, with at most `most_bytes` of body.

        The answer is a BrokenAnswer, or what the transport ended with (OSError, ssl.SSLError), when
        it cannot be had. A caller that no longer waits must `close` the connection.
        """
        assert self._transport is not None
        result: asyncio.Future[BackendAnswer] = asyncio.get_running_loop().create_future()
        if not self.is_usable:  # it ended before it was used: nobody would say so again
            result.set_exception(Unanswered("the connection ended before a request"))
            return result
        parser = self._parser or self._new_parser()
        self._parser = None if is_head else parser
        self._exchange = _Exchange(result, is_head, most_bytes, parser)
        self.is_usable = False
        self._transport.write(request)
        return result

    def _new_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        # Old backends write bare line feeds, and blanks behind the size of a chunk.
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        return parser

    def close(self) -> None:
        """At once; an exchange under way ends with a BrokenAnswer."""
        self.is_usable = False
        self._fail(BrokenAnswer("the connection was closed"))
        if self._transport is not None:
            self._transport.abort()

    # --- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_usable = True

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:  # nobody asked
            self.close()
            return
        content = exchange.body_bytes if exchange.in_body else -1
        if content < 0:
            exchange.head_bytes += len(data)
        try:
            exchange.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(BrokenAnswer(f"answers {exchange.parser.get_status_code()}, unasked"))
        except httptools.HttpParserCallbackError as problem:
            cause = problem.__context__
            self._break(cause if isinstance(cause, BrokenAnswer) else BrokenAnswer(str(problem)))
        except httptools.HttpParserError as problem:
            if self._exchange is exchange:
                self._break(BrokenAnswer(f"malformed: {problem}"))
            else:  # the answer is whole; what came behind it is nobody's
                self.close()
        else:
            if self._exchange is exchange:
                self._check_limits(exchange, len(data), content)

    def eof_received(self) -> bool:
        if self._exchange is not None:
            self._exchange.end_was_told = _is_told(self._transport)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_usable = False
        self._parser = None  # each knows the other: no look of the collector for them
        exchange = self._exchange
        if exchange is None:
            return
        if exc is None and exchange.ends_with_connection and exchange.end_was_told:
            self._complete(exchange)
        elif exchange.head_bytes and (exc is None or isinstance(exc, ConnectionError)):
            # Not asked again: the backend has acted on the request.
            why = f": {exc}" if exc is not None else ""
            self._fail(BrokenAnswer(f"the connection ended in the middle of the answer{why}"))
        elif exc is not None:
            self._fail(exc)
        else:
            self._fail(Unanswered("the connection ended before an answer"))

    # --- what the parser says

    def on_status(self, status: bytes) -> None:
        self._under_way().reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._under_way()
        if len(name) + len(value) > FIELD_BYTES:
            raise BrokenAnswer(f"a field of more than {FIELD_BYTES} bytes")
        if exchange.in_body:  # a trailer
            return
        text = value.decode("utf-8", "surrogateescape")
        exchange.headers.append((name.decode("latin-1"), text.rstrip(" \t")))

    def on_headers_complete(self) -> None:
        exchange = self._under_way()
        exchange.status = status = exchange.parser.get_status_code()
        if exchange.parser.get_http_version() not in _VERSIONS or status < 100:
            raise BrokenAnswer(f"HTTP/{exchange.parser.get_http_version()} {status}")
        if status < 200:
            if status == 101:
                raise BrokenAnswer("answers 101, unasked")
            return
        exchange.in_body = True
        if exchange.is_head:
            self._complete(exchange)
            return
        has_length = False
        for name, value in exchange.headers:
            lower = name.lower()
            if lower == "content-length":
                has_length = True
                if (
                    value.isdigit()
                    and int(value) > exchange.most_bytes
                    and status not in (204, 304)
                ):
                    raise BrokenAnswer(f"answer of {value} bytes")
            elif lower == "transfer-encoding":
                has_length = has_length or value.lower().rpartition(",")[2].strip() == "chunked"
        exchange.ends_with_connection = not has_length

    def on_body(self, data: bytes) -> None:
        exchange = self._under_way()
        exchange.body_bytes += len(data)
        if exchange.body_bytes > exchange.most_bytes:
            raise BrokenAnswer(f"answer beyond {exchange.most_bytes} bytes")
        exchange.body.append(data)

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.status < 200:  # an interim answer: the one that counts is still to come
            exchange.headers.clear()
            exchange.reason = b""
            return
        self._complete(exchange)

    def _under_way(self) -> _Exchange:
        if self._exchange is None:
            raise BrokenAnswer("more came than the answer")
        return self._exchange

    # --- how an exchange ends

    def _check_limits(self, exchange: _Exchange, received: int, content: int) -> None:
        """Of an answer that goes on after `received` bytes; `content` is how much of its body was
        there before them, -1 before its head was."""
        if not exchange.in_body:
            if exchange.head_bytes > HEAD_BYTES:
                self._break(BrokenAnswer(f"a head of more than {HEAD_BYTES} bytes"))
        elif exchange.body_bytes != content:
            exchange.bytes_without_content = 0
        else:
            exchange.bytes_without_content += received
            if exchange.bytes_without_content > HEAD_BYTES:
                self._break(BrokenAnswer(f"{HEAD_BYTES} bytes that are no content"))

    def _complete(self, exchange: _Exchange) -> None:
        self._exchange = None
        transport = self._transport
        assert transport is not None
        # A request that the backend did not read to its end must not run into the next one.
        is_read = not transport.get_write_buffer_size() and not transport.is_closing()
        self.is_usable = is_read and exchange.parser.should_keep_alive()
        if not is_read:
            transport.abort()
        elif not self.is_usable:
            transport.close()
        if not exchange.result.done():
            exchange.result.set_result(
                BackendAnswer(
                    exchange.status,
                    exchange.reason.decode("latin-1"),
                    tuple(exchange.headers),
                    b"".join(exchange.body),
                )
            )

    def _break(self, problem: BaseException) -> None:
        self._fail(problem)
        self.close()

    def _fail(self, problem: BaseException) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None and not exchange.result.done():
            exchange.result.set_exception(problem)


def _is_told(transport: asyncio.BaseTransport | None) -> bool:
    """Whether the backend itself ended what it sends. Over TLS it says so in TLS: anybody on the
    way can end the connection below (RFC 9112, 9.8)."""
    secured = None if transport is None else transport.get_extra_info("ssl_object")
    if secured is None:
        return True
    try:
        return not secured.read(1)
    except ssl.SSLError:
        return False
