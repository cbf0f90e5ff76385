"""What is said of a broken rule: its place and its bound, never a caller's value."""

from typing import Any

import pytest

from apigateway.json_schema.judging import DocumentSchema

TEXT = {"type": "string"}
SMALL = {"maximum": 9}


@pytest.mark.parametrize(
    ("schema", "value", "violation"),
    [
        ({"type": ["integer", "null"]}, "", "/: type: integer, null"),
        ({"const": 1}, True, "/: const: 1"),
        ({"const": {"a": [1]}}, {"a": [True]}, "/: const"),
        ({"enum": ["a", 1, False]}, 0, "/: enum: a, 1, False"),
        ({"minimum": 2.0}, 1.9, "/: minimum: 2.0"),
        ({"multipleOf": 0.01}, 0.075, "/: multipleOf: 0.01"),
        ({"maxLength": 1}, "ab", "/: maxLength: 1"),
        ({"uniqueItems": True}, [1, 1.0], "/: uniqueItems: True"),
        ({"required": ["a", "b", "c"]}, {"b": 1}, "/: required: a, c"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "/: dependentRequired"),
        ({"$ref": "#/$defs/a", "$defs": {"a": SMALL}}, 10, "/: maximum: 9"),
        ({"not": TEXT}, "a", "/: not"),
        ({"not": True}, None, "/: not: True"),
        ({"if": TEXT, "then": {"minLength": 2}}, "a", "/: minLength: 2"),
        ({"if": TEXT, "else": False}, 1, "/: not allowed"),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, "/: required: b"),
        ({"prefixItems": [TEXT, SMALL]}, ["a", 10], "/1: maximum: 9"),
        ({"prefixItems": [True], "items": False}, [1, 2], "/1: not allowed"),
        ({"contains": TEXT}, [1], "/: contains"),
        ({"contains": TEXT, "minContains": 2}, ["a"], "/: minContains: 2"),
        ({"contains": TEXT, "maxContains": 1}, ["a", "b"], "/: maxContains: 1"),
        ({"properties": {"a": False}}, {"a": 1}, "/a: not allowed"),
        ({"properties": {"0": {"properties": {"1": TEXT}}}}, {"0": {"1": 1}}, "/0/1: type: string"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "/: maxLength: 1"),
        ({"propertyNames": False}, {"ab": 1}, "/: not allowed"),
        ({"patternProperties": {"b$": SMALL}}, {"ab": 10}, "/ab: maximum: 9"),
        ({"additionalProperties": TEXT}, {"a": 1}, "/a: type: string"),
        ({"additionalProperties": False}, dict.fromkeys("abcdefgh"), "/: unknown: a, b, c, d, e"),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            dict.fromkeys("abcdefgh"),
            "/: unknown: b, c, d, e, f",
        ),
        (
            {"patternProperties": {"^x": {}}, "additionalProperties": False},
            {"x": 1, "b": 2},
            "/: unknown: b",
        ),
        ({"unevaluatedProperties": False}, {"a": 1}, "/: unevaluatedProperties: False"),
        ({"anyOf": [TEXT, {"type": "null"}]}, 1, "/: anyOf"),
        ({"oneOf": [TEXT, {"minLength": 2}]}, "ab", "/: oneOf"),
        ({"items": {"anyOf": [TEXT, {"$ref": "#/$defs/a"}]}, "$defs": {"a": SMALL}}, [10], None),
        (False, 1, "/: not allowed"),
    ],
)
def test_a_broken_rule_is_named_with_its_bound(
    schema: Any, value: Any, violation: str | None
) -> None:
    assert DocumentSchema(schema).first_violation(value) == (violation or "/0: maximum: 9")


@pytest.mark.parametrize(
    ("value", "violation"),
    [
        ({"kind": "circle", "radius": "x"}, "/radius: type: number"),
        ({"kind": "circle"}, "/: required: radius"),
        ({"kind": "line", "to": [1]}, "/to: minItems: 2"),
        ({"kind": "star"}, "/: anyOf"),
        (1, "/: anyOf"),
    ],
)
def test_of_several_branches_the_fault_of_the_one_that_was_meant_is_told(
    value: Any, violation: str
) -> None:
    branches = [
        {"type": "null"},
        {
            "type": "object",
            "required": ["kind", "radius"],
            "properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}},
        },
        {
            "type": "object",
            "properties": {"kind": {"const": "line"}, "to": {"minItems": 2}},
        },
    ]
    assert DocumentSchema({"anyOf": branches}).first_violation(value) == violation


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"enum": [1]},
        {"pattern": "^x$"},
        {"maxLength": 1},
        {"not": {"type": "string"}},
        {"anyOf": [{"const": 1}, {"const": 2}]},
        {"propertyNames": {"maxLength": 1}},
        {"unevaluatedProperties": False},
    ],
)
def test_a_value_of_a_caller_is_never_repeated(schema: Any) -> None:
    for value in ("secret", {"secret": "secret"}):
        assert "secret" not in (DocumentSchema(schema).first_violation(value) or "")
