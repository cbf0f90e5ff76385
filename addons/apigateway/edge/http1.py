"""The HTTP/1.1 side of a client connection: mitmproxy's, with a reader of our own.

mitmproxy's reader has no limit for a head, takes bare line feeds and folded lines, hangs on
trailers, and leaves chunks to h11, whose versions differ. Here every byte of a request goes
through `head.py` and `chunks.py`; what they refuse is answered at once and the connection closed.
"""

import time
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server

from apigateway.edge.chunks import ChunkReader
from apigateway.edge.direct import (
    WholeCall,
    WholeCallHook,
    answer_on_the_wire,
    has_wrong_length,
    is_bodiless,
)
from apigateway.edge.head import (
    END,
    RequestHead,
    check_unfinished,
    outline,
    read_head,
    too_large,
)
from apigateway.edge.refusals import RefusedBody, RefusedHeaders, Verdict, verdict_on
from apigateway.edge.rules import LINGER_BYTES, LINGER_SECONDS, UNREAD_BYTES, Rules
from apigateway.edge.watch import Watch
from apigateway.errors import Fault, Refusal

Commands = CommandGenerator[None]


class Overdue(events.Event):
    """The deadline of a connection has passed."""


class Leaving(events.Event):
    """This process takes no new connections and ends with the last it has."""


