"""How much a document may cost under a schema, counted before it is judged."""

from typing import Any

import pytest

from apigateway.json_schema.cost import MOST, SchemaCost
from apigateway.json_schema.judging import DocumentSchema
from apigateway.json_schema.writing import plain
from apigateway.protocol.documents import DEEPEST

WHOLE = {"$ref": "#"}
INTO = {"properties": {"a": WHOLE}}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def into(name: str) -> dict[str, Any]:
    return {"properties": {"a": ref(name)}}


def chain(length: int, last: Any, times: int = 2) -> dict[str, Any]:
    """Definitions that each lead on into the same member, `times` over."""
    links = {f"d{i}": {"allOf": [into(f"d{i + 1}")] * times} for i in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": last}}


def cost_of(schema: Any) -> SchemaCost:
    return SchemaCost(plain(schema), DEEPEST)


def deep(levels: int, value: Any = 1) -> Any:
    for _ in range(levels):
        value = {"a": value}
    return value


# Two definitions that lead to each other; the library is inside of neither for sure when it comes
# to both from elsewhere.
AROUND = {"$defs": {"even": {"allOf": [into("odd")] * 2}, "odd": {"allOf": [into("even")] * 2}}}
EXPRESSIONS = {
    "$ref": "#/$defs/any",
    "$defs": {
        "any": {"oneOf": [ref("and"), ref("or"), {"type": "integer"}]},
        **{
            word: {
                "type": "object",
                "properties": {"op": {"const": word}, "a": {"type": "array", "items": ref("any")}},
            }
            for word in ("and", "or")
        },
    },
}


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"properties": {"a": {"type": "string"}}},
        INTO,
        {"allOf": [INTO, INTO]},
        {"anyOf": [INTO, {"additionalProperties": WHOLE}]},
        {"properties": {"a": WHOLE}, "patternProperties": {"a": WHOLE}},
        {"items": WHOLE, "contains": WHOLE},
        {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"a": ref("n"), "b": ref("n")}}}},
        {"anyOf": [INTO], "unevaluatedProperties": False},
        EXPRESSIONS,
        chain(30, {}, times=1),
        chain(10, {}),
        chain(2, {"allOf": [into("d0"), into("d1"), into("d2")]}),
        {**AROUND, "$ref": "#/$defs/even"},
    ],
)
def test_the_usual_schemas_refuse_nothing(schema: Any) -> None:
    cost = cost_of(schema)
    assert cost.refused_from is None
    assert not cost.is_too_much(deep(DEEPEST))
    assert not cost.is_too_much([deep(5)] * 20_000)


@pytest.mark.parametrize(
    ("schema", "ways"),
    [
        (chain(40, {}), 2),
        (chain(40, {}, times=3), 3),
        (chain(40, into("d0")), 2),
        ({**AROUND, "properties": {"a": ref("even"), "b": ref("odd")}}, 2),
        (
            {
                "$ref": "#/$defs/d0",
                "$defs": {
                    f"d{i}": {"anyOf": [into(f"d{i + 1}")], "unevaluatedProperties": False}
                    for i in range(40)
                }
                | {"d40": {}},
            },
            2,
        ),
    ],
)
def test_ways_that_multiply_are_counted_and_end_in_a_refusal(schema: Any, ways: int) -> None:
    cost = cost_of(schema)
    depth = cost.refused_from
    assert depth is not None
    assert cost.ways == ways
    assert ways ** (depth - 4) < MOST < ways ** (depth + 2) * 10
    assert cost.is_too_much(deep(depth))
    assert not cost.is_too_much(deep(depth - 3))
    assert not cost.is_too_much([1] * 1_000_000)
    judge = DocumentSchema(schema)
    assert judge.first_violation(deep(DEEPEST)) == "/: nested too deeply for its schema"
    assert judge.first_violation(deep(3)) is None


def test_members_of_different_names_do_not_add_up() -> None:
    both = {"properties": {"a": ref("d1"), "b": ref("d1")}}
    links = {f"d{i}": {"properties": {n: ref(f"d{i + 1}") for n in "ab"}} for i in range(1, 40)}
    assert cost_of({**both, "$defs": {**links, "d40": {}}}).refused_from is None
    split = {"properties": {"a": ref("d0")}, "additionalProperties": ref("d0")}
    assert cost_of({"$ref": "#/$defs/d0", "$defs": {"d0": split}}).refused_from is None
    items = {"prefixItems": [ref("d0")], "items": ref("d0")}
    assert cost_of({"$ref": "#/$defs/d0", "$defs": {"d0": items}}).refused_from is None


def test_many_values_add_up() -> None:
    cost = cost_of(chain(40, {}))
    depth = cost.refused_from
    assert depth is not None
    assert cost.is_too_much([deep(depth - 6)] * 1000)
    assert not cost.is_too_much([deep(2)] * 1000)


def test_finding_a_fault_is_counted_without_what_the_library_remembers() -> None:
    cost = cost_of({"allOf": [INTO, INTO]})
    assert cost.grows
    assert not cost.is_more_than(1000, deep(5))
    assert cost.is_more_than(1_000_000, deep(25))
    flat = cost_of({"items": {"type": "string"}})
    assert not flat.grows
    assert flat.is_more_than(100, ["a"] * 100)
