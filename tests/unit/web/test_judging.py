"""Flows through the chain again."""

import asyncio
from typing import Any

import pytest
from unit.build import OpenCounters, a_catalog, an_api, parameter, serve
from unit.replay.calls import a_call, a_refusal, an_answer

from apigateway.web.judging import SAME, judged, replayed, with_result

CATALOG = a_catalog(serve(an_api()))
NARROWER = a_catalog(serve(an_api(request={"parameters": (parameter("days", required=True),)})))


def ending(catalog: Any = CATALOG, **changes: Any) -> str:
    return asyncio.run(replayed(a_call(**changes), catalog))


def test_a_call_that_ends_as_it_did_is_told_as_that() -> None:
    assert ending() == SAME


def test_a_call_that_would_be_refused_now_is_told_with_the_reason() -> None:
    assert ending(NARROWER).startswith("now refused (PARAMETER_REQUIRED days): 200 -> 400 ")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lacks": "its body is not in the capture"}, "its body is not in the capture"),
        ({"answer": None}, "it has no answer"),
        ({"comment": "refused by Throttling: T429UM"}, "a limit refused it"),
        ({"answer": a_refusal(403, "S403NU", "Nonce Used")}, "its nonce had been used"),
    ],
)
def test_what_cannot_be_compared_is_told_with_the_reason(changes: dict[str, Any], why: str) -> None:
    assert ending(**changes).startswith(f"not compared: {why}")


def test_a_call_can_be_judged_by_what_is_served_now() -> None:
    trail = asyncio.run(judged(a_call(answer=an_answer()), NARROWER, OpenCounters()))
    assert trail["verdict"]["by"] == "Validation"
    assert trail["signature"] is None


def test_a_comment_holds_the_result_of_the_last_replay() -> None:
    first = with_result("served A: 200", SAME)
    assert first == "served A: 200 | replayed: ends as it did"
    assert with_result(first, "other") == "served A: 200 | replayed: other"
