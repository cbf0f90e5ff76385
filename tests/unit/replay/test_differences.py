"""What two outcomes of one call differ in, and by which cause."""

from dataclasses import replace
from typing import Any

import pytest
from unit.build import NOW_MS, REQUEST_ID

from apigateway.replay.differences import Difference, Kind, differences
from apigateway.replay.outcome import BackendRequest, Ending, Outcome, content_of

BACKEND = BackendRequest(
    method="GET",
    address="http://b.test",
    path="/v3",
    query=(("a", "1"), ("b", "2")),
    headers=(("x-a", "1"), ("x-b", "2")),
    form=(),
    body=content_of(b""),
    signature="c2lnbmF0dXJlIG9mIGEga2V5",
)
ANSWERED = Outcome(
    run=(REQUEST_ID, NOW_MS),
    ending=Ending.ANSWERED,
    status=200,
    code="",
    message="",
    headers=(("x-a", "1"), ("x-b", "1"), ("x-b", "2")),
    body=content_of(b"hello"),
    inside=True,
    api="weather/GetForecast",
    environment="RELEASE",
    version="1",
    backend=BACKEND,
)
SENT = replace(ANSWERED, ending=Ending.SENT, status=0, headers=(), body=None)
REFUSED = replace(
    ANSWERED,
    ending=Ending.REFUSED,
    status=400,
    code="I400IP",
    message="Invalid parameter days is greater than 7",
    body=None,
    fault="INVALID_PARAMETER",
    subject="days",
    refused_by="Validation",
    backend=None,
)
MOCKED = replace(ANSWERED, backend=None)


def only_answer(outcome: Outcome) -> Outcome:
    """As a caller sees it."""
    return replace(
        outcome,
        inside=False,
        fault="",
        subject="",
        refused_by="",
        api="",
        environment="",
        version="",
        backend=None,
    )


def to_backend(**changes: Any) -> Outcome:
    return replace(ANSWERED, backend=replace(BACKEND, **changes))


def one(before: Outcome, after: Outcome) -> Difference:
    (found,) = differences(before, after)
    return found


@pytest.mark.parametrize("outcome", [ANSWERED, SENT, REFUSED, MOCKED])
def test_an_outcome_does_not_differ_from_itself(outcome: Outcome) -> None:
    assert differences(outcome, outcome) == ()
    assert differences(only_answer(outcome), only_answer(outcome)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ANSWERED, replace(ANSWERED, version="2", detail="x")),
        (REFUSED, replace(REFUSED, detail="in header", refused_by="other")),
        (ANSWERED, SENT),
        (SENT, ANSWERED),
        (ANSWERED, replace(ANSWERED, run=("other", 1))),
        (ANSWERED, replace(to_backend(signature="other"), run=("other", 1))),
        (only_answer(ANSWERED), to_backend(path="/v4")),
        (only_answer(REFUSED), REFUSED),
        (to_backend(query=(("b", "2"), ("a", "1"))), ANSWERED),
    ],
    ids=[
        "version and detail",
        "detail of a refusal",
        "an answer nobody knows",
        "an answer nobody knew",
        "another run",
        "the signature of another run",
        "an inside nobody knows",
        "a fault nobody knows",
        "order of different names",
    ],
)
def test_what_means_nothing_is_no_difference(before: Outcome, after: Outcome) -> None:
    assert differences(before, after) == ()


def test_a_call_that_is_refused_now_differs_in_that_alone() -> None:
    found = one(ANSWERED, REFUSED)
    assert (found.kind, found.what) == (Kind.NOW_REFUSED, "INVALID_PARAMETER days")
    assert (found.before, found.after) == ("200", str(REFUSED))
    assert found.cause == ("weather/GetForecast", "now refused", "INVALID_PARAMETER days")
    assert str(found) == (
        "now refused (INVALID_PARAMETER days): "
        "200 -> 400 I400IP Invalid parameter days is greater than 7"
    )
    assert one(SENT, REFUSED).before == "would be sent"


def test_calls_that_one_cause_refuses_have_one_cause() -> None:
    other = replace(REFUSED, message="Invalid parameter days is less than 1", status=403)
    assert one(ANSWERED, REFUSED).cause == one(replace(ANSWERED, status=500), other).cause
    assert one(ANSWERED, REFUSED).cause != one(ANSWERED, replace(REFUSED, subject="city")).cause


def test_a_call_that_passes_now_says_what_it_was_refused_for() -> None:
    found = one(REFUSED, ANSWERED)
    assert (found.kind, found.what) == (Kind.NOW_PASSES, "INVALID_PARAMETER days")
    assert one(REFUSED, SENT).kind is Kind.NOW_PASSES


def test_of_a_caller_the_code_or_the_status_is_the_reason() -> None:
    seen = only_answer(REFUSED)
    assert one(seen, ANSWERED).what == "I400IP"
    assert one(ANSWERED, replace(seen, code="")).what == "400"
    assert one(ANSWERED, seen).api == "weather/GetForecast"


