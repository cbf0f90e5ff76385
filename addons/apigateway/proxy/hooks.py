"""The chain as mitmproxy add-ons: one adapter for all stages, and the two ends of a call.

Reception turns a flow into a call, each StageHook lets its stage decide, Dispatch calls the
backend and writes the answer, MetricsLog records it. Between Reception and Dispatch the flow
already carries a refusal: whatever crashes, mitmproxy finds an answer and forwards nothing.
"""

import atexit
import logging
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from mitmproxy import http

from apigateway.answers import message_of
from apigateway.backends.sending import Backends
from apigateway.chain import Call, Step, begin
from apigateway.edge.refusals import refused_at_the_edge
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Identified, Received, Routed, Signed
from apigateway.model.record import CallRecord
from apigateway.model.settings import ErrorStyle
from apigateway.outcome import answer_of, verdict
from apigateway.ports import Calls
from apigateway.proxy.flows import TRAIL, caller_request
from apigateway.proxy.live_trail import trail_on
from apigateway.proxy.responses import denial, new_request_id, to_response
from apigateway.proxy.settings import Settings
from apigateway.reception import received_of

logger = logging.getLogger(__name__)


class Desk:
    """The calls under way, by flow, and what the add-ons of the chain share.

    The calls belong to the process, not to one load of the script: a call that was received
    before a reload ends after it.
    """

    calls: ClassVar[dict[str, Call]] = {}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def style(self) -> ErrorStyle:
        catalog = self.settings.catalog
        return ErrorStyle.CODED if catalog is None else catalog.settings.errors

    def keep_trail(self, flow: http.HTTPFlow, call: Call) -> None:
        """Of a call that ended, what every stage decided, in its flow's metadata."""
        self.settings.live_trail.put_on(flow, call, self.style)


def received(flow: http.HTTPFlow, call: Call, settings: Settings) -> Received:
    """What of a flow the stages see. The flow itself is never changed by the chain.

    Raises:
        Refusal: BUSY before everything is loaded; else as `received_of`.
    """
    catalog = settings.catalog
    if catalog is None:
        raise Refusal(Fault.BUSY, "the gateway is not loaded", retry_after_s=1)
    return received_of(
        caller_request(flow), catalog, request_id=call.request_id, received_ms=call.received_ms
    )


