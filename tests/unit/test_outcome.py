"""What the caller gets of a call that ended, and what is said of it at a glance."""

import json
import re
from typing import Any

import pytest
from mitmproxy.utils.emoji import emoji
from unit.build import (
    NOW_MS,
    REQUEST_ID,
    a_pass,
    an_api,
    serve,
)

from apigateway.chain import Call
from apigateway.errors import BACKEND_FAULTS, Fault, Refusal
from apigateway.exchange import Answer, Authorized, MockUpstream, Received, Signed, Throttled
from apigateway.model.group import Environment
from apigateway.model.settings import ErrorStyle
from apigateway.model.windows import WindowUnit
from apigateway.outcome import MARKERS, answer_of, verdict
from apigateway.ports import Dimension, Limit, Standing, Tally

ORIGIN = ("Origin", "https://app.example.com")
DEBUG = ("X-Ca-Request-Mode", "Debug")
TALLY = Tally(
    (
        Standing(Limit("g", 500, WindowUnit.SECOND, Dimension.GROUP), 500, NOW_MS + 1),
        Standing(Limit("a", 100, WindowUnit.DAY, Dimension.API), 60, NOW_MS + 9000),
        Standing(Limit("p", 10, WindowUnit.DAY, Dimension.APP), 4, NOW_MS + 9000),
    )
)


def a_call(state: Received | None, **ended: Any) -> Call:
    call = Call(REQUEST_ID, NOW_MS, state)
    for name, value in ended.items():
        setattr(call, name, value)
    return call


def an_answer(status: int = 200, *headers: tuple[str, str], body: bytes = b"hello") -> Answer:
    return Answer(status=status, reason="", headers=headers, body=body, elapsed_ms=12.4)


def served(*headers: tuple[str, str], status: int = 200, **changes: Any) -> Call:
    return a_call(a_pass(Signed, **changes), answer=an_answer(status, *headers))


def refused(state: Received | None, fault: Fault = Fault.UNAUTHORIZED, *, name: str = "") -> Call:
    call = a_call(state)
    call.refuse(Refusal(fault, "why", name=name), "Authorization")
    return call


def fields(call: Call, style: ErrorStyle = ErrorStyle.CODED, method: str = "GET") -> dict[str, str]:
    headers = answer_of(call, style, method=method).headers
    found = dict(headers)
    assert len(found) == len(headers), headers
    return found


def test_an_answer_is_the_backends_with_the_request_id() -> None:
    answer = answer_of(served(("X-A", "1"), status=404), ErrorStyle.CODED, method="GET")
    assert (answer.status, answer.body) == (404, b"hello")
    assert answer.headers == (
        ("X-Ca-Request-Id", REQUEST_ID),
        ("X-A", "1"),
        ("Content-Length", "5"),
    )


def test_a_backend_cannot_speak_for_the_gateway() -> None:
    own = [("X-Ca-Error-Code", "A403IS"), ("x-ca-error-message", "no"), ("X-CA-REQUEST-ID", "1")]
    own.append(("X-Ca-Debug-Info", "{}"))
    assert fields(served(*own)) == {"X-Ca-Request-Id": REQUEST_ID, "Content-Length": "5"}


def test_a_refusal_tells_pages_and_no_more() -> None:
    found = fields(refused(a_pass(Authorized, headers=[ORIGIN])))
    assert found["Access-Control-Allow-Origin"] == "*"
    assert found["X-Ca-Error-Code"] == "I403AA"
    assert "RateLimit" not in found


def test_a_refusal_before_the_host_was_known_is_an_answer_too() -> None:
    answer = answer_of(refused(None, Fault.BUSY), ErrorStyle.CODED, method="GET")
    assert answer.status == 503
    assert json.loads(answer.body)["requestId"] == REQUEST_ID


def test_a_call_that_nobody_decided_is_an_internal_error() -> None:
    for state in (None, a_pass(Received), a_pass(Signed)):
        answer = answer_of(a_call(state), ErrorStyle.CODED, method="GET")
        assert (answer.status, dict(answer.headers)["X-Ca-Error-Code"]) == (500, "X500ER")


def test_a_backends_own_words_to_pages_give_way_to_the_groups() -> None:
    call = served(("Access-Control-Allow-Origin", "https://x.test"), headers=[ORIGIN])
    assert fields(call)["Access-Control-Allow-Origin"] == "*"


def test_the_answer_to_a_preflight_keeps_its_own_fields() -> None:
    answer = an_answer(200, ("Access-Control-Allow-Methods", "GET"), body=b"")
    found = fields(a_call(a_pass(Received, headers=[ORIGIN]), answer=answer), method="OPTIONS")
    assert found["Access-Control-Allow-Methods"] == "GET"
    assert found["Access-Control-Allow-Origin"] == "*"
    assert found["Content-Length"] == "0"


def test_what_is_left_of_the_tightest_limit_of_the_policy_is_said() -> None:
    for call in (
        served(tally=TALLY),
        refused(a_pass(Throttled, tally=TALLY), Fault.PARAMETER_REQUIRED, name="a"),
    ):
        found = fields(call)
        assert found["RateLimit-Policy"] == '"app";q=10;w=86400'
        assert found["RateLimit"] == '"app";r=6;t=9'
        assert "Retry-After" not in found


def test_a_call_without_a_policy_has_no_rate_limit_fields() -> None:
    assert "RateLimit" not in fields(served(tally=Tally(TALLY.standings[:1])))


