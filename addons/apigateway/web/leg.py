"""The gateway's own request to a backend, as a flow beside the caller's.

It is made of what the trail shows: the fields of the gateway's signature, and other values that
are secrets, are masked, since flows are saved and handed on, and what lets one in at a backend is
no caller's. The answer is the backend's as it came; the caller got the same body.

It never passes an add-on's hooks: it is put into the list and into the file of `-w`, no more.
"""

import base64
import string
import time
from typing import Any
from urllib.parse import quote

from mitmproxy import connection, ctx, flow, http

from apigateway.chain import Call
from apigateway.errors import BACKEND_FAULTS
from apigateway.exchange import HttpUpstream, Signed
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.proxy.responses import to_response
from apigateway.trail.trail import trail_of

MARKER = ":outbox_tray:"

_PRINTED = string.punctuation


def backend_leg(caller: http.HTTPFlow, call: Call, style: ErrorStyle) -> http.HTTPFlow | None:
    """None for a call whose backend was not asked, a mock's too."""
    state, refusal, answer = call.state, call.refusal, call.answer
    if not isinstance(state, Signed) or not isinstance(state.upstream, HttpUpstream):
        return None
    if answer is None and (refusal is None or refusal.fault not in BACKEND_FAULTS):
        return None
    trail = caller.metadata.get(TRAIL) or trail_of(call, style)
    now = time.time()
    leg = http.HTTPFlow(_gateway(state), _backend(state, state.upstream))
    began = now - answer.elapsed_ms / 1000 if answer is not None else now
    leg.timestamp_created = max(began, caller.timestamp_created)  # below its call in the list
    leg.request = request_of(trail["backend_request"])
    leg.request.timestamp_start = leg.request.timestamp_end = leg.timestamp_created
    if answer is not None:
        leg.response = to_response(answer)
        leg.response.timestamp_start = leg.response.timestamp_end = now
        ended = f"answered {answer.status} in {answer.elapsed_ms:.1f} ms"
    else:
        assert refusal is not None
        leg.error = flow.Error(refusal.detail or refusal.fault.name, now)
        ended = refusal.detail or refusal.fault.name
    api = f"{state.bound.group.name}/{state.served.api.name}"
    leg.comment = f"backend leg of {api}, request {call.request_id}: {ended}"
    leg.marked = MARKER
    leg.metadata[BACKEND_LEG] = {"request_id": call.request_id, "flow": caller.id}
    return leg


def request_of(sent: dict[str, Any]) -> http.Request:
    """The request as a trail has it. A body that is cut or not shown keeps its Content-Length."""
    raw = sent["body"].encode("utf-8", "surrogateescape")
    if sent["body_encoding"] == "base64":
        raw = base64.b64decode(sent["body"])
    url = quote(sent["url"], safe=_PRINTED)  # the mark in place of a secret is no ASCII
    request = http.Request.make(sent["method"], url)
    request.headers = http.Headers(
        [
            (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
            for name, value in sent["headers"]
        ]
    )
    request.raw_content = raw
    return request


def _gateway(state: Signed) -> connection.Client:
    return connection.Client(peername=("127.0.0.1", 0), sockname=("127.0.0.1", 0))


def _backend(state: Signed, upstream: HttpUpstream) -> connection.Server:
    server = connection.Server(address=(upstream.host, upstream.port))
    server.peername = (state.pinned, upstream.port)
    server.tls = upstream.scheme == "https"
    server.sni = upstream.server_name if server.tls else None
    return server


def show(leg: http.HTTPFlow) -> None:
    """In the list, where there is one, and in the file of `-w`. Not in a HAR: it could not be told
    there from a caller's request."""
    view: Any = ctx.master.addons.get("view")
    if view is not None:
        view.add([leg])
    save: Any = ctx.master.addons.get("save")
    if save is not None:
        save.save_flow(leg)