@pytest.mark.parametrize(
    "changes",
    [{"fault": "PARAMETER_REQUIRED"}, {"subject": "city"}, {"code": "I400MP"}, {"status": 403}],
)
def test_two_refusals_differ_in_fault_or_subject(changes: Any) -> None:
    assert one(REFUSED, replace(REFUSED, **changes)).kind is Kind.OTHER_REFUSAL


def test_the_same_refusal_may_be_said_otherwise() -> None:
    other = replace(REFUSED, message="Invalid parameter days is greater than 5")
    assert one(REFUSED, other).kind is Kind.REWORDED
    assert one(only_answer(REFUSED), other).kind is Kind.OTHER_REFUSAL  # of another parameter?


def test_a_string_to_sign_is_of_its_run() -> None:
    before = replace(REFUSED, message="Invalid Signature, Server StringToSign:`a`")
    after = replace(before, message="Invalid Signature, Server StringToSign:`b`")
    assert differences(before, replace(after, run=("other", 1))) == ()
    assert one(before, after).kind is Kind.REWORDED


def test_another_api_is_the_cause_of_whatever_else_differs() -> None:
    found = one(ANSWERED, replace(REFUSED, api="weather/GetOther"))
    assert (found.kind, found.what) == (Kind.OTHER_API, "weather/GetOther")
    assert (found.before, found.after) == ("weather/GetForecast", "weather/GetOther")
    assert one(ANSWERED, replace(REFUSED, api="")).kind is Kind.NOW_REFUSED


def test_a_call_may_end_at_a_backend_or_at_the_gateway() -> None:
    found = one(MOCKED, SENT)
    assert (found.kind, found.what) == (Kind.OTHER_END, "at a backend")
    assert (found.before, found.after) == ("at the gateway", "GET http://b.test")
    assert one(ANSWERED, MOCKED).what == "at the gateway"
    assert one(only_answer(MOCKED), SENT).kind is Kind.OTHER_END


def kinds(before: Outcome, after: Outcome) -> list[tuple[Kind, str, str, str]]:
    found = differences(before, after)
    return [(each.kind, each.what, each.before, each.after) for each in found]


def test_answers_differ_in_status_fields_and_body() -> None:
    after = replace(
        ANSWERED,
        status=500,
        headers=(("x-b", "2"), ("x-b", "1"), ("x-c", "")),
        body=content_of(b""),
        environment="TEST",
    )
    assert kinds(ANSWERED, after) == [
        (Kind.ENVIRONMENT, "", "RELEASE", "TEST"),
        (Kind.STATUS, "", "200", "500"),
        (Kind.ANSWER_HEADER, "x-a", "1", ""),
        (Kind.ANSWER_HEADER, "x-b", "1, 2", "2, 1"),
        (Kind.ANSWER_HEADER, "x-c", "", '""'),
        (Kind.ANSWER_BODY, "", str(content_of(b"hello")), "no body"),
    ]


def test_requests_at_a_backend_differ_in_each_of_their_parts() -> None:
    after = to_backend(
        method="POST",
        address="http://c.test",
        path="/v4",
        query=(("a", "1"), ("c", "3")),
        headers=(("x-a", "2"), ("x-b", "2")),
        body=content_of(b"x"),
        signature="other",
    )
    assert kinds(ANSWERED, after) == [
        (Kind.BACKEND_METHOD, "", "GET", "POST"),
        (Kind.BACKEND_ADDRESS, "", "http://b.test", "http://c.test"),
        (Kind.BACKEND_PATH, "", "/v3", "/v4"),
        (Kind.BACKEND_QUERY, "b", "2", ""),
        (Kind.BACKEND_QUERY, "c", "", "3"),
        (Kind.BACKEND_HEADER, "x-a", "1", "2"),
        (Kind.BACKEND_BODY, "", "no body", str(content_of(b"x"))),
    ]


def test_forms_differ_by_field_and_from_what_is_none_as_a_whole() -> None:
    before = to_backend(form=(("a", "1"),), body=None)
    after = to_backend(form=(("a", "2"),), body=None)
    assert kinds(before, after) == [(Kind.BACKEND_FORM, "a", "1", "2")]
    assert kinds(before, ANSWERED) == [(Kind.BACKEND_BODY, "", "a form", "no body")]


def test_only_a_signature_that_differs_alone_is_told_and_not_shown() -> None:
    (found,) = differences(ANSWERED, to_backend(signature="YW5vdGhlciBzaWduYXR1cmU="))
    assert found.kind is Kind.BACKEND_SIGNATURE
    assert (found.before, found.after) == ("c2ln…", "YW5v…")


def test_what_a_name_calls_a_secret_is_not_shown() -> None:
    before = to_backend(headers=(("authorization", "Bearer abcdefghijklmnopqrst"),))
    (found,) = differences(before, to_backend(headers=(("authorization", "Bearer other"),)))
    assert "efghijk" not in str(found)
    assert found.what == "authorization"
