"""Why a call ends otherwise when it is sent again."""

import pytest
from unit.replay.calls import a_call, a_refusal, a_request, an_answer

from apigateway.exchange import Answer
from apigateway.replay.explained import (
    BACKEND,
    LATE,
    LIMITS,
    NONCE,
    PEER,
    PLACEHOLDER,
    TOKEN,
    explanation,
)

THROTTLED = a_refusal(429, "T429PA", "Throttled by API Flow Control")
USED = a_refusal(403, "S403NU", "Nonce Used")
LATER = a_refusal(403, "S403TS", "Timestamp Expired")
EXPIRED = a_refusal(403, "A403JE", "JWT is expired at x")
FAILED = a_refusal(504, "D504RE", "Backend service request failed")
DENIED = a_refusal(403, "A403IP", "Access denied by IP Control Policy")


@pytest.mark.parametrize(
    ("before", "now", "fresh", "why"),
    [
        (an_answer(), THROTTLED, True, LIMITS),
        (THROTTLED, an_answer(), True, LIMITS),
        (an_answer(), LATER, False, LATE),
        (an_answer(), USED, False, NONCE),
        (an_answer(), EXPIRED, True, TOKEN),
        (an_answer(), FAILED, True, BACKEND),
        (FAILED, an_answer(), True, BACKEND),
        (an_answer(), DENIED, True, PEER),
    ],
)
def test_reasons_of_sending_it_again(before: Answer, now: Answer, fresh: bool, why: str) -> None:
    assert explanation(a_call(answer=before), now, fresh=fresh) == why


@pytest.mark.parametrize("now", [LATER, USED, an_answer(500)])
def test_what_should_not_be_is_not_explained(now: Answer) -> None:
    assert explanation(a_call(), now, fresh=True) == ""


def test_the_same_address_explains_nothing() -> None:
    call = a_call(a_request(peer="127.0.0.1"))
    assert explanation(call, DENIED, fresh=True) == ""


def test_a_backend_may_answer_a_placeholder_otherwise() -> None:
    call = a_call(a_request("/a?password=scrubbed:password"))
    assert explanation(call, an_answer(401), fresh=True) == PLACEHOLDER
    signed = a_call(a_request("/a", [("X-Ca-Signature", "scrubbed:signature:9:HmacSHA256:1")]))
    assert explanation(signed, an_answer(401), fresh=True) == ""
