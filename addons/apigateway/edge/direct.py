"""A request that came in whole, answered in one go.

mitmproxy takes a request through a stream of its own with four turns of the event loop, one for
each hook, and sends head and body of the answer apart. Here one task leads the flow through the
same hooks, in the same order and with the same meaning of a flow that was killed or held, and the
answer leaves as one piece. What add-ons see is the same.
"""

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy import flow as flows
from mitmproxy import hooks, http
from mitmproxy.net.http import http1, status_codes
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

from apigateway.edge.head import closes
from apigateway.errors import Fault
from apigateway.proxy.responses import denial

BODILESS = (204, 304)


class Addons(Protocol):
    """mitmproxy's AddonManager, as far as a call needs it."""

    def handle_lifecycle(self, event: hooks.Hook) -> Awaitable[None]: ...


@dataclass(slots=True, eq=False)
class WholeCall:
    """`gone` says why nobody waits for the answer any more, "" while the client is there. `done`
    once no hook is to come."""

    flow: http.HTTPFlow
    gone: str = ""
    done: bool = field(default=False, init=False)

    @property
    def is_answered(self) -> bool:
        return self.done and self.flow.response is not None and not self._is_over()

    async def lead(self, addons: Addons) -> None:
        """Through the hooks of a request and of its answer. Where mitmproxy would forward, since no
        add-on answered, the call is refused."""
        flow, body = self.flow, self.flow.request.data.content
        flow.request.data.content = None  # as it is before a body was read
        try:
            await _tell(addons, HttpRequestHeadersHook(flow), flow)
            if not self._is_over():
                flow.request.data.content = body
                flow.request.timestamp_end = time.time()
                await _tell(addons, HttpRequestHook(flow), flow)
            if not self._is_over():
                flow.response = flow.response or denial(Fault.BUSY, flow.request.method)
                flow.response.timestamp_start = time.time()
                await _tell(addons, HttpResponseHeadersHook(flow), flow)
            if self._is_over():
                if self.gone and flow.error is None:
                    flow.error = flows.Error(self.gone)
                await _tell(addons, HttpErrorHook(flow), flow)
            elif flow.response is not None:
                flow.response.timestamp_end = time.time()
                await _tell(addons, HttpResponseHook(flow), flow)
        finally:
            self.done = True
            flow.live = False

    def _is_over(self) -> bool:
        error = self.flow.error
        return bool(self.gone) or (error is not None and error.msg == flows.Error.KILLED_MESSAGE)


async def _tell(addons: Addons, event: hooks.Hook, flow: http.HTTPFlow) -> None:
    await addons.handle_lifecycle(event)
    if flow.intercepted:
        await flow.wait_for_resume()


@dataclass
class WholeCallHook(StartHook):
    """Takes a call through all its hooks; the edge's add-on does it."""

    name = "apigateway_whole_call"
    call: WholeCall


def answer_on_the_wire(method: bytes, response: http.Response) -> tuple[bytes, bool]:
    """The whole answer to a request of this method, and whether it is the last of its
    connection."""
    response = as_http1(response)
    bodiless = is_bodiless(method, response)
    content = b"" if bodiless else response.data.content or b""
    has_length, connection, coding = False, [], b""
    for name, value in response.headers.fields:
        lower = name.lower()
        if lower == b"connection":
            connection.append(value)
        elif lower == b"content-length":
            has_length = True
        elif lower == b"transfer-encoding":
            coding = value.lower()
    if bodiless:
        has_end = True
    elif coding:  # none of ours has one; an add-on's may
        content = b"".join(http1.assemble_body(response.headers, [content], None))
        has_end = b"chunked" in coding
    else:
        has_end = has_length
    ends = not has_end or response.data.status_code < 200
    ends = ends or closes(response.data.http_version, connection)
    return http1.assemble_response_head(response) + content, ends


def is_bodiless(method: bytes, response: http.Response) -> bool:
    """Whether an answer ends with its head, whatever an add-on put into it: what came behind would
    be read as the next answer (RFC 9112, 6.3)."""
    status = response.data.status_code
    return method == b"HEAD" or status in BODILESS or status < 200


def has_wrong_length(response: http.Response) -> bool:
    """Whether an add-on left an answer with a length that is not its content's: the next answer of
    the connection would be taken for a part of it."""
    data = response.data
    length = b"%d" % len(data.content or b"")
    for name, value in data.headers.fields:
        if value != length and name.lower() == b"content-length":
            return True
    return False


def as_http1(response: http.Response) -> http.Response:
    """As mitmproxy writes an answer that an add-on has of another version."""
    if response.data.http_version == b"HTTP/1.1" or not (response.is_http2 or response.is_http3):
        return response
    response = response.copy()
    response.http_version = "HTTP/1.1"
    response.reason = status_codes.RESPONSES.get(response.status_code, "")
    return response