class Reception:
    """Before the first stage: the call gets its id, its time and the one catalog it keeps."""

    name = "apigateway-reception"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def request(self, flow: http.HTTPFlow) -> None:
        if not flow.live:  # a capture that is opened: to be looked at, not to be called again
            return
        call = Call(new_request_id(), time.time_ns() // 1_000_000)
        flow.response = denial(Fault.INTERNAL, flow.request.method, call.request_id)
        flow.metadata.pop(TRAIL, None)  # of a flow that was saved and comes again
        self._desk.calls[flow.id] = call
        try:
            call.state = received(flow, call, self._desk.settings)
        except Refusal as refusal:
            call.refuse(refusal, "Reception")


class StageHook:
    """A stage as an add-on."""

    def __init__(self, step: Step, desk: Desk) -> None:
        self.name = f"apigateway-{step.name.lower()}"
        self._step = step
        self._calls = desk.calls

    def request(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """What is returned is awaited by mitmproxy, as the coroutine of an async hook is."""
        call = self._calls.get(flow.id)
        return None if call is None else begin(call, self._step)


class Dispatch:
    """After the last stage: the backend's answer, or the refusal, as the caller gets it."""

    name = "apigateway-dispatch"

    def __init__(self, desk: Desk, backends: Backends) -> None:
        self._desk = desk
        self._backends = backends

    async def request(self, flow: http.HTTPFlow) -> None:
        call = self._desk.calls.get(flow.id)
        if call is None:
            return
        if not call.ended:
            await self._send(call)
        style = self._desk.style
        flow.response = to_response(answer_of(call, style, method=flow.request.method))
        flow.comment, flow.marked = verdict(call, style)
        self._desk.keep_trail(flow, call)

    async def _send(self, call: Call) -> None:
        try:
            if type(call.state) is not Signed:
                raise TypeError(f"Dispatch takes Signed, but got {type(call.state).__name__}")
            call.answer = await self._backends.send(call.state)
        except Refusal as refusal:
            call.refuse(refusal, "Dispatch")
        except Exception as bug:  # fail closed: whatever happens here, the call is refused
            logger.exception("[%s] Dispatch crashed", call.request_id)
            call.refuse(Refusal(Fault.INTERNAL, f"{type(bug).__name__}: {bug}"), "Dispatch")


class MetricsLog:
    """Behind the answer: one call record for every call, refused, served or broken off."""

    name = "apigateway-metricslog"
    _at_exit: ClassVar[list[Callable[[], None]]] = []

    def __init__(self, desk: Desk, calls: Calls) -> None:
        self._desk = desk
        self._calls = calls

    def response(self, flow: http.HTTPFlow) -> None:
        self._record(flow, flow.response.status_code if flow.response else 0)

    def error(self, flow: http.HTTPFlow) -> None:
        self._record(flow, 0)

    def _record(self, flow: http.HTTPFlow, status: int) -> None:
        call = self._desk.calls.pop(flow.id, None)
        if call is None:
            if not flow.live:  # of a capture
                return
            call = uncalled(flow)
        if TRAIL not in flow.metadata:  # it never came to Dispatch, or not to its end
            self._desk.keep_trail(flow, call)
        record = record_of(flow, call, status, self._desk.style)
        self._calls.append(record)
        if call.refusal is not None:
            logger.info(
                "[%s] %s %s%s %s by %s: %s",
                record.request_id,
                record.method,
                record.domain,
                record.path,
                record.error_code,
                record.refused_by,
                record.detail,
            )

    def done(self) -> None:
        """The proxy still ends calls after this; what the end of the process cuts off is
        recorded then."""
        for of_a_load_before in self._at_exit:  # it would keep all that was loaded then
            atexit.unregister(of_a_load_before)
        self._at_exit[:] = [self._record_cut_off]
        atexit.register(self._record_cut_off)

    def _record_cut_off(self) -> None:
        for call in self._desk.calls.values():
            self._calls.append(record_of(None, call, 0, self._desk.style))
        self._desk.calls.clear()


def uncalled(flow: http.HTTPFlow) -> Call:
    """The call of a flow that never came to Reception: the edge refused it, or mitmproxy did."""
    now_ms = time.time_ns() // 1_000_000
    at_the_edge = refused_at_the_edge(flow)
    if at_the_edge is not None:
        call = Call(at_the_edge[0], now_ms)
        call.refuse(at_the_edge[1], "Edge")
        return call
    call = Call(new_request_id(), now_ms)
    problem = flow.error.msg if flow.error else "broken off"
    call.refuse(Refusal(Fault.INVALID_REQUEST, problem), "mitmproxy")
    return call


def has_failed(call: Call) -> bool:
    """Whether a call was refused, or its backend failed: then somebody may ask why."""
    return call.answer is None or call.answer.status >= 500


def _client_ip(flow: http.HTTPFlow | None, state: Received | None) -> str:
    """The caller's address as far as it is known: behind trusted proxies Access finds it."""
    if isinstance(state, Admitted):
        return state.client_ip
    if state is not None:
        return state.peer
    return flow.client_conn.peername[0] if flow else ""


def record_of(flow: http.HTTPFlow | None, call: Call, status: int, style: ErrorStyle) -> CallRecord:
    """What is kept of a call, as far as it came."""
    state, refusal = call.state, call.refusal
    routed = state if isinstance(state, Routed) else None
    app = state.app if isinstance(state, Identified) else None
    answer = call.answer
    response_bytes = len(flow.response.raw_content or b"") if flow and flow.response else 0
    return CallRecord(
        request_id=call.request_id,
        received_ms=call.received_ms,
        method=state.method if state else flow.request.method if flow else "",
        scheme=state.scheme if state else "",
        domain=state.host if state else flow.request.pretty_host if flow else "",
        path=state.path if state else flow.request.path.partition("?")[0] if flow else "",
        client_ip=_client_ip(flow, state),
        group_id=routed.bound.group.id if routed else "",
        group_name=routed.bound.group.name if routed else "",
        api_id=routed.served.api.id if routed else "",
        api_name=routed.served.api.name if routed else "",
        environment=routed.environment if routed else "",
        app_id=app.id if app else "",
        app_key=app.key if app else "",
        status=status,
        error_code=refusal.fault.value.code if refusal else "",
        error_message=message_of(refusal, style)[:1000] if refusal else "",
        refused_by=call.refused_by,
        detail=(refusal.detail if refusal else "")[:1000],
        request_bytes=len(state.body) if state else 0,
        response_bytes=response_bytes,
        backend_status=answer.status if answer else 0,
        backend_ms=answer.elapsed_ms if answer else 0.0,
        total_ms=(time.perf_counter() - call.started) * 1000,
        api_version=routed.served.version if routed else "",
        process=os.getpid(),
        trail=trail_on(flow) if flow and has_failed(call) else None,
    )
