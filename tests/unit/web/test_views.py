"""The content view, in the form of both mitmproxys, and when it is chosen by itself."""

from collections.abc import Sequence
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import tflow
from unit.trail.walked import walked
from unit.web.flows import a_flow, a_served_flow, ended

from apigateway.edge.refusals import keep_note
from apigateway.errors import Fault, Refusal
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.web.views import FIRST, NEVER, GatewayView, install, priority


class Metadata:
    """As mitmproxy 12 gives it."""

    def __init__(self, flow: Any, message: Any = None) -> None:
        self.flow, self.http_message = flow, message


def lines_of(flow: http.HTTPFlow) -> Sequence[str]:
    return ["\u2717 one", "", flow.id]


def test_it_is_text_for_the_new_mitmproxy_and_styled_lines_for_the_old() -> None:
    flow = a_flow()
    view = GatewayView(lines_of)
    assert view.prettify(b"", Metadata(flow)) == f"\u2717 one\n \n{flow.id}"
    name, lines = view(b"", flow=flow, content_type=None)
    assert name == "Gateway"
    assert list(lines) == [[("error", "\u2717 one")], [("text", " ")], [("text", flow.id)]]


def test_a_bug_in_it_is_shown_as_text() -> None:
    def broken(flow: http.HTTPFlow) -> Sequence[str]:
        raise KeyError("stages")

    view = GatewayView(broken)
    assert "KeyError: 'stages'" in view.prettify(b"", Metadata(a_flow()))
    _, lines = view(b"", flow=a_flow())
    assert any("KeyError" in text for line in lines for _, text in line)


@pytest.mark.parametrize("flow", [None, tflow.tdnsflow(), tflow.ttcpflow()])
def test_what_is_no_http_call_has_no_trail(flow: Any) -> None:
    view = GatewayView(lines_of)
    assert view.prettify(b"", Metadata(flow)) == "only HTTP calls have a trail"
    assert view.render_priority(b"", Metadata(flow)) == NEVER
    assert view.render_priority(b"", flow=flow, http_message=None) == NEVER


def test_a_served_call_shows_its_answer_and_the_trail_at_a_request_without_a_body() -> None:
    flow = a_served_flow()
    assert priority(flow, flow.response) == NEVER
    assert priority(flow, flow.request) == FIRST
    flow.request.raw_content = b"city=hangzhou"
    assert priority(flow, flow.request) == NEVER


def test_a_refused_call_shows_the_trail_at_its_answer() -> None:
    flow = ended(walked(path="/nowhere"))
    assert flow.response is not None
    assert flow.response.raw_content
    assert priority(flow, flow.response) == FIRST


def test_a_call_without_a_trail_leaves_the_choice_to_others() -> None:
    flow = a_flow()
    assert priority(flow, flow.request) == NEVER
    keep_note(flow, "R", Refusal(Fault.INVALID_REQUEST))
    flow.response = http.Response.make(400)
    assert priority(flow, flow.response) == FIRST
    assert priority(flow, flow.request) == NEVER


def test_a_backend_leg_leaves_the_choice_to_others() -> None:
    flow = a_served_flow()
    flow.metadata[BACKEND_LEG] = {}
    assert priority(flow, flow.request) == NEVER


@pytest.mark.parametrize("trail", ["text", {}, {"verdict": None}, {"verdict": {}}])
def test_metadata_of_somebody_else_breaks_nothing(trail: object) -> None:
    flow = a_served_flow()
    flow.metadata[TRAIL] = trail
    view = GatewayView(lines_of)
    assert view.render_priority(b"", Metadata(flow, flow.response)) == NEVER
    assert view.render_priority(b"", flow=flow, http_message=flow.response) == NEVER


def test_it_can_be_installed_again_and_is_found_by_its_name() -> None:
    install(GatewayView(lambda flow: ["the first"]))
    install(GatewayView(lambda flow: ["the second"]))
    flow = a_served_flow()
    known: Any = contentviews
    if hasattr(known, "prettify_message"):
        found = known.prettify_message(flow.request, flow, "gateway").text
    else:
        _, lines, error = known.get_message_content_view("gateway", flow.request, flow)
        assert error is None
        found = "\n".join(text for line in lines for _, text in line)
    assert found == "the second"
