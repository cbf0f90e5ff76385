"""A capture of which every call ends as it did."""

from typing import Any

import pytest
from unit.build import NOW_MS, a_catalog, an_api, parameter, serve
from unit.replay.calls import a_call, a_request, of_the_edge

from apigateway.model.api import Location
from apigateway.scrubbing.scrubber import Scrubber


def scrubber(*, scrub: tuple[str, ...] = ("phone",), path: str = "/a", **rules: Any) -> Scrubber:
    place = Location.PATH if "[phone]" in path else Location.QUERY
    declared = (parameter("phone", place, **rules),)
    catalog = a_catalog(serve(an_api(path=path, request={"parameters": declared})))
    return Scrubber(catalog, scrub=scrub)


CALL = a_call(a_request("/a?phone=555-0100"))


def test_a_placeholder_tells_what_stood_there() -> None:
    found = scrubber()(CALL)
    assert found.call.request.target == "/a?phone=scrubbed:phone"
    assert found.counts == {"phone": 1}


@pytest.mark.parametrize("rules", [{"pattern": "[0-9]{3}-[0-9]{4}"}, {"max_length": 8}])
def test_where_a_rule_refuses_that_it_is_of_the_values_shape(rules: dict[str, Any]) -> None:
    assert scrubber(**rules)(CALL).call.request.target == "/a?phone=111-1111"


def test_a_call_that_no_placeholder_can_stand_for_says_so() -> None:
    found = scrubber(enum=("555-0100",))(CALL)
    assert found.call.request.target == "/a?phone=scrubbed:phone"
    assert found.call.lacks == "what was scrubbed of it decides (phone)"


def test_parameters_of_a_path() -> None:
    call = a_call(a_request("/a/555-0100/b"))
    assert scrubber(path="/a/[phone]/b")(call).call.request.target == "/a/scrubbed:phone/b"


def test_a_refused_call_is_refused() -> None:
    found = scrubber(pattern="[0-9]+")(CALL)
    assert found.call.request.target == "/a?phone=scrubbed:phone"
    assert not found.call.lacks


def test_calls_that_cannot_be_judged_are_scrubbed_all_the_same() -> None:
    for call in (
        a_call(CALL.request, lacks="its body"),
        a_call(CALL.request, edge=of_the_edge()),
        a_call(CALL.request, received_ms=None),
    ):
        assert scrubber()(call).call.request.target == "/a?phone=scrubbed:phone"
    assert NOW_MS
