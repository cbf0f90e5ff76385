"""What a caller's answer tells of the refusal, and of the backend."""

from dataclasses import replace
from typing import Any

import pytest
from unit.build import REQUEST_ID
from unit.replay.calls import a_call, a_refusal, a_trail, an_answer

from apigateway.answers import message_of, render_answer, render_refusal
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle
from apigateway.replay.seen import backend_answer, refusal_of, unresolved

CODED, CLASSIC = ErrorStyle.CODED, ErrorStyle.CLASSIC
PARTS = {
    "name": "a (b)",
    "reason": "does not match [a-z]+\\d",
    "string_to_sign": "GET#*/*###/a?b",
    "method": "GET",
    "path": "/a b",
    "protocol": "HTTP",
    "domain": "h.test",
    "client_ip": "192.0.2.7",
    "ceiling": "1000",
    "date": "Tue, 14 Nov 2023 22:13:20 GMT",
}


def rendered(fault: Fault, style: ErrorStyle, parts: dict[str, str]) -> Answer:
    refusal = Refusal(fault, reason="")
    refusal.parts.update(parts)
    return render_refusal(refusal, REQUEST_ID, style)


@pytest.mark.parametrize("parts", [PARTS, {**PARTS, "reason": ""}], ids=["whole", "no reason"])
@pytest.mark.parametrize("style", ErrorStyle)
@pytest.mark.parametrize("fault", Fault)
def test_every_refusal_is_told_by_its_answer(
    fault: Fault, style: ErrorStyle, parts: dict[str, str]
) -> None:
    found = refusal_of(rendered(fault, style, parts))
    assert found is not None
    one, other = found.fault.value, fault.value
    if style is CODED:
        assert (one.code, one.status) == (other.code, other.status)
    else:
        assert one.classic_status == other.classic_status
    given = Refusal(fault)
    given.parts.update(parts)
    assert message_of(found, style) == message_of(given, style)


def test_faults_that_share_a_code_are_told_apart_by_their_message() -> None:
    for fault in (Fault.EMPTY_SIGNATURE, Fault.EMPTY_BODY, Fault.TIMESTAMP_EXPIRED):
        found = refusal_of(rendered(fault, CODED, PARTS))
        assert found is not None
        assert found.fault is fault


def test_a_message_that_was_cut_is_told_by_its_code() -> None:
    found = refusal_of(rendered(Fault.INVALID_SIGNATURE, CODED, {"string_to_sign": "x" * 9999}))
    assert found is not None
    assert found.fault is Fault.INVALID_SIGNATURE


@pytest.mark.parametrize("style", ErrorStyle)
@pytest.mark.parametrize("status", [200, 400, 408, 413, 500, 503])
def test_an_answer_of_a_backend_is_no_refusal(status: int, style: ErrorStyle) -> None:
    of_backend = an_answer(status, [("X-Ca-Error-Code", "A403IS")], body=b"")
    answer = render_answer(of_backend, REQUEST_ID, style, method="GET")
    assert refusal_of(answer) is None


def test_a_code_that_nobody_knows_is_no_refusal_of_ours() -> None:
    assert refusal_of(a_refusal(400, "Z999ZZ", "other")) is None


# --- the backend's answer


def test_a_backends_answer_is_the_callers_without_the_fields_of_the_gateway() -> None:
    fields = [("X-A", "1"), ("ratelimit", "x"), ("RateLimit-Policy", "y"), ("X-Ca-Debug-Info", "z")]
    answer = backend_answer(a_call(answer=an_answer(404, [*fields, ("X-a", "2")])))
    assert isinstance(answer, Answer)
    assert answer.headers == (("X-A", "1"), ("X-a", "2"))
    assert (answer.status, answer.body, answer.elapsed_ms) == (404, b"hello", 12.5)


@pytest.mark.parametrize("over_http2", [True, False])
@pytest.mark.parametrize("reason", ["", "Fine"])
def test_a_classic_answer_has_the_backends_reason_in_a_field(reason: str, over_http2: bool) -> None:
    of_backend = Answer(status=200, reason=reason, headers=(), body=b"", elapsed_ms=0)
    seen = render_answer(of_backend, REQUEST_ID, CLASSIC, method="GET")
    if over_http2:
        seen = replace(seen, reason="")
    again = backend_answer(a_call(answer=seen))
    assert isinstance(again, Answer)
    assert render_answer(again, REQUEST_ID, CLASSIC, method="GET").headers == seen.headers


@pytest.mark.parametrize(
    "fault",
    [Fault.BACKEND_CONNECT, Fault.BACKEND_TLS, Fault.BACKEND_FAILED, Fault.BACKEND_TIMEOUT],
)
@pytest.mark.parametrize("style", ErrorStyle)
def test_a_backend_that_failed_fails_again(style: ErrorStyle, fault: Fault) -> None:
    found = backend_answer(a_call(answer=rendered(fault, style, {})))
    assert isinstance(found, Refusal)
    assert found.fault.value.classic_message == fault.value.classic_message
    if style is CODED:
        assert found.fault is fault


def test_why_a_backend_failed_is_kept_where_the_trail_says_it() -> None:
    trail = {**a_trail(by="Dispatch", detail="after 5000 ms"), "backend_request": {"method": "GET"}}
    answer = rendered(Fault.BACKEND_TIMEOUT, CODED, {})
    found = backend_answer(a_call(answer=answer, trail=trail))
    assert isinstance(found, Refusal)
    assert found.detail == "after 5000 ms"


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": None},
        {"answer": a_refusal(404, "I404NF", "API not found with `GET /`")},
        {"trail": {"backend_request": None}},
        {
            "answer": a_refusal(504, "D504CS", "Backend http ssl connect failed"),
            "comment": "refused by Resolution: D504CS Backend http ssl connect failed",
        },
    ],
    ids=["no answer", "refused before", "a mock", "no TLS profile"],
)
def test_nobody_knows_what_a_backend_that_was_not_asked_would_say(changes: Any) -> None:
    assert backend_answer(a_call(**changes)) is None


NO_ADDRESS = a_refusal(504, "D504IL", "Backend service invalid address")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"answer": a_refusal(504, "X504VE", "Backend service vpc mapped failed")}, True),
        ({"comment": "refused by VpcAllowList: D504IL x"}, True),
        ({"comment": "refused by Resolution: D504IL x"}, False),
        ({"trail": a_trail(by="VpcAllowList", detail="b.test has no address")}, True),
        ({"trail": a_trail(by="VpcAllowList", detail="b.test: 10.0.0.1 is in none")}, False),
        ({"answer": an_answer()}, False),
        ({"answer": None}, False),
    ],
)
def test_a_name_without_an_address_is_told_from_a_definition_without_one(
    changes: Any, expected: bool
) -> None:
    assert unresolved(a_call(**{"answer": NO_ADDRESS, **changes})) is expected
