"""A captured call, and what its trail or its comment says of it."""

import pytest
from unit.build import NOW_MS, REQUEST_ID
from unit.replay.calls import a_call, a_trail, an_answer, of_the_edge

from apigateway.errors import Fault
from apigateway.replay.call import CapturedCall, in_order


def test_the_request_id_is_that_of_the_answer_or_of_the_trail() -> None:
    kept = {"request_id": "KEPT"}
    assert a_call(trail=kept).request_id == REQUEST_ID
    assert a_call(answer=None, trail=kept).request_id == "KEPT"
    assert a_call(answer=None, trail={"request_id": 5}).request_id == ""
    assert a_call(answer=None).request_id == ""


@pytest.mark.parametrize(
    ("call", "by", "why"),
    [
        (a_call(trail=a_trail(by="Routing", detail="no group")), "Routing", "no group"),
        (a_call(trail=a_trail(served=True, by="")), "", "why"),
        (a_call(comment="refused by VpcAllowList: D504IL x"), "VpcAllowList", ""),
        (a_call(comment="served GetForecast: 200"), "", ""),
        (a_call(comment="it was refused by Routing: I think"), "", ""),
        (a_call(), "", ""),
        (a_call(trail={"verdict": None}), "", ""),
        (a_call(trail={"verdict": {"by": 5, "detail": []}}, comment="refused by A: b"), "A", ""),
    ],
)
def test_who_refused_is_told_by_the_trail_or_else_the_comment(
    call: CapturedCall, by: str, why: str
) -> None:
    assert (call.refused_by, call.refused_why) == (by, why)


def test_what_the_edge_refused_is_refused_again_for_the_same() -> None:
    refusal = of_the_edge(Fault.INVALID_HEADER, name="Host", reason="is repeated").again()
    assert (refusal.fault, refusal.detail) == (Fault.INVALID_HEADER, "a bare CR")
    assert refusal.parts == {"name": "Host", "reason": "is repeated"}


def test_calls_are_put_in_the_order_in_which_they_came() -> None:
    times = [NOW_MS + 5, NOW_MS + 1, None, NOW_MS + 5, NOW_MS]
    calls = [a_call(received_ms=at, flow_id=str(n)) for n, at in enumerate(times)]
    assert "".join(call.flow_id for call in in_order(calls)) == "41203"


def test_calls_without_any_time_stay_as_they_are() -> None:
    calls = [a_call(received_ms=None, answer=an_answer(), flow_id=str(n)) for n in range(3)]
    assert in_order(calls) == calls
