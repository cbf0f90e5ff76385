"""Flows of the gateway's, made by hand: what the chain decided of a call is in their metadata."""

from collections.abc import Iterable
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow
from unit.build import DOMAIN, a_catalog, an_api, serve, signed_fields
from unit.trail.walked import an_answer, walked

from apigateway.chain import Call
from apigateway.model.api import Auth, AuthType
from apigateway.model.catalog import Catalog
from apigateway.model.settings import ErrorStyle
from apigateway.outcome import answer_of, verdict
from apigateway.proxy.flows import TRAIL
from apigateway.proxy.responses import to_response
from apigateway.trail.trail import trail_of

Fields = Iterable[tuple[str, str]]


def a_flow(target: str = "/forecast", fields: Fields = (), body: bytes = b"") -> http.HTTPFlow:
    """A GET that has no answer, and is not under way."""
    flow = tflow.tflow()
    flow.live = False
    headers = [("Host", DOMAIN), *fields]
    flow.request.data.method = b"GET"
    flow.request.data.path = target.encode()
    flow.request.headers = http.Headers([(n.encode(), v.encode()) for n, v in headers])
    flow.request.raw_content = body
    return flow


def ended(call: Call, flow: http.HTTPFlow | None = None) -> http.HTTPFlow:
    """The flow of a call that ended, as Dispatch leaves it."""
    flow = flow or a_flow()
    flow.response = to_response(answer_of(call, ErrorStyle.CODED, method="GET"))
    flow.comment, flow.marked = verdict(call, ErrorStyle.CODED)
    flow.metadata[TRAIL] = trail_of(call, ErrorStyle.CODED)
    return flow


def a_served_flow(**changes: Any) -> http.HTTPFlow:
    return ended(walked(answered=an_answer(), **changes))


def a_wrongly_signed_flow(body: bytes = b"") -> tuple[http.HTTPFlow, Catalog]:
    """Its client did not sign the query."""
    served = serve(an_api(auth=Auth(type=AuthType.APP)))
    catalog = a_catalog(served)
    fields = signed_fields(body=body)
    call = walked(served, catalog=catalog, headers=fields, query="days=3", body=body)
    return ended(call, a_flow("/forecast?days=3", fields, body)), catalog
