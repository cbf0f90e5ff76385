"""Whether the rules of a parameter refuse what they let through, judged by what they mean."""

from typing import Any

import pytest

from apigateway.lifecycle.breaking.rules import stricter_rules, stricter_schema
from apigateway.model.api import Location, Parameter, ParameterType


def parameter(kind: str = "String", **rules: Any) -> Parameter:
    return Parameter(name="p", location=Location.QUERY, type=ParameterType(kind), **rules)


def told(before: Parameter, after: Parameter) -> dict[str, str]:
    found = list(stricter_rules(before, after, ()))
    return {"/".join(map(str, effect.path)): effect.what for effect in found}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (parameter(min_length=2), parameter(min_length=1)),
        (parameter(), parameter(min_length=0)),
        (parameter(max_length=2), parameter(max_length=3)),
        (parameter(max_length=2), parameter()),
        (parameter(pattern="[a-z]{2}"), parameter(pattern="[a-z]{2,3}")),
        (parameter(pattern="a"), parameter()),
        (parameter(enum=("a",)), parameter(enum=("b", "a"))),
        (parameter(enum=("rain", "wind")), parameter(pattern="[a-z]+", max_length=4)),
        (parameter(enum=("1", "-2")), parameter("Int", minimum=-2)),
        (parameter("Int"), parameter("Long")),
        (parameter("Long", minimum=0, maximum=100), parameter("Int", maximum=100)),
        (parameter("Int"), parameter("Int", maximum=2**31)),
        (parameter("Int"), parameter("Float", minimum=-1e30)),
        (parameter("Float"), parameter("Number")),
        (parameter("Double"), parameter("Number")),
        (parameter("Int", maximum=5), parameter("Int", maximum=5.5)),
        (parameter("Int", enum=("1", "2")), parameter("Int", minimum=1, maximum=2)),
        (parameter("Int", enum=("1",)), parameter("Double", enum=("1.0", "2"))),
        (parameter("Int", maximum=3), parameter()),
        (parameter("Boolean"), parameter()),
        (parameter("JSON", schema={"maximum": 1}), parameter("JSON", schema={"maximum": 2})),
        (parameter("JSON", schema={"maximum": 1}), parameter("JSON")),
        (parameter("JSON"), parameter("JSON", schema=True)),
        (parameter("JSON"), parameter()),
        (parameter("File", max_bytes=5), parameter("File", max_bytes=6)),
        (parameter("File", max_bytes=5), parameter("File")),
    ],
    ids=str,
)
def test_what_refuses_no_value_is_not_stricter(before: Parameter, after: Parameter) -> None:
    assert told(before, after) == {}


@pytest.mark.parametrize(
    ("before", "after", "field", "what"),
    [
        (
            parameter(min_length=1),
            parameter(min_length=2),
            "min_length",
            "what is shorter than 2 is refused (was 1)",
        ),
        (parameter(), parameter(max_length=9), "max_length", "what is longer than 9 is refused"),
        (parameter(), parameter(pattern="a"), "pattern", "what does not match a is refused"),
        (
            parameter(pattern="b"),
            parameter(pattern="a"),
            "pattern",
            "what does not match a is refused (was b)",
        ),
        (
            parameter(enum=("rain", "wind", "snow")),
            parameter(enum=("wind",)),
            "enum",
            "rain and snow are refused",
        ),
        (
            parameter(enum=tuple("abcdefgh")),
            parameter(enum=("h",)),
            "enum",
            "a, b, c, d, e and 2 more are refused",
        ),
        (parameter(), parameter(enum=("a", "b")), "enum", "all but a and b is refused"),
        (
            parameter(enum=("rain", "wind")),
            parameter(enum=("wind",), pattern="[a-z]+"),
            "enum",
            "rain is refused",
        ),
        (
            parameter(enum=("rain", "wind")),
            parameter(enum=("rain", "wind"), pattern="w.*"),
            "pattern",
            "what does not match w.* is refused",
        ),
        (
            parameter("Int", maximum=14),
            parameter("Int", maximum=7),
            "maximum",
            "more than 7 is refused (was 14)",
        ),
        (parameter("Int"), parameter("Int", minimum=0.5), "minimum", "less than 0.5 is refused"),
        (
            parameter("Long", minimum=0),
            parameter("Int"),
            "type",
            "more than 2147483647 is refused",
        ),
        (
            parameter("Double", minimum=0, maximum=9),
            parameter("Int"),
            "type",
            "is of type Int, and was Double: numbers with a point are refused",
        ),
        (
            parameter("Int", enum=("1", "2")),
            parameter("Int", enum=("2",)),
            "enum",
            "1 is refused",
        ),
        (
            parameter(),
            parameter("Int"),
            "type",
            "is of type Int, and was String: other values are refused",
        ),
        (
            parameter("File"),
            parameter(),
            "type",
            "is of type String, and was File: other values are refused",
        ),
        (
            parameter("Int"),
            parameter("Boolean"),
            "type",
            "is of type Boolean, and was Int: other values are refused",
        ),
        (parameter("JSON"), parameter("JSON", schema={"maximum": 1}), "schema", ""),
        (
            parameter("File", max_bytes=9),
            parameter("File", max_bytes=5),
            "max_bytes",
            "files of more than 5 bytes are refused (was 9)",
        ),
    ],
    ids=str,
)
def test_what_refuses_more_is_told(
    before: Parameter, after: Parameter, field: str, what: str
) -> None:
    found = told(before, after)
    assert list(found) == [field]
    assert what in found[field]


def test_the_parts_of_a_schema_are_told_where_they_stand() -> None:
    before = {"properties": {"a": {"maximum": 2}}, "pattern": "a"}
    after = {"properties": {"a": {"maximum": 1}}, "pattern": "b", "minItems": 1}
    found = {
        "/".join(map(str, effect.path)): (effect.severity.value, effect.what)
        for effect in stricter_schema(before, after, ("schema",))
    }
    assert found == {
        "schema/properties/a/maximum": ("breaking", "the JSON Schema is stricter here"),
        "schema/pattern": ("notice", "the JSON Schema changes here and may refuse more"),
        "schema/minItems": ("breaking", "the JSON Schema has a new rule here"),
    }
