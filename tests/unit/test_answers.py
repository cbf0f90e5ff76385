"""Refusals in both generations of the product, and backends' answers on their way back."""

import json
from typing import Any

import pytest
from unit.build import REQUEST_ID

from apigateway.answers import (
    LONGEST_HEADER,
    LONGEST_MESSAGE,
    message_of,
    render_answer,
    render_refusal,
    status_of,
)
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle

CODED, CLASSIC = ErrorStyle.CODED, ErrorStyle.CLASSIC


def answer(
    *headers: tuple[str, str], status: int = 200, reason: str = "OK", body: bytes = b"hi"
) -> Answer:
    return Answer(status=status, reason=reason, headers=headers, body=body, elapsed_ms=1.5)


def field(shown: Answer, name: str) -> list[str]:
    return [value for found, value in shown.headers if found.lower() == name.lower()]


def test_a_coded_refusal_has_code_message_request_id_and_a_json_body() -> None:
    refusal = Refusal(Fault.API_NOT_FOUND, "why", method="GET", path="/v2/user/abc")
    shown = render_refusal(refusal, REQUEST_ID, CODED)
    message = "API not found with `GET /v2/user/abc`"
    assert shown.status == 404
    assert json.loads(shown.body) == {
        "requestId": REQUEST_ID,
        "code": "I404NF",
        "message": message,
    }
    assert shown.headers == (
        ("X-Ca-Request-Id", REQUEST_ID),
        ("X-Ca-Error-Code", "I404NF"),
        ("X-Ca-Error-Message", message),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Length", str(len(shown.body))),
    )


def test_a_classic_refusal_has_the_text_and_an_empty_plain_body() -> None:
    shown = render_refusal(Refusal(Fault.UNAUTHORIZED), REQUEST_ID, CLASSIC)
    assert (shown.status, shown.body) == (403, b"")
    assert shown.headers == (
        ("X-Ca-Request-Id", REQUEST_ID),
        ("X-Ca-Error-Message", "Unauthorized"),
        ("Content-Type", "text/plain;charset=UTF-8"),
        ("Content-Length", "0"),
    )


def test_the_style_chooses_status_and_text() -> None:
    refusal = Refusal(Fault.THROTTLED_BY_CLIENT_IP, client_ip="192.0.2.1")
    assert (status_of(refusal, CODED), status_of(refusal, CLASSIC)) == (429, 403)
    assert message_of(refusal, CODED) == "Too Many Requests, throttle by client IP 192.0.2.1"
    assert message_of(refusal, CLASSIC) == "Throttled by API Flow Control"


def test_the_detail_for_the_operator_never_reaches_the_caller() -> None:
    shown = render_refusal(Refusal(Fault.INTERNAL, "password in here"), REQUEST_ID, CODED)
    assert "password" not in repr(shown)


def test_retry_after_and_further_fields_are_sent() -> None:
    refusal = Refusal(Fault.BUSY, retry_after_s=7, headers=(("RateLimit", "x"),))
    for style in ErrorStyle:
        shown = render_refusal(refusal, REQUEST_ID, style)
        assert field(shown, "Retry-After") == ["7"]
        assert field(shown, "RateLimit") == ["x"]
    assert not field(render_refusal(Refusal(Fault.BUSY), REQUEST_ID, CODED), "Retry-After")


def test_a_head_gets_the_fields_of_a_refusal_and_no_body() -> None:
    get = render_refusal(Refusal(Fault.BUSY), REQUEST_ID, CODED)
    head = render_refusal(Refusal(Fault.BUSY), REQUEST_ID, CODED, method="HEAD")
    assert head.body == b""
    assert head.headers == get.headers


def test_a_caller_cannot_put_a_line_or_a_field_into_a_message() -> None:
    refusal = Refusal(Fault.INVALID_DOMAIN, domain="x\r\nSet-Cookie: a=b\x00\x7f")
    for style in ErrorStyle:
        for name, value in render_refusal(refusal, REQUEST_ID, style).headers:
            assert not any(ord(c) < 32 or ord(c) == 127 for c in name + value)


def test_braces_in_a_part_are_only_text() -> None:
    refusal = Refusal(Fault.INVALID_DOMAIN, domain="{0.__class__}{domain}")
    assert message_of(refusal, CODED) == "Invalid Domain `{0.__class__}{domain}`"


