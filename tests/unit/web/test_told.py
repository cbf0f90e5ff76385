"""What the Gateway view tells of a flow."""

import asyncio

import pytest
from mitmproxy.test import taddons
from unit.build import a_catalog, an_api, serve
from unit.web.flows import a_flow, a_served_flow, a_wrongly_signed_flow

from apigateway.edge.refusals import keep_note
from apigateway.errors import Fault, Refusal
from apigateway.model.catalog import Catalog
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.web.tasks import Background
from apigateway.web.told import MOST_JUDGED, Teller

CATALOG = a_catalog(serve(an_api()))


def teller(catalog: Catalog | None = CATALOG) -> Teller:
    return Teller(lambda: catalog, Background())


def test_a_call_is_told_by_its_trail() -> None:
    lines = teller().lines(a_served_flow())
    assert lines[0] == "served GetForecast: 200"
    assert any(line.startswith("the request that http://backend.test:9000 gets") for line in lines)


def test_a_wrong_signature_is_explained_when_it_is_looked_at_and_stays_explained() -> None:
    flow, catalog = a_wrongly_signed_flow()
    first = teller(catalog).lines(flow)
    assert "  because the client did not sign the query" in first
    assert teller(None).lines(flow) == first


def test_a_large_request_is_explained_meanwhile() -> None:
    flow, catalog = a_wrongly_signed_flow(b"x" * 9_000)

    async def look() -> tuple[list[str], list[str]]:
        with taddons.context():
            one = teller(catalog)
            first = list(one.lines(flow))
            assert list(one.lines(flow)) == first
            while flow.metadata[TRAIL]["signature"]["client_string"] is None:
                await asyncio.sleep(0.01)
            return first, list(one.lines(flow))

    first, second = asyncio.run(look())
    assert first[-1].startswith("The client's string is being looked for")
    assert "  because the client did not sign the query" in second


def test_a_refusal_of_the_edge_is_told_without_a_trail() -> None:
    flow = a_flow()
    keep_note(flow, "THE-ID", Refusal(Fault.INVALID_REQUEST, "a bare CR"))
    for catalog in (CATALOG, None):
        lines = teller(catalog).lines(flow)
        assert lines[0].startswith("refused by Edge: 400 ")
        assert "request THE-ID" in lines
        assert lines[-1] == "detail: a bare CR"


def test_a_backend_leg_is_told_as_one() -> None:
    flow = a_flow()
    flow.metadata[BACKEND_LEG] = {"request_id": "THE-ID"}
    assert "for the request THE-ID." in teller().lines(flow)[0]
    flow.metadata[BACKEND_LEG] = True
    assert "own request to the backend" in teller().lines(flow)[0]


def test_a_call_without_a_trail_is_told_with_what_to_do() -> None:
    assert "gateway_trail=on" in "\n".join(teller().lines(a_flow()))


def test_what_was_judged_for_somebody_is_shown_as_that_and_kept_for_some_calls() -> None:
    flow, judged = a_flow(), a_served_flow().metadata[TRAIL]
    one = teller()
    one.keep(flow, judged)
    assert one.lines(flow)[0] == "As the gateway would decide it now; nothing was sent."
    assert one.lines(flow)[2] == "served GetForecast: 200"
    for _ in range(MOST_JUDGED):
        one.keep(a_flow(), judged)
    assert "No trail was kept" in one.lines(flow)[0]


def test_a_trail_of_another_version_is_no_reason_to_guess() -> None:
    flow = a_flow()
    flow.metadata[TRAIL] = {"verdict": {}}
    with pytest.raises(KeyError):  # the view shows it as text
        teller().lines(flow)