def test_debug_mode_gives_whole_milliseconds_at_the_backend_and_in_all() -> None:
    text = fields(served(headers=[DEBUG]))["X-Ca-Debug-Info"]
    assert re.fullmatch(r'\{"ServiceLatency":12,"TotalLatency":\d+\}', text)
    text = fields(refused(a_pass(Received, headers=[DEBUG])))["X-Ca-Debug-Info"]
    assert json.loads(text)["ServiceLatency"] == 0
    assert "X-Ca-Debug-Info" not in fields(served())


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_by_its_status_has_no_length(status: int) -> None:
    answer = answer_of(served(status=status), ErrorStyle.CODED, method="GET")
    assert (answer.body, "Content-Length" in dict(answer.headers)) == (b"", False)


def test_a_head_gets_the_length_and_no_body() -> None:
    call = served(("content-length", "1234"))
    assert answer_of(call, ErrorStyle.CODED, method="HEAD").body == b""
    assert fields(call, method="HEAD")["content-length"] == "1234"
    answer = answer_of(refused(None), ErrorStyle.CODED, method="HEAD")
    assert answer.body == b""
    assert int(dict(answer.headers)["Content-Length"]) > 0


def test_the_classic_generation_says_the_reason_on_every_answer() -> None:
    assert fields(served(status=404), ErrorStyle.CLASSIC)["X-Ca-Error-Message"] == "Not Found"
    found = fields(refused(None), ErrorStyle.CLASSIC)
    assert found["X-Ca-Error-Message"] == "Unauthorized"
    assert "X-Ca-Error-Code" not in found
    assert found["Content-Length"] == "0"


# --- at a glance


def test_a_served_call_is_told_by_its_api_and_status() -> None:
    assert verdict(served(), ErrorStyle.CODED) == ("served GetForecast: 200", ":white_check_mark:")
    api = serve(an_api(name="Other"))
    assert verdict(served(served=api), ErrorStyle.CODED)[0] == "served Other: 200"


def test_a_fault_that_is_passed_back_is_told_with_whose_it_is() -> None:
    text, mark = verdict(served(status=502), ErrorStyle.CODED)
    assert (text, mark) == ("served GetForecast: 502 from the backend", ":warning:")
    mock = MockUpstream(status=503, headers=(), body=b"")
    text, mark = verdict(served(status=503, upstream=mock), ErrorStyle.CODED)
    assert (text, mark) == ("served GetForecast: 503 from the mock", ":warning:")


def test_an_environment_other_than_release_is_told() -> None:
    text, _ = verdict(served(environment=Environment.TEST), ErrorStyle.CODED)
    assert text == "served GetForecast in TEST: 200"


@pytest.mark.parametrize("fault", sorted(BACKEND_FAULTS, key=str))
def test_a_backend_that_fails_is_told_from_a_refusal(fault: Fault) -> None:
    call = Call(REQUEST_ID, NOW_MS, a_pass(Signed))
    call.refuse(Refusal(fault, "ECONNREFUSED", reason=""), "Dispatch")
    text, mark = verdict(call, ErrorStyle.CODED)
    assert text.startswith(f"refused by Dispatch: backend fault: {fault.value.code} ")
    assert mark == ":boom:"
    assert "ECONNREFUSED" not in text


@pytest.mark.parametrize(
    ("fault", "mark"), [(Fault.BUSY, ":hourglass:"), (Fault.INTERNAL, ":bug:")]
)
def test_the_gateways_own_trouble_is_told_from_a_refusal(fault: Fault, mark: str) -> None:
    assert verdict(refused(None, fault), ErrorStyle.CODED)[1] == mark


@pytest.mark.parametrize("style", ErrorStyle)
def test_a_wrong_signature_is_told_without_the_string_to_sign(style: ErrorStyle) -> None:
    call = Call(REQUEST_ID, NOW_MS)
    string = "GET#####X-Ca-Key:1#/a?token=very-secret"
    call.refuse(Refusal(Fault.INVALID_SIGNATURE, string_to_sign=string), "Authentication")
    text, _ = verdict(call, style)
    assert text == "refused by Authentication: A403IS Invalid Signature"


def test_bytes_of_a_caller_that_are_no_text_can_be_saved_with_the_flow() -> None:
    call = Call(REQUEST_ID, NOW_MS)
    call.refuse(Refusal(Fault.API_NOT_FOUND, method="GET", path="/\udcff"), "Routing")
    text, _ = verdict(call, ErrorStyle.CODED)
    assert text == "refused by Routing: I404NF API not found with `GET /\\udcff`"


def test_every_marker_is_one_that_mitmproxy_draws() -> None:
    assert emoji.keys() >= MARKERS


def test_a_preflight_is_told_as_one() -> None:
    call = a_call(a_pass(Received), answer=an_answer(body=b""))
    assert verdict(call, ErrorStyle.CODED) == ("served preflight: 200", ":white_check_mark:")


def test_a_refused_call_is_told_by_the_stage_and_the_reason() -> None:
    call = refused(None, Fault.PARAMETER_REQUIRED, name="x" * 500)
    text, mark = verdict(call, ErrorStyle.CODED)
    assert text.startswith("refused by Authorization: I400MP Parameter xxx")
    assert len(text) < 260
    assert mark == ":no_entry:"
    text, _ = verdict(call, ErrorStyle.CLASSIC)
    assert text.startswith("refused by Authorization: I400MP Invalid Parameter Required xxx")


def test_a_call_that_nobody_decided_is_not_told_as_served() -> None:
    text, mark = verdict(a_call(a_pass(Signed)), ErrorStyle.CODED)
    assert (text, mark) == ("refused by nobody: X500ER Service Internal Error", ":bug:")
