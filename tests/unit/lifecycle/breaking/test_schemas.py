"""Where a JSON Schema became stricter."""

from typing import Any

import pytest

from apigateway.lifecycle.breaking.schemas import stricter_parts

TITLE: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 80}},
}
CLOSED = {**TITLE, "additionalProperties": False}


def told(before: Any, after: Any) -> list[tuple[str, bool]]:
    """Where it is stricter, and whether that is certain."""
    return [("/".join(map(str, part.path)), part.certain) for part in stricter_parts(before, after)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TITLE, TITLE),
        (False, TITLE),
        (TITLE, True),
        (TITLE, {}),
        ({"maxLength": 3}, {"maxLength": 4}),
        ({"maxLength": 3}, {}),
        ({"minimum": 3}, {"minimum": 2.5}),
        ({}, {"minLength": 0}),
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"enum": [1, 2]}, {"enum": [3, 2, 1]}),
        ({"required": ["a", "b"]}, {"required": ["b"]}),
        ({"pattern": "a"}, {"pattern": "a|b"}),
        ({"multipleOf": 4}, {"multipleOf": 2}),
        ({"uniqueItems": True}, {"uniqueItems": False}),
        ({"items": {"maximum": 3}}, {"items": {"maximum": 4}}),
        ({"anyOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        ({"allOf": [{"maximum": 3}, {"minimum": 1}]}, {"allOf": [{"maximum": 3}]}),
        ({"not": {"type": "null"}}, {}),
        ({"title": "a", "description": "b", "format": "date"}, {"format": "email"}),
        (TITLE, {"type": "object"}),
        (CLOSED, TITLE),
        (CLOSED, {**CLOSED, "properties": {**CLOSED["properties"], "text": {"type": "string"}}}),
        ({"additionalProperties": {"maximum": 1}}, {"additionalProperties": {"maximum": 2}}),
        ({"$defs": {"a": True}}, {"$defs": {"a": False}}),
    ],
    ids=str,
)
def test_what_lets_more_through_is_not_stricter(before: Any, after: Any) -> None:
    assert told(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (True, False, ""),
        ({}, False, ""),
        (True, {"maxLength": 3}, "maxLength"),
        ({"maxLength": 4}, {"maxLength": 3}, "maxLength"),
        ({"minItems": 1}, {"minItems": 2}, "minItems"),
        ({}, {"minLength": 1}, "minLength"),
        ({}, {"minimum": 0}, "minimum"),
        ({"type": "number"}, {"type": "integer"}, "type"),
        ({"enum": [1, True]}, {"enum": [1]}, "enum"),
        ({"const": 1}, {"const": 2}, "const"),
        ({}, {"required": ["a"]}, "required"),
        ({}, {"pattern": "a"}, "pattern"),
        ({"multipleOf": 2}, {"multipleOf": 4}, "multipleOf"),
        ({}, {"uniqueItems": True}, "uniqueItems"),
        ({}, {"items": {"maximum": 3}}, "items/maximum"),
        ({"anyOf": [True, False]}, {"anyOf": [True]}, "anyOf"),
        ({"allOf": [True]}, {"allOf": [True, False]}, "allOf"),
        ({"allOf": [{"maximum": 2}]}, {"allOf": [{"maximum": 1}]}, "allOf/0/maximum"),
        ({}, {"not": {"type": "null"}}, "not"),
        ({}, {"dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({}, TITLE | {"type": ["object"]}, "type properties/title/type properties/title/maxLength"),
        (CLOSED, {**CLOSED, "properties": {}}, "properties/title"),
        (TITLE, CLOSED, "additionalProperties"),
    ],
    ids=str,
)
def test_what_refuses_more_is_found_where_it_stands(before: Any, after: Any, where: str) -> None:
    assert told(before, after) == [(place, True) for place in where.split() or [""]]


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ({"pattern": "a"}, {"pattern": "b"}, "pattern"),
        ({"not": {"maximum": 1}}, {"not": {"maximum": 2}}, "not"),
        ({"if": True, "then": True}, {"if": True, "then": False}, "then"),
        ({"prefixItems": [True]}, {"prefixItems": [False]}, "prefixItems"),
        (
            {"prefixItems": [True], "items": False},
            {"prefixItems": [], "items": False},
            "prefixItems",
        ),
        ({"oneOf": [True]}, {"oneOf": [True, False]}, "oneOf"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": True}},
            {"$ref": "#/$defs/a", "$defs": {"a": {}}},
            "",
        ),
        ({"unevaluatedProperties": False}, {"unevaluatedProperties": True}, ""),
        (
            {"patternProperties": {"a": True}, "properties": {"b": True}},
            {"patternProperties": {"a": True}, "properties": {}},
            "properties",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_said_to_be_uncertain(before: Any, after: Any, where: str) -> None:
    assert told(before, after) == [(where, False)]


def test_items_are_uncertain_when_other_items_stand_before_them() -> None:
    before = {"prefixItems": [True], "items": {"maximum": 1}}
    after = {"prefixItems": [True, True], "items": {"maximum": 2}}
    assert told(before, after) == [("prefixItems", False), ("items", False)]
