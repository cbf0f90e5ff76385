"""What the Gateway view and `gateway.explain` tell of a flow."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mitmproxy import ctx, hooks, http

from apigateway.answers import message_of, status_of
from apigateway.edge.refusals import refused_at_the_edge
from apigateway.model.catalog import Catalog
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.flows import BACKEND_LEG, TRAIL, caller_request
from apigateway.trail.render import render
from apigateway.web.signatures import explained, is_small, is_unexplained
from apigateway.web.tasks import Background

MOST_JUDGED = 200
"""Trails that were made for somebody who asked, and are kept for the view."""

NO_TRAIL = (
    "No trail was kept of this call.",
    "Calls have one with --set gateway_trail=on (the default in mitmweb and mitmproxy).",
    "The command gateway.explain says what the gateway would decide of it now.",
)


class Teller:
    """`catalog` is asked for what is served now."""

    def __init__(self, catalog: Callable[[], Catalog | None], background: Background) -> None:
        self._catalog = catalog
        self._background = background
        self._judged: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._under_way: set[str] = set()

    def keep(self, flow: http.HTTPFlow, trail: Mapping[str, Any]) -> None:
        """A trail that was made now, for a flow that has none of its own."""
        self._judged[flow.id] = trail
        while len(self._judged) > MOST_JUDGED:
            self._judged.popitem(last=False)

    def lines(self, flow: http.HTTPFlow) -> Sequence[str]:
        """At most 100 columns wide."""
        if (leg := flow.metadata.get(BACKEND_LEG)) is not None:
            return _leg_lines(leg)
        if (trail := flow.metadata.get(TRAIL)) is not None:
            return self._trail_lines(flow, trail)
        if (judged := self._judged.get(flow.id)) is not None:
            return ["As the gateway would decide it now; nothing was sent.", "", *render(judged)]
        if refused_at_the_edge(flow) is not None:
            return self._edge_lines(flow)
        return NO_TRAIL

    def _trail_lines(self, flow: http.HTTPFlow, trail: Mapping[str, Any]) -> Sequence[str]:
        if not is_unexplained(trail):
            return render(trail)
        request = caller_request(flow)
        if is_small(request):
            found = flow.metadata[TRAIL] = explained(trail, request, self._catalog())
            return render(found)
        if flow.id not in self._under_way:
            self._under_way.add(flow.id)
            self._background.start("gateway view", self._explain(flow, trail))
        return [
            *render(trail),
            "",
            "The client's string is being looked for: choose this view again in a moment.",
        ]

    async def _explain(self, flow: http.HTTPFlow, trail: Mapping[str, Any]) -> str:
        try:
            request, catalog = caller_request(flow), self._catalog()
            flow.metadata[TRAIL] = await asyncio.to_thread(explained, trail, request, catalog)
        finally:
            self._under_way.discard(flow.id)
        ctx.master.addons.trigger(hooks.UpdateHook([flow]))
        return ""

    def _edge_lines(self, flow: http.HTTPFlow) -> Sequence[str]:
        found = refused_at_the_edge(flow)
        assert found is not None
        request_id, refusal = found
        catalog = self._catalog()
        style = ErrorStyle.CODED if catalog is None else catalog.settings.errors
        code, message = refusal.fault.value.code, message_of(refusal, style)
        lines = [
            f"refused by Edge: {status_of(refusal, style)} {code} {message}",
            f"request {request_id}",
            "",
            "The edge reads requests before any stage: this one is malformed, too large or slow.",
        ]
        if refusal.detail:
            lines.append(f"detail: {refusal.detail}")
        return lines


def _leg_lines(leg: object) -> Sequence[str]:
    whose = leg.get("request_id", "") if isinstance(leg, Mapping) else ""
    return (
        f"The gateway's own request to the backend, for the request {whose}.",
        "What is secret in it is masked; its body is the start of what was sent.",
        "It cannot be replayed: replay the caller's flow, which comes before it in the list.",
    )
