"""Why calls would end otherwise: words, names, and what accepts them."""

import re
from dataclasses import replace

import pytest
from unit.replay.test_differences import ANSWERED, REFUSED, to_backend

from apigateway.errors import Fault
from apigateway.rehearsal.causes import Cause, accepts, cause_of, distinct, given_names
from apigateway.replay.differences import Kind, differences
from apigateway.replay.outcome import Outcome


def cause(before: Outcome, after: Outcome) -> Cause:
    (found,) = differences(before, after)
    return cause_of(found, before, after)


def refused(fault: Fault, message: str, subject: str = "") -> Outcome:
    code = fault.value.code
    return replace(REFUSED, fault=fault.name, code=code, message=message, subject=subject)


def told(one: Cause) -> tuple[str, str]:
    return one.words, one.name


@pytest.mark.parametrize(
    ("outcome", "words", "name"),
    [
        (REFUSED, "parameter days: is greater than 7", "days-greater-than-7"),
        (
            refused(Fault.INVALID_PARAMETER, "Invalid parameter n is less than -5", "n"),
            "parameter n: is less than -5",
            "n-less-than--5",
        ),
        (
            refused(Fault.INVALID_PARAMETER, "Invalid parameter u is not one of a, b", "u"),
            "parameter u: is not one of a, b",
            "u-not-one-of-a-b",
        ),
        (
            refused(Fault.INVALID_PARAMETER, "Invalid parameter j is not of type JSON: b", "j"),
            "parameter j: is not of type JSON",
            "j-not-of-type-JSON",
        ),
        (
            refused(Fault.PARAMETER_REQUIRED, "Parameter city is required", "city"),
            "parameter city: is required",
            "city-required",
        ),
        (
            refused(Fault.API_NOT_FOUND, "API not found with `GET /status/4711`"),
            "API not found",
            "api-not-found",
        ),
        (
            refused(Fault.INVALID_SIGNATURE, "Invalid Signature, Server StringToSign:`GET#a=1`"),
            "Invalid Signature",
            "invalid-signature",
        ),
        (
            refused(Fault.THROTTLED_BY_APP, "Throttled by APP Flow Control"),
            "Throttled by APP Flow Control",
            "throttled-by-app",
        ),
        (
            refused(Fault.INVALID_HEADER, "Invalid Header `X-A` is repeated", "X-A"),
            "Invalid Header: X-A",
            "invalid-header-X-A",
        ),
        (refused(Fault.UNAUTHORIZED, "Unauthorized"), "Unauthorized", "unauthorized"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_refusal_is_told_in_the_words_of_the_product_and_without_what_is_of_one_call(
    outcome: Outcome, words: str, name: str
) -> None:
    assert told(cause(ANSWERED, outcome)) == (words, name)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_words_without_a_gap_and_a_name_of_its_own(fault: Fault) -> None:
    made = cause(ANSWERED, refused(fault, "message", "x"))
    assert "{" not in made.words
    assert made.words.count("`") % 2 == 0
    plain = made.words.removesuffix(": x").removesuffix(": is required")
    assert plain == plain.strip(" :,")
    assert made.name


def test_a_rule_of_a_document_is_told_without_the_place_in_one_document() -> None:
    def body(reason: str) -> Cause:
        return cause(ANSWERED, refused(Fault.INVALID_BODY, f"Invalid Body: {reason}"))

    assert body("/tags/0: maxLength: 20") == body("/tags/31: maxLength: 20")
    assert body("/tags/0: maxLength: 20").words == "body: /tags/*: maxLength: 20"
    assert body("/: unknown: a, b") == body("/: unknown: c")
    assert body("/: required: a") != body("/: required: b")
    assert cause(ANSWERED, refused(Fault.INVALID_BODY, "Invalid Request Body")).words == (
        "Invalid Body"
    )


def test_the_kind_stands_before_the_reason_where_it_is_not_a_new_refusal() -> None:
    other = refused(Fault.UNAUTHORIZED, "Unauthorized")
    assert told(cause(REFUSED, ANSWERED)) == (
        "no longer refused: parameter days: is greater than 7",
        "no-longer-days-greater-than-7",
    )
    assert told(cause(REFUSED, other)) == (
        "refused for another reason: Unauthorized",
        "instead-unauthorized",
    )
    reworded = cause(replace(REFUSED, message="Invalid parameter days is greater than 9"), REFUSED)
    assert told(reworded) == (
        "refused in other words: parameter days: is greater than 7",
        "reworded-days-greater-than-7",
    )
    assert reworded.breaks_nobody
    assert not cause(REFUSED, other).breaks_nobody


@pytest.mark.parametrize(
    ("changes", "words", "name"),
    [
        ({"address": "http://c.test"}, "address of the backend", "backend-address"),
        ({"path": "/v4"}, "path at the backend", "backend-path"),
        (
            {"headers": (("x-a", "1"), ("x-b", "3"))},
            "header at the backend: x-b",
            "backend-header-x-b",
        ),
        ({"query": (("a", "1"),)}, "query at the backend: b", "backend-query-b"),
    ],
)
def test_what_a_backend_gets_is_told_by_its_part(
    changes: dict[str, object], words: str, name: str
) -> None:
    assert told(cause(ANSWERED, to_backend(**changes))) == (words, name)


def test_every_kind_of_difference_has_words_and_a_name() -> None:
    for kind in Kind:
        (found,) = differences(ANSWERED, replace(ANSWERED, status=201))
        before = REFUSED if kind is Kind.NOW_PASSES else ANSWERED
        made = cause_of(replace(found, kind=kind, what="x"), before, REFUSED)
        assert made.words
        assert made.name


def test_a_name_that_is_not_whole_ends_in_a_digest_and_stays_short() -> None:
    long = refused(Fault.INVALID_PARAMETER, f"Invalid parameter u is not one of {'ab, ' * 40}", "u")
    other = replace(long, message=f"{long.message}c")
    names = [cause(ANSWERED, one).name for one in (long, other)]
    assert all(len(name) <= 60 for name in names)
    assert names[0] != names[1]
    odd = refused(Fault.PARAMETER_REQUIRED, "Parameter 中 is required", "中")
    assert cause(ANSWERED, odd).name.startswith("required-")


def a_cause(api: str = "weather/A", words: str = "w", name: str = "n") -> Cause:
    return Cause(api=api, kind=Kind.STATUS, words=words, name=name)


def test_causes_that_would_have_one_name_get_names_of_their_own() -> None:
    one, other, third = a_cause(words="a b"), a_cause(words="a-b"), a_cause(api="weather/B")
    found = distinct([one, other, third])
    assert found[third] == third
    assert len({cause.full_name for cause in found.values()}) == 3
    assert distinct([other, third, one]) == found


def test_what_is_typed_has_the_api_where_several_have_the_name() -> None:
    one, other, third = a_cause(), a_cause(api="weather/B"), a_cause(api="", name="m")
    given = given_names([one, other, third])
    assert [given(cause) for cause in (one, other, third)] == ["weather/A/n", "weather/B/n", "m"]
    assert third.full_name == "no-api/m"


def test_a_name_accepts_a_cause_where_it_means_no_other() -> None:
    one, other, third = a_cause(), a_cause(api="weather/B"), a_cause(name="m")
    causes = [one, other, third]
    assert accepts("m", third, causes)
    assert accepts("weather/A/n", one, causes)
    assert not accepts("weather/A/n", other, causes)
    assert not accepts("n", one, causes)
    assert not accepts("", third, causes)


def test_a_cause_of_signs_alone_still_has_a_name() -> None:
    found = cause(ANSWERED, refused(Fault.INVALID_PARAMETER, "Invalid parameter  :"))
    assert re.fullmatch(r"[0-9a-f]{6}", found.name)
