"""Schemas judge as the library jsonschema judges, and no document costs too much under one."""

import time
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from apigateway.definition.check_schema import faults_of_schema
from apigateway.json_schema.judging import DocumentSchema
from apigateway.json_schema.parts import UNEVALUATED, subschemas
from apigateway.json_schema.writing import outlined, plain

NAMES = st.sampled_from("abc")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 1.5, 2.0**53, 2**53, 2**53 + 1, 1e22, 10**22, 1e300]),
    st.sampled_from(["", "a", "ab", "b1", "1", "中"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)

counts = st.integers(0, 3)
numbers = st.sampled_from([-1, 0, 1, 1.0, 1.5, 2])
patterns = st.sampled_from(["^a", "b", "1$", "^[a-c]+$", "c|a"])
TYPES = ["string", "number", "integer", "boolean", "array", "object", "null"]
words: dict[str, Any] = {
    "type": st.one_of(
        st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
    ),
    "const": values,
    "enum": st.lists(values, min_size=1, max_size=3),
    "multipleOf": st.sampled_from([1, 2, 0.5, 2.0]),
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True)),
    "pattern": patterns,
}
words |= dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], numbers)
words |= dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems"], counts)
words |= dict.fromkeys(["minProperties", "maxProperties"], counts)


def written(inner: Any) -> Any:
    """Schemas that ask others. Those refer to the whole from inside the data only, or it would
    never end."""
    inside = st.one_of(inner, st.just({"$ref": "#"}), st.just({"$ref": "#/$defs/a"}))
    parts = st.lists(inner, min_size=1, max_size=3)
    asking: dict[str, Any] = {word: parts for word in ("allOf", "anyOf", "oneOf")}
    asking |= dict.fromkeys(["not", "if", "then", "else"], inner)
    asking["dependentSchemas"] = st.dictionaries(NAMES, inner, max_size=2)
    asking["prefixItems"] = st.lists(inside, min_size=1, max_size=2)
    asking["properties"] = st.dictionaries(NAMES, inside, max_size=2)
    asking["patternProperties"] = st.dictionaries(patterns, inside, max_size=2)
    for word in ("items", "contains", "additionalProperties", "propertyNames"):
        asking[word] = inside
    asking |= dict.fromkeys(["unevaluatedItems", "unevaluatedProperties"], inside)
    asking |= dict.fromkeys(["minContains", "maxContains"], counts)
    return some_of(words | asking)


def some_of(offered: dict[str, Any]) -> Any:
    chosen = st.lists(st.sampled_from(sorted(offered)), max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({n: offered[n] for n in names}))


schemas = st.recursive(st.one_of(st.booleans(), some_of(words)), written, max_leaves=6)
whole = st.builds(
    lambda schema, part: {**schema, "$defs": {"a": part}},
    schemas.filter(lambda schema: isinstance(schema, dict)),
    schemas,
)


@settings(deadline=None, max_examples=1000)
@given(schema=whole, value=values)
def test_a_value_is_taken_exactly_when_the_library_takes_it(schema: Any, value: Any) -> None:
    taken = DocumentSchema(schema).first_violation(value) is None
    assert taken == Draft202012Validator(schema).is_valid(value)


@settings(deadline=None, max_examples=150)
@given(schema=whole)
def test_a_generated_schema_is_one_that_check_takes(schema: Any) -> None:
    assert faults_of_schema(schema) == []


@settings(deadline=None, max_examples=500)
@given(items=st.lists(values, max_size=6))
def test_items_are_unique_exactly_when_the_library_finds_them_so(items: list[Any]) -> None:
    for schema in ({"uniqueItems": True}, {"items": {"uniqueItems": True}, "uniqueItems": True}):
        unique = DocumentSchema(schema).first_violation(items) is None
        assert unique == Draft202012Validator(schema).is_valid(items)


@settings(deadline=None, max_examples=300)
@given(one=values, other=values)
def test_two_values_are_one_exactly_when_the_library_says_so(one: Any, other: Any) -> None:
    equal = DocumentSchema({"const": one}).first_violation(other) is None
    assert equal == Draft202012Validator({"const": one}).is_valid(other)
    assert equal == (
        DocumentSchema({"uniqueItems": True}).first_violation([one, other]) is not None
    )


@settings(deadline=None, max_examples=300)
@given(schema=whole, value=values)
def test_an_outline_takes_the_same_values(schema: Any, value: Any) -> None:
    assume(not any(UNEVALUATED & sub.keys() for _, sub in subschemas(schema)))
    outline = Draft202012Validator(outlined(plain(schema)))
    assert outline.is_valid(value) == Draft202012Validator(schema).is_valid(value)


# Definitions that lead on and back: into members, and in place to later ones only (check refuses
# the others). Documents deep enough that what doubles at each level would never end.
COUNT = 4


def leading(number: int) -> Any:
    inside = st.integers(0, COUNT - 1).map(lambda n: {"$ref": f"#/$defs/d{n}"})
    later = [{"$ref": f"#/$defs/d{n}"} for n in range(number + 1, COUNT)]
    leaves = st.sampled_from([{}, True, {"maximum": 0}, {"required": ["a"]}, *later])

    def onward(inner: Any) -> Any:
        into = st.one_of(inside, inside, inner)
        parts = st.lists(inner, min_size=1, max_size=3)
        asking: dict[str, Any] = dict.fromkeys(["allOf", "anyOf", "oneOf"], parts)
        asking |= dict.fromkeys(["not", "if", "then", "else"], inner)
        asking["dependentSchemas"] = st.dictionaries(st.just("a"), inner, min_size=1)
        asking["properties"] = st.dictionaries(st.sampled_from("ab"), into, min_size=1)
        asking["patternProperties"] = st.dictionaries(st.sampled_from("ab"), into, min_size=1)
        asking |= dict.fromkeys(["items", "contains", "additionalProperties"], into)
        asking |= dict.fromkeys(["unevaluatedProperties", "unevaluatedItems"], into)
        return some_of(asking)

    return st.recursive(leaves, onward, max_leaves=6)


recursive = st.tuples(*(leading(number) for number in range(COUNT))).map(
    lambda parts: {
        "$ref": "#/$defs/d0",
        "$defs": {f"d{number}": part for number, part in enumerate(parts)},
    }
)
WRAPPINGS: list[Any] = [
    lambda value: {"a": value},
    lambda value: [value],
    lambda value: {"a": value, "b": 1},
    lambda value: [value, value],
]


@settings(deadline=None, max_examples=400)
@given(
    schema=recursive,
    inner=st.sampled_from([1, {}, [], "a"]),
    wrappings=st.lists(st.sampled_from(WRAPPINGS[:3]), min_size=1, max_size=3),
    few=st.lists(st.sampled_from(WRAPPINGS), max_size=6),
)
def test_no_document_takes_long_under_a_recursive_schema(
    schema: Any, inner: Any, wrappings: list[Any], few: list[Any]
) -> None:
    value = inner
    for level in range(56):
        value = wrappings[level % len(wrappings)](value)
    for wrapping in few:
        value = wrapping(value)
    judge, began = DocumentSchema(schema), time.thread_time()
    judge.first_violation(value)
    assert time.thread_time() - began < 4
