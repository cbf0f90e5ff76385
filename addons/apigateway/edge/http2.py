"""The HTTP/2 side of a client connection: mitmproxy's, with limits and our refusals.

The h2 package checks much of a request, but versions differ (4.1 lets line breaks through), and
mitmproxy bounds neither bodies nor what a client may do for nothing. A request that is refused
gets its answer on its own stream; the others of the connection go on.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import h2.errors
import h2.events
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http2 import Http2Server

from apigateway.edge.fields import Field, check_http2_request, invalid
from apigateway.edge.http1 import Leaving, Overdue
from apigateway.edge.refusals import (
    RefusedBody,
    RefusedHeaders,
    Verdict,
    refusal_for,
    status_of_code,
    verdict_on,
)
from apigateway.edge.rules import LINGER_SECONDS, Rules
from apigateway.edge.watch import Patience, Watch
from apigateway.errors import Fault, Refusal

Commands = CommandGenerator[None]

RESET_COST, IDLE_FRAME_COST = 10, 1
_IDLE_FRAMES = (
    h2.events.PingReceived,
    h2.events.PriorityUpdated,
    h2.events.RemoteSettingsChanged,
    h2.events.UnknownFrameReceived,
)
_GO_ELSEWHERE = bytes.fromhex("000008 07 00 00000000 7fffffff 00000000")
"""GOAWAY with the highest stream there can be (RFC 9113, 6.8): no new requests, please; those on
their way are answered. The h2 package knows only the GOAWAY that ends a connection."""
_ONLY_HTTP1 = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


class EdgeHttp2Server(Http2Server):
    """`_open` are the streams that are not answered yet; `_bodies` those whose body still comes,
    with the bytes received, the time it has to be complete by, and the request's method."""

    def __init__(self, context: Context, rules: Callable[[], Rules], watch: Watch) -> None:
        super().__init__(context)
        self._rules = rules
        self._watch = watch
        self._patience = Patience()
        self._open: set[int] = set()
        self._bodies: dict[int, _Body] = {}
        most = rules()
        settings = self.h2_conn.local_settings
        settings.max_concurrent_streams = most.limits.streams
        settings.max_header_list_size = most.head_bytes
        settings.acknowledge()
        # Above the limit, so that what is a little too large can be told so by an answer.
        self.h2_conn.decoder.max_header_list_size = 2 * most.head_bytes

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Overdue):
            return self._overdue()
        if isinstance(event, Leaving):
            return self._leave()
        if isinstance(event, ResponseProtocolError):
            return self._answer_error(event)
        if isinstance(event, ResponseEndOfMessage):
            return self._end_stream(event)
        return super()._handle_event(event)

    def handle_h2_event(self, event: h2.events.Event) -> CommandGenerator[bool]:
        cost = _cost_of(event)
        if cost and self._patience.is_over(cost):
            calm = h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
            yield from self.protocol_error("too many frames that bring nothing", calm)
            return True
        if isinstance(event, h2.events.RequestReceived):
            try:
                self._check_head(event)
            except Refusal as refusal:
                yield from self._refuse_head(event, refusal)
                return False
        elif isinstance(event, h2.events.DataReceived):
            refusal_of_body = self._count(event)
            if refusal_of_body is not None:
                length, stream_id = event.flow_controlled_length, _stream(event)
                self.h2_conn.acknowledge_received_data(length or 0, stream_id)
                yield from self._refuse_body(stream_id, refusal_of_body)
                return False
        elif isinstance(event, h2.events.TrailersReceived):
            return False  # checked by h2; nothing behind the edge reads trailers
        elif isinstance(event, h2.events.StreamEnded):
            self._bodies.pop(_stream(event), None)
            self._set_deadline()
        elif isinstance(event, h2.events.StreamReset):
            self._forget(_stream(event))
        stop: bool = yield from super().handle_h2_event(event)
        return stop

    def _check_head(self, event: h2.events.RequestReceived) -> None:
        """Raises Refusal; begins the stream's accounts otherwise."""
        rules = self._rules()
        fields = _plain(event.headers or ())
        length = check_http2_request(fields, rules.head_bytes)
        if length is not None and length > rules.body_bytes:
            raise Refusal(Fault.BODY_TOO_LARGE, f"{length} of {rules.body_bytes} bytes")
        if length and event.stream_ended:
            raise invalid("Content-Length", "is not the length of the body")
        stream_id = _stream(event)
        self._open.add(stream_id)
        if not event.stream_ended:
            self._bodies[stream_id] = _Body(time.monotonic() + rules.limits.body_seconds)
        self._set_deadline()

    def _count(self, event: h2.events.DataReceived) -> Refusal | None:
        body = self._bodies.get(_stream(event))
        if body is None:
            return None
        most = self._rules().body_bytes
        body.received += len(event.data or b"")
        if body.received <= most:
            return None
        return Refusal(Fault.BODY_TOO_LARGE, f"more than {most} bytes of data")

    def _refuse_head(self, event: h2.events.RequestReceived, refusal: Refusal) -> Commands:
        stream_id, request = _stream(event), _shown(_plain(event.headers or ()))
        verdict = verdict_on(refusal, self._rules().style, request.method)
        self._send(stream_id, verdict, ended=bool(event.stream_ended))
        yield ReceiveHttp(RefusedHeaders(stream_id, request, verdict))
        self._set_deadline()

    def _refuse_body(self, stream_id: int, refusal: Refusal) -> Commands:
        verdict = verdict_on(refusal, self._rules().style)
        self._send(stream_id, verdict, ended=False)
        self.streams.pop(stream_id, None)
        self._forget(stream_id)
        yield ReceiveHttp(RefusedBody(stream_id, verdict))

    def _send(self, stream_id: int, verdict: Verdict, *, ended: bool) -> None:
        """The answer on its stream, and a reset without fault for a body that nobody reads."""
        if not self.is_open_for_us(stream_id):
            return
        fields = [
            (name.lower(), value)
            for name, value in verdict.response.headers.fields
            if name.lower() not in _ONLY_HTTP1
        ]
        status = (b":status", b"%d" % verdict.response.status_code)
        body = verdict.response.raw_content or b""
        self.h2_conn.send_headers(stream_id, [status, *fields], end_stream=not body)
        if body:
            self.h2_conn.send_data(stream_id, body, end_stream=True)
        if not ended and not self.is_closed(stream_id):
            self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR)

    def _answer_error(self, event: ResponseProtocolError) -> Commands:
        """mitmproxy's own errors: our answer where its page would have been."""
        status, stream_id = status_of_code(event.code), event.stream_id
        if status is not None and self.is_open_for_us(stream_id):
            stream: Any = self.h2_conn.streams.get(stream_id)
            if stream is not None and not stream.state_machine.headers_sent:
                refusal = refusal_for(status, event.message)
                verdict = verdict_on(refusal, self._rules().style)
                self._send(stream_id, verdict, ended=stream_id not in self._bodies)
                yield from self._flush()
        else:
            yield from super()._handle_event(event)
        self._forget(stream_id)

    def _end_stream(self, event: HttpEvent) -> Commands:
        yield from super()._handle_event(event)
        self._forget(event.stream_id)

    def _forget(self, stream_id: int) -> None:
        self._open.discard(stream_id)
        self._bodies.pop(stream_id, None)
        self._set_deadline()

    def _set_deadline(self) -> None:
        """The first body that is due; idle when nothing is open; never while only we are busy."""
        if self._bodies:
            self._watch.deadline = min(body.due for body in self._bodies.values())
        elif self._open:
            self._watch.rest()
        else:
            self._watch.within(self._rules().limits.idle_seconds)

    def _leave(self) -> Commands:
        self._set_deadline()
        yield commands.SendData(self.conn, _GO_ELSEWHERE)

    def _overdue(self) -> Commands:
        now = time.monotonic()
        late = [stream_id for stream_id, body in self._bodies.items() if body.due <= now]
        for stream_id in late:
            refusal = Refusal(Fault.REQUEST_TIMEOUT, "the body took too long")
            yield from self._refuse_body(stream_id, refusal)
        if late:
            yield from self._flush()
        elif not self._open:
            self.h2_conn.close_connection()
            yield from self._flush()
            yield from self.close_connection("idle")

    def _flush(self) -> Commands:
        if data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)

    def close_connection(self, msg: str) -> Commands:
        self._watch.ready = False  # what comes now is only to be closed
        self._watch.within(LINGER_SECONDS)
        yield from super().close_connection(msg)