def test_a_long_message_is_cut_in_the_field_and_in_the_body() -> None:
    refusal = Refusal(Fault.INVALID_SIGNATURE, string_to_sign="x" * 200_000)
    shown = render_refusal(refusal, REQUEST_ID, CODED)
    assert len(field(shown, "X-Ca-Error-Message")[0]) == LONGEST_HEADER
    assert len(json.loads(shown.body)["message"]) == LONGEST_MESSAGE


def test_text_that_is_not_utf8_does_not_break_a_refusal() -> None:
    refusal = Refusal(Fault.INVALID_DOMAIN, domain="\udcff")
    shown = render_refusal(refusal, REQUEST_ID, CODED)
    assert json.loads(shown.body)["code"] == "I404DO"


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
@pytest.mark.parametrize("style", ErrorStyle)
def test_every_fault_can_be_shown_in_both_styles(fault: Fault, style: ErrorStyle) -> None:
    names = [
        "name",
        "reason",
        "method",
        "protocol",
        "domain",
        "path",
        "string_to_sign",
        "client_ip",
        "ceiling",
        "date",
    ]
    parts: dict[str, Any] = dict.fromkeys(names, "x")
    shown = render_refusal(Refusal(fault, **parts), REQUEST_ID, style)
    assert 400 <= shown.status <= 599
    assert "{" not in field(shown, "X-Ca-Error-Message")[0]


def test_a_backends_answer_keeps_status_reason_body_and_fields_in_order() -> None:
    sent = answer(("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2"), status=418)
    shown = render_answer(sent, REQUEST_ID, CODED, method="GET")
    assert (shown.status, shown.reason, shown.body, shown.elapsed_ms) == (418, "OK", b"hi", 1.5)
    assert shown.headers == (
        ("X-Ca-Request-Id", REQUEST_ID),
        ("Set-Cookie", "a=1"),
        ("X-A", "1"),
        ("Set-Cookie", "b=2"),
        ("Content-Length", "2"),
    )


def test_a_backend_cannot_speak_for_the_gateway() -> None:
    sent = answer(
        ("x-ca-request-id", "forged"), ("X-CA-ERROR-CODE", "X500ER"), ("x-ca-error-message", "no")
    )
    shown = render_answer(sent, REQUEST_ID, CODED, method="GET")
    assert field(shown, "X-Ca-Request-Id") == [REQUEST_ID]
    assert field(shown, "X-Ca-Error-Code") == []
    assert field(shown, "X-Ca-Error-Message") == []


def test_fields_of_the_backends_connection_stay_there() -> None:
    sent = answer(
        ("Connection", "close, X-Own"),
        ("X-Own", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "5"),
        ("Trailer", "X"),
        ("Upgrade", "h2c"),
        ("Content-Length", "999"),
        ("Content-Encoding", "gzip"),
    )
    shown = render_answer(sent, REQUEST_ID, CODED, method="GET")
    assert shown.headers == (
        ("X-Ca-Request-Id", REQUEST_ID),
        ("Content-Encoding", "gzip"),
        ("Content-Length", "2"),
    )


def test_a_backend_cannot_take_the_request_id_away_by_nominating_it() -> None:
    sent = answer(("Connection", "X-Ca-Request-Id"))
    shown = render_answer(sent, REQUEST_ID, CODED, method="GET")
    assert field(shown, "X-Ca-Request-Id") == [REQUEST_ID]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_gets_none_and_no_length(status: int) -> None:
    shown = render_answer(answer(status=status), REQUEST_ID, CODED, method="GET")
    assert shown.body == b""
    assert field(shown, "Content-Length") == []


def test_the_answer_to_a_head_keeps_the_backends_length() -> None:
    sent = answer(("content-length", "1234"), body=b"")
    shown = render_answer(sent, REQUEST_ID, CODED, method="HEAD")
    assert shown.body == b""
    assert field(shown, "Content-Length") == ["1234"]


@pytest.mark.parametrize(("status", "reason"), [(200, "OK"), (404, "Not Found")])
def test_classic_puts_the_backends_reason_into_the_error_message(status: int, reason: str) -> None:
    shown = render_answer(answer(status=status, reason=reason), REQUEST_ID, CLASSIC, method="GET")
    assert field(shown, "X-Ca-Error-Message") == [reason]


def test_classic_does_not_call_an_answer_without_a_reason_ok_unless_it_is() -> None:
    ok = render_answer(answer(status=200, reason=""), REQUEST_ID, CLASSIC, method="GET")
    assert field(ok, "X-Ca-Error-Message") == ["OK"]
    missing = render_answer(answer(status=404, reason=""), REQUEST_ID, CLASSIC, method="GET")
    assert field(missing, "X-Ca-Error-Message") == ["Not Found"]