class EdgeHttp1Server(Http1Server):
    """`received` is what came and was not read yet; mitmproxy's own `buf` stays empty."""

    def __init__(
        self,
        context: Context,
        rules: Callable[[], Rules],
        watch: Watch,
        *,
        direct: bool = False,
        unsent: Callable[[], int] = lambda: 0,
    ) -> None:
        """With `direct`, a request that came in whole is led through its hooks in one go. `unsent`
        are the bytes that were written and that the client has not fetched yet."""
        super().__init__(context)
        self.received = bytearray()
        self._rules = rules
        self._watch = watch
        self._direct = direct
        self._unsent = unsent
        self._call: WholeCall | None = None
        self._method = b"GET"
        self._is_http_1_0 = False
        self._is_last = False
        self._searched = 0
        self._blank_lines = 0
        self._left = 0
        self._chunks: ChunkReader | None = None
        self._thrown_away = 0

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, HttpEvent):
            if isinstance(event, ResponseHeaders):
                self._tell_the_last(event.response)
            return self.send(event)
        if isinstance(event, events.DataReceived):
            self.received += event.data
        elif isinstance(event, events.HookCompleted):
            return self._send_answer()
        elif isinstance(event, Overdue):
            return self._overdue()
        elif isinstance(event, Leaving):
            return self._leave()
        return self.state(event)

    def send(self, event: HttpEvent) -> Commands:
        """As mitmproxy does, but nothing behind the head of an answer that ends with it."""
        is_behind = isinstance(event, (ResponseData, ResponseEndOfMessage))
        if not is_behind or self.response is None or not is_bodiless(self._method, self.response):
            yield from super().send(event)
        elif isinstance(event, ResponseEndOfMessage):
            yield from self.mark_done(response=True)

    def read_headers(self, event: events.Event) -> Commands:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        rules = self._rules()
        try:
            taken = self._take_head(rules)
        except Refusal as refusal:
            yield from self._refuse(refusal, outline(bytes(self.received)))
            return
        if taken is None:
            return
        raw, head = taken
        if head.body_bytes is not None and head.body_bytes > rules.body_bytes:
            too_much = f"{head.body_bytes} of {rules.body_bytes} bytes"
            yield from self._refuse(Refusal(Fault.BODY_TOO_LARGE, too_much), outline(raw))
            return
        self.request, self._method, self._is_last = request_of(head), head.method, head.closes
        self._is_http_1_0 = head.version == b"HTTP/1.0"
        self._chunks = ChunkReader(rules.body_bytes) if head.body_bytes is None else None
        self._left = head.body_bytes or 0
        if self._direct and not head.expects and _is_there(head.body_bytes, self.received):
            yield self._lead()
            return
        yield ReceiveHttp(RequestHeaders(self.stream_id, self.request, head.body_bytes == 0))
        self._watch.within(rules.limits.body_seconds)
        self.state = self.read_body
        yield from self.read_body(events.DataReceived(self.conn, b""))

    def _lead(self) -> WholeCallHook:
        """The task that takes a whole request through its hooks. Its end comes as an event of its
        own, and until then this reader goes on: who leaves or sends too much is seen."""
        assert self.request is not None
        data, server = self.request.data, self.context.server
        data.content = self._take_body() if self._left else b""
        if server.address:
            data.host, data.port = server.address
        data.scheme = b"https" if server.tls else b"http"
        flow = http.HTTPFlow(self.context.client, server, live=True)
        flow.request = self.request
        self._call = WholeCall(flow)
        self.state = self.wait_for_answer
        self._watch.rest()
        hook = WholeCallHook(self._call)
        hook.blocking = self  # type: ignore[assignment]  # as mitmproxy marks it for outer layers
        return hook

    def wait_for_answer(self, event: events.Event) -> Commands:
        """As `wait`, of a call that is led through its hooks."""
        assert self._call is not None
        if isinstance(event, events.ConnectionClosed):
            self._call.gone = "Client disconnected."
            if event.connection.state is not ConnectionState.CLOSED:
                yield commands.CloseConnection(self.conn)
        elif len(self.received) > self._rules().waiting_bytes:
            self._call.gone = "the client sent too much ahead"
            yield commands.CloseConnection(self.conn)
        if self._call.gone:
            self.received.clear()
            self.state = self.done

    def _send_answer(self) -> Commands:
        call, self._call = self._call, None
        if call is None or self.state != self.wait_for_answer:
            return
        response = call.flow.response
        if not call.is_answered or response is None:
            self.state = self.done
            yield commands.CloseConnection(self.conn)
            return
        self._tell_the_last(response)
        raw, ends = answer_on_the_wire(self._method, response)
        yield commands.SendData(self.conn, raw)
        if ends:
            self.state = self.done
            self._watch.within(LINGER_SECONDS)
            yield commands.CloseConnection(self.conn)
            return
        self.stream_id += 2
        self.request = None
        self.state = self.read_headers
        self._watch.within(self._rules().limits.idle_seconds)
        if self.received:
            yield from self.read_headers(events.DataReceived(self.conn, b""))

    def _tell_the_last(self, response: http.Response) -> None:
        """The last answer of a connection says so (RFC 9112, 9.6)."""
        status = response.status_code
        if status == 100:  # mitmproxy's own: the client may go on
            return
        is_last = self._is_last or self._rules().leaving or self._is_not_read()
        # An add-on's answer can be none that another one may follow: clients wait behind an
        # interim one, and take what comes for its end.
        if not is_last:
            is_last = status < 200 or (
                not is_bodiless(self._method, response) and has_wrong_length(response)
            )
        if is_last:
            response.headers["Connection"] = "close"
        elif self._is_http_1_0:  # without it, such a client waits for the end of the connection
            response.headers["Connection"] = "keep-alive"

    def _is_not_read(self) -> bool:
        """Whether a client sends ahead and does not fetch what it is answered: each answer more
        would stay in memory."""
        return bool(self.received) and self._unsent() > UNREAD_BYTES

    def _take_head(self, rules: Rules) -> tuple[bytes, RequestHead] | None:
        """The next head, taken out of `received`; None when more has to come.

        Raises:
            Refusal: it is malformed or too large.
        """
        received = self.received
        if not self._searched:
            while self._blank_lines < 2 and received.startswith(b"\r\n"):
                del received[:2]
                self._blank_lines += 1
            if not received:
                return None
            self._watch.within(rules.limits.header_seconds)
            if received == b"\r" and self._blank_lines < 2:  # half of a blank line
                return None
        end = received.find(END, max(0, self._searched - 3))
        if end < 0:
            check_unfinished(received, self._searched, rules.head_bytes)
            self._searched = len(received)
            return None
        raw = bytes(received[:end])
        if end + len(END) > rules.head_bytes:
            raise too_large(raw, rules.head_bytes)
        head = read_head(raw)
        del received[: end + len(END)]
        self._searched = self._blank_lines = 0
        return raw, head

    def read_body(self, event: events.Event) -> Commands:
        if isinstance(event, events.ConnectionClosed):
            self.state = self.done
            yield commands.CloseConnection(self.conn)
            gone = "the client closed the connection before its request was complete"
            code = RequestProtocolError.code
            yield ReceiveHttp(RequestProtocolError(self.stream_id, gone, code))
            return
        try:
            data = self._take_body()
        except Refusal as refusal:
            yield from self._refuse(refusal, None)
            return
        if data:
            yield ReceiveHttp(RequestData(self.stream_id, data))
        if self._chunks.done if self._chunks is not None else not self._left:
            self._watch.rest()
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)

    def _take_body(self) -> bytes:
        if self._chunks is not None:
            return self._chunks.read(self.received)
        data = bytes(self.received[: self._left])
        del self.received[: len(data)]
        self._left -= len(data)
        return data

    def wait(self, event: events.Event) -> Commands:
        """While a request is answered, the next may be sent, but not without end."""
        flooded = len(self.received) > self._rules().waiting_bytes
        if flooded and isinstance(event, events.DataReceived):
            self.received.clear()
            self.state = self.done
            yield commands.CloseConnection(self.conn)
            flood = "the client sent too much ahead"
            code = RequestProtocolError.code
            yield ReceiveHttp(RequestProtocolError(self.stream_id, flood, code))
            return
        yield from super().wait(event)

    def mark_done(self, *, request: bool = False, response: bool = False) -> Commands:
        yield from super().mark_done(request=request, response=response)
        if self.state == self.read_headers:
            self._watch.within(self._rules().limits.idle_seconds)
            if self.received:
                yield from self.read_headers(events.DataReceived(self.conn, b""))
        elif self.state == self.done:
            self._watch.within(LINGER_SECONDS)

    def _refuse(self, refusal: Refusal, head: RequestHead | None) -> Commands:
        """Answer, send no more, and throw away a little of what still comes. `head` is given
        when no stream has begun."""
        self._watch.within(LINGER_SECONDS)
        self.received.clear()
        self.state = self.linger
        method = self.request.method if self.request else "GET"
        if head is not None:
            method = head.method.decode("ascii")
        verdict = verdict_on(refusal, self._rules().style, method)
        yield commands.SendData(self.conn, verdict.wire())
        yield commands.CloseTcpConnection(self.conn, half_close=True)
        yield ReceiveHttp(self._refused(verdict, head))

    def _refused(self, verdict: Verdict, head: RequestHead | None) -> HttpEvent:
        if head is None:
            return RefusedBody(self.stream_id, verdict)
        return RefusedHeaders(self.stream_id, request_of(head), verdict)

    def linger(self, event: events.Event) -> Commands:
        self._thrown_away += len(self.received)
        self.received.clear()
        if isinstance(event, events.ConnectionClosed) or self._thrown_away > LINGER_BYTES:
            self.state = self.done
            yield commands.CloseConnection(self.conn)

    def _leave(self) -> Commands:
        if self.state == self.read_headers and not self.received:
            self._watch.within(self._rules().limits.idle_seconds)
        yield from ()

    def _overdue(self) -> Commands:
        if self.state == self.read_headers and self.received:
            late = Refusal(Fault.REQUEST_TIMEOUT, "the head took too long")
            yield from self._refuse(late, outline(bytes(self.received)))
        elif self.state == self.read_body:
            yield from self._refuse(Refusal(Fault.REQUEST_TIMEOUT, "the body took too long"), None)
        elif self.state in (self.wait, self.wait_for_answer):
            return  # a deadline of before: nobody waits for the client
        elif self.conn.state is not ConnectionState.CLOSED:
            self.state = self.done
            yield commands.CloseConnection(self.conn)


def _is_there(body_bytes: int | None, received: bytearray) -> bool:
    return body_bytes is not None and len(received) >= body_bytes


def request_of(head: RequestHead) -> http.Request:
    """A head as mitmproxy has it."""
    return http.Request(
        host="",
        port=0,
        method=head.method,
        scheme=b"",
        authority=b"",
        path=head.target,
        http_version=head.version,
        headers=http.Headers(head.fields),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
