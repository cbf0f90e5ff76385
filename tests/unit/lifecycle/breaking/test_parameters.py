"""What changed parameters, modes and bodies do to calls."""

from typing import Any

import pytest
from unit.lifecycle.drafts import api_of, document

from apigateway.lifecycle.breaking.parameters import (
    effects_of_body,
    effects_of_mode,
    effects_of_parameters,
)

DAYS: dict[str, Any] = {"name": "days", "in": "query", "type": "Int"}
CITY = {"name": "city", "in": "path"}


def told(before: dict[str, Any], after: dict[str, Any], effects: Any = None) -> list[str]:
    one, other = api_of(before), api_of(after)
    found = (effects or effects_of_parameters)(one, other)
    return [
        f"{effect.severity} {' '.join(map(str, effect.path[2:]))}: {effect.what}"
        for effect in found
    ]


def of(*parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(method="POST", parameters=parameters, **more)


def in_mode(mode: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return of(*parameters, request={"mode": mode}, **more)


def test_nothing_is_told_of_what_stays() -> None:
    assert told(of(DAYS), of({**DAYS, "description": "How many"})) == []


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [
        ({}, {"required": True}, True),
        ({"default": 3}, {"required": True}, True),
        ({"required": True}, {}, False),
        ({}, {"required": True, "default": 3}, False),
        ({"required": True, "default": 3}, {"required": True}, True),
    ],
)
def test_what_became_required_refuses_calls_without_it(
    before: dict[str, Any], after: dict[str, Any], breaks: bool
) -> None:
    found = told(of({**DAYS, **before}), of({**DAYS, **after}))
    expected = ["breaking days in query required: calls without it are refused"]
    assert [one for one in found if one.startswith("breaking")] == expected * breaks


def test_another_default_is_a_notice() -> None:
    assert told(of({**DAYS, "default": 3}), of({**DAYS, "default": 4})) == [
        'notice days in query default: calls without it get "4", and got "3"'
    ]
    assert told(of({**DAYS, "default": 3}), of(DAYS)) == [
        'notice days in query default: calls without it get none, and got "3"'
    ]


def test_a_stricter_rule_is_told_of_its_parameter() -> None:
    assert told(of({**DAYS, "maximum": 14}), of({**DAYS, "maximum": 7})) == [
        "breaking days in query maximum: more than 7 is refused (was 14)"
    ]


def test_a_new_required_parameter_breaks_and_an_optional_one_does_not() -> None:
    assert told(of(), of({**DAYS, "required": True})) == [
        "breaking days in query: is new and required: calls without it are refused"
    ]
    assert told(of(), of({**DAYS, "maximum": 3})) == []
    assert told(of(), of({**DAYS, "required": True, "default": 3})) == []


def test_a_parameter_that_went_is_dropped_without_a_word_in_mode_mapping() -> None:
    assert told(of(DAYS), of()) == [
        "breaking days in query: is no parameter any more: it is dropped without a word, the "
        "backend gets none"
    ]


def test_a_parameter_that_went_passes_on_unchecked_in_mode_mapping_passthrough() -> None:
    assert told(in_mode("mapping_passthrough", DAYS), in_mode("mapping_passthrough")) == [
        "notice days in query: is not checked any more: it passes on as the caller sent it"
    ]
    renamed = {"parameters": [{"from": "days", "name": "d", "in": "query"}]}
    before = in_mode("mapping_passthrough", DAYS, backend=renamed)
    assert told(before, in_mode("mapping_passthrough")) == [
        "breaking days in query: is not checked any more, and reaches the backend under the "
        "caller's own name"
    ]


def test_a_parameter_at_another_place_is_one_that_moved() -> None:
    assert told(of(DAYS), of({**DAYS, "in": "header", "required": True})) == [
        "breaking days in header: is read in header now, and was in query: where it was, it is "
        "dropped without a word, and calls without the new one are refused"
    ]
    moved = told(
        in_mode("mapping_passthrough", DAYS), in_mode("mapping_passthrough", {**DAYS, "in": "body"})
    )
    assert moved == [
        "breaking days in body: is read in body now, and was in query: where it was, it passes "
        "on unread"
    ]


def test_a_parameter_under_another_name_is_known_by_what_the_backend_gets() -> None:
    before = of(DAYS, backend={"parameters": [{"from": "days", "name": "d", "in": "query"}]})
    assert told(before, of({**DAYS, "name": "d", "maximum": 3})) == [
        "breaking d in query: is named d now, and was days: where it was, it is dropped without "
        "a word",
        "breaking d in query maximum: more than 3 is refused",
    ]


def test_header_names_are_the_same_in_any_case() -> None:
    one = {"name": "X-Days", "in": "header", "required": True}
    assert told(of(one), of({**one, "name": "x-days"})) == []


def test_a_path_parameter_is_known_by_its_place_and_not_its_name() -> None:
    before = document(path="/forecast/[city]", parameters=[CITY])
    town = {"name": "town", "in": "path", "max_length": 9}
    assert told(before, document(path="/forecast/[town]", parameters=[town])) == [
        "breaking town in path max_length: what is longer than 9 is refused"
    ]


def test_parameters_of_another_path_are_told_with_the_path() -> None:
    before = document(path="/forecast/[city]", parameters=[CITY])
    assert told(before, document(path="/x/[city]", parameters=[{**CITY, "max_length": 3}])) == []


def test_in_mode_passthrough_only_the_path_is_read() -> None:
    assert told(in_mode("passthrough", DAYS), in_mode("passthrough")) == []
    assert told(in_mode("passthrough"), in_mode("passthrough", {**DAYS, "required": True})) == []


def test_parameters_begin_to_act_with_the_mode() -> None:
    declared: list[dict[str, Any]] = [
        {**DAYS, "required": True, "maximum": 3},
        {"name": "note", "in": "query"},
    ]
    assert told(in_mode("passthrough", *declared), in_mode("mapping", *declared)) == [
        "breaking days in query: is new and required: calls without it are refused",
        "breaking days in query type: was not checked before: is of type Int, and was String: "
        "other values are refused",
    ]


def test_what_passed_unchecked_and_is_declared_now_is_a_notice() -> None:
    after = in_mode("mapping_passthrough", {"name": "note", "in": "query", "max_length": 3})
    assert told(in_mode("mapping_passthrough"), after) == [
        "notice note in query max_length: was not checked before: what is longer than 3 is refused"
    ]


@pytest.mark.parametrize(
    ("before", "after", "severities"),
    [
        ("mapping", "mapping", []),
        ("mapping_passthrough", "mapping", ["breaking"]),
        ("passthrough", "mapping", ["breaking"]),
        ("mapping", "mapping_passthrough", ["notice"]),
        ("passthrough", "mapping_passthrough", ["notice"]),
        ("mapping", "passthrough", ["notice", "notice"]),
        ("mapping_passthrough", "passthrough", ["notice"]),
    ],
)
def test_another_mode_breaks_calls_when_it_drops_what_passed(
    before: str, after: str, severities: list[str]
) -> None:
    found = told(in_mode(before), in_mode(after), effects_of_mode)
    assert [one.split()[0] for one in found] == severities


def bodied(mode: str = "mapping", *parameters: dict[str, Any], **body: Any) -> dict[str, Any]:
    return of(*parameters, request={"mode": mode, "body": body})


STREAM: dict[str, Any] = {"format": "stream"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (bodied(), bodied(), []),
        (bodied(), bodied(required=True), ["breaking required: calls without a body are refused"]),
        (bodied(required=True), bodied(), []),
        (bodied("passthrough"), bodied("passthrough", required=True), []),
        (
            bodied(),
            bodied(**STREAM),
            ["breaking format: the body is taken as one document, and was as a url-encoded form"],
        ),
        (
            bodied(**STREAM),
            bodied(**STREAM, schema={"maximum": 3}),
            [
                "breaking required: calls without a body are refused",
                "breaking schema: a body that is no JSON document, or breaks the new JSON Schema, "
                "is refused",
            ],
        ),
        (bodied(**STREAM, schema={"maximum": 3}), bodied(**STREAM, schema={"maximum": 4}), []),
        (bodied(**STREAM, schema={"maximum": 3}), bodied(**STREAM), []),
        (
            bodied(**STREAM, schema={"maximum": 3}),
            bodied(**STREAM, schema={"maximum": 2}),
            ["breaking schema maximum: the JSON Schema is stricter here"],
        ),
        (
            bodied("passthrough", **STREAM, schema={"maximum": 3}),
            bodied(**STREAM, schema={"maximum": 3}),
            [
                "breaking required: calls without a body are refused",
                "breaking schema: a body that is no JSON document, or breaks the new JSON Schema, "
                "is refused",
            ],
        ),
        (
            bodied("passthrough"),
            bodied("mapping", {"name": "note", "in": "body"}),
            [
                "breaking format: the body has to be a url-encoded form, and was not looked at "
                "before"
            ],
        ),
        (bodied("passthrough"), bodied("mapping_passthrough"), []),
    ],
    ids=str,
)
def test_another_body(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    assert told(before, after, effects_of_body) == expected


def test_the_format_of_no_body_is_nothing() -> None:
    after = document(request={"body": {"format": "stream"}})
    assert told(document(), after, effects_of_body) == []
