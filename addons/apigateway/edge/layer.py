"""mitmproxy's HTTP layer with the edge's readers in it, and a record of what they refused."""

import time
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import DropStream, HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._events import (
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook, HttpResponseHook

from apigateway.edge.http1 import EdgeHttp1Server, Leaving, Overdue
from apigateway.edge.http2 import EdgeHttp2Server
from apigateway.edge.refusals import RefusedBody, RefusedHeaders, Verdict, show_on
from apigateway.edge.rules import Rules
from apigateway.edge.watch import Watch

Commands = CommandGenerator[None]


class EdgeHttpStream(HttpStream):
    """A request. One that the edge refused has its answer already: it only leaves a record."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        if not isinstance(event, RefusedHeaders):
            return super().state_wait_for_request_headers(event)  # type: ignore[no-any-return]
        self.flow = http.HTTPFlow(self.context.client, self.context.server, live=True)
        self.flow.request = request = event.request
        scheme = "https" if self.context.client.tls else "http"
        request.data.scheme = scheme.encode()
        request.data.host, request.data.port = self.context.server.address or ("", 0)
        return self._settle(event.verdict, seen=False)

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> Commands:
        if isinstance(event, RefusedBody):
            return self._settle(event.verdict, seen=True)
        return super().handle_protocol_error(event)

    def check_killed(self, emit_error_hook: bool) -> CommandGenerator[bool]:
        """Called when a hook is over: the edge may have refused the body meanwhile."""
        for event in self._paused_event_queue:
            if isinstance(event, RefusedBody):
                yield from self._settle(event.verdict, seen=True)
                return True
        killed: bool = yield from super().check_killed(emit_error_hook)
        return killed

    def _settle(self, verdict: Verdict, *, seen: bool) -> Commands:
        """The flow shows the answer that was sent; `seen` if add-ons know the flow."""
        self.client_state = self.server_state = self.state_errored
        now = time.time()
        verdict.response.timestamp_start = verdict.response.timestamp_end = now
        self.flow.request.timestamp_end = now
        self.request_body_buf.clear()
        if self.flow.request.data.content is None:
            self.flow.request.data.content = b""
        if not seen:
            yield HttpRequestHeadersHook(self.flow)
        show_on(self.flow, verdict)
        yield HttpResponseHook(self.flow)
        self.flow.live = False
        yield DropStream(self.stream_id)


class EdgeHttpLayer(HttpLayer):
    """`watch` is the connection's deadline; `rules` are asked for anew with each request; `direct`
    and `unsent` are for HTTP/1.1 (`EdgeHttp1Server`)."""

    def __init__(
        self,
        context: Context,
        rules: Callable[[], Rules],
        watch: Watch,
        *,
        direct: bool = False,
        unsent: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(context, HTTPMode.transparent)
        self._rules = rules
        self._watch = watch
        self._direct = direct
        self._unsent = unsent

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, (Overdue, Leaving)):
            return self.event_to_child(self.connections[self.context.client], event)
        if isinstance(event, events.Start):
            self.connections[self.context.client] = self._reader()
            self._watch.ready = True
        rest: Commands = super()._handle_event(event)
        return rest

    def _reader(self) -> Layer:
        """Set before mitmproxy does, which then keeps it."""
        context = self.context.fork()
        if self.context.client.alpn == b"h2":
            return EdgeHttp2Server(context, self._rules, self._watch)
        return EdgeHttp1Server(
            context, self._rules, self._watch, direct=self._direct, unsent=self._unsent
        )

    def make_stream(self, stream_id: int) -> Commands:
        stream = self.streams[stream_id] = EdgeHttpStream(self.context.fork(), stream_id)
        return self.event_to_child(stream, events.Start())


class ClosedLayer(Layer):
    """Closes the connection: what is used when the edge could not be built."""

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)