class _Body:
    __slots__ = ("due", "received")

    def __init__(self, due: float) -> None:
        self.due = due
        self.received = 0


def _stream(event: Any) -> int:
    """The stream of an event; the h2 package types it as optional."""
    stream_id: int = event.stream_id
    return stream_id


def _plain(headers: Iterable[Any]) -> list[Field]:
    return [(bytes(name), bytes(value)) for name, value in headers]


def _cost_of(event: h2.events.Event) -> int:
    if isinstance(event, h2.events.StreamReset):
        return RESET_COST
    if isinstance(event, _IDLE_FRAMES):
        return IDLE_FRAME_COST
    if isinstance(event, h2.events.DataReceived) and not event.data:
        return IDLE_FRAME_COST
    return 0


def _shown(fields: list[Field]) -> http.Request:
    """What can be shown of a request that was refused."""
    pseudo = dict(field for field in fields if field[0].startswith(b":"))
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    return http.Request(
        host="",
        port=0,
        method=method[:32] if method.isalpha() else b"UNKNOWN",
        scheme=b"https",
        authority=pseudo.get(b":authority", b"")
        if pseudo.get(b":authority", b"").isascii()
        else b"",
        path=path[:2048] if path.startswith(b"/") and path.isascii() else b"/",
        http_version=b"HTTP/2.0",
        headers=http.Headers([field for field in fields if not field[0].startswith(b":")][:100]),
        content=b"",
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
