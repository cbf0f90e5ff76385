"""A provider's JSON Schema: sound, self-contained, finite, and matched in linear time."""

from typing import Any

import jsonschema
import pytest

from apigateway.definition.check_schema import (
    ENGINE_MEND,
    _surely_valid,
    fault_of_instance,
    faults_of_schema,
    warnings_of_schema,
)
from apigateway.json_schema.judging import DocumentSchema

SIMPLE: dict[str, Any] = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
        "$ref": {"type": ["string", "null"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "uniqueItems": True},
    },
    "$defs": {"part": {"anyOf": [{"const": 1}, {"$ref": "#"}], "examples": [{"$ref": "x"}]}},
}


@pytest.mark.parametrize(
    "schema", [True, False, {}, SIMPLE, {"$schema": "https://json-schema.org/draft/2020-12/schema"}]
)
def test_a_sound_schema_has_no_faults(schema: Any) -> None:
    assert _surely_valid(schema)
    assert faults_of_schema(schema) == []


@pytest.mark.parametrize(
    ("schema", "keys", "what"),
    [
        ({"type": "strin"}, ("type",), "this is not a valid JSON Schema"),
        ({"properties": {"a": 1}}, ("properties", "a"), "this is not a valid JSON Schema"),
        ({"minLength": -1}, ("minLength",), "this is not a valid JSON Schema"),
        ({"required": ["a", "a"]}, ("required",), "this is not a valid JSON Schema"),
        (
            {"items": {"$ref": "http://example.com/a.json"}},
            ("items", "$ref"),
            'the $ref "http://example.com/a.json" leads out of the schema',
        ),
        ({"$ref": "other.json#/a"}, ("$ref",), 'the $ref "other.json#/a" leads out of the schema'),
        ({"$ref": "#/$defs/a"}, ("$ref",), 'the $ref "#/$defs/a" leads to no schema'),
        (
            {"default": {"pattern": "("}, "not": {"$ref": "#/default"}},
            ("not", "$ref"),
            'the $ref "#/default" leads to no schema',
        ),
        ({"$ref": "#"}, ("$ref",), "the $ref leads back to itself and would never end"),
        (
            {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}},
            ("allOf", 0, "$ref"),
            "the $ref leads back to itself and would never end",
        ),
        ({"$id": "http://a"}, ("$id",), '"$id" is not supported'),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            ("$schema",),
            "the JSON Schema is of another draft",
        ),
        (
            {"properties": {"a": {"pattern": "(?=x)"}}},
            ("properties", "a", "pattern"),
            "the pattern does not compile (invalid perl operator: (?=)",
        ),
        (
            {"patternProperties": {r"(a)\1": True}},
            ("patternProperties", r"(a)\1"),
            r"the pattern does not compile (invalid escape sequence: \1)",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(schema: Any, keys: tuple[Any, ...], what: str) -> None:
    assert [found[:2] for found in faults_of_schema(schema)] == [(keys, what)]


def chain(length: int, *, times: int = 1) -> dict[str, Any]:
    """References that lead on, each `times` over."""
    links = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * times} for i in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {}}}


def test_a_chain_of_references_has_an_end_in_sight() -> None:
    assert faults_of_schema(chain(20)) == []
    assert [found[1] for found in faults_of_schema(chain(3000))] == [
        "the $ref leads through more than 60 others"
    ]
    assert [found[1] for found in faults_of_schema(chain(25, times=2))] == [
        "the $ref asks more than 10000 questions of one value"
    ]


def test_a_reference_into_data_may_be_recursive() -> None:
    assert faults_of_schema({"properties": {"child": {"$ref": "#"}}}) == []


def test_patterns_are_those_of_re2_and_not_of_python() -> None:
    assert faults_of_schema({"pattern": r"^\p{Han}+$", "x": 1}) == []


def test_words_in_data_are_not_taken_for_keywords() -> None:
    schema = {"enum": [{"$ref": "x"}], "const": {"pattern": "("}, "default": {"$id": 1}}
    assert faults_of_schema(schema) == []


@pytest.mark.parametrize(
    ("instance", "fault"),
    [
        ({"title": "A"}, ""),
        ({"title": "a"}, "/title: pattern: ^[A-Z]"),
        ({}, "/: required: title"),
        ({"title": "A", "parts": [1, 1]}, "/parts: uniqueItems: True"),
    ],
)
def test_an_instance_is_judged_with_the_place_and_the_rule(instance: Any, fault: str) -> None:
    assert fault_of_instance(SIMPLE, instance) == fault


@pytest.mark.parametrize(
    "pattern",
    [
        "a{",
        "a{,2}",
        r"\C",
        r"\Qa.b\E",
        r"\a",
        r"\07",
        r"[\d-z]",
        r"\p{^Han}",
        "(?P<n>a)(?P<n>b)",
        "[[:alpha:]]",
        "[^[:^word:]]",
        r"\<a",
        r"a\>",
        r"\b{start}",
    ],
)
def test_a_pattern_that_the_two_engines_read_otherwise_is_a_fault(pattern: str) -> None:
    schema = {"items": {"pattern": pattern}, "patternProperties": {pattern: True}}
    found = faults_of_schema(schema)
    assert [keys for keys, _, _ in found] == [
        ("patternProperties", pattern),
        ("items", "pattern"),
    ]
    assert all(what.startswith("the pattern ") for _, what, _ in found)
    assert all(mend == ENGINE_MEND for _, _, mend in found)


@pytest.mark.parametrize(
    "pattern",
    [r"\\<", r"\[:alpha:\]", r"\bb{2}", "[{]a", "[<]", r"\p{Han}", r"[&-\]]", "[[a]]", "[a&&b]"],
)
def test_what_only_looks_like_it_is_none(pattern: str) -> None:
    assert faults_of_schema({"pattern": pattern}) == []


@pytest.mark.parametrize(
    "pattern", [r"(\pL{100}){10}", "(.{100}){10}", r"(\pL{300}\pN{300})+" * 12]
)
def test_a_large_pattern_is_refused_here_or_works(pattern: str) -> None:
    if not faults_of_schema({"pattern": pattern}):
        DocumentSchema({"pattern": pattern}).first_violation("a" * 5000)


def test_a_schema_deeper_than_the_engine_goes_is_a_fault() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"items": schema}
    assert faults_of_schema(schema) == []
    for _ in range(60):
        schema = {"items": schema}
    assert [what for _, what, _ in faults_of_schema(schema)] == [
        "the JSON Schema is nested too deeply"
    ]


def test_property_patterns_and_unevaluated_properties_go_together() -> None:
    schema = {"patternProperties": {"^x": True}, "unevaluatedProperties": False}
    assert faults_of_schema(schema) == []
    assert fault_of_instance(schema, {"x1": 1}) == ""
    assert fault_of_instance(schema, {"y": 1}) != ""


def test_ways_that_multiply_are_told_with_the_depth_that_is_left() -> None:
    links = {
        f"d{i}": {"anyOf": [{"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}}] * 2}
        for i in range(40)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**links, "d40": {}}}
    assert faults_of_schema(schema) == []
    assert [found[:2] for found in warnings_of_schema(schema)] == [
        (
            (),
            "the JSON Schema reaches the same value in 2 ways at each level; documents nested "
            "deeper than about 18 are refused",
        )
    ]
    assert warnings_of_schema({"anyOf": [{"items": {"$ref": "#"}}] * 2}) == []


def test_property_patterns_are_judged_too() -> None:
    schema = {"patternProperties": {"^n_": {"type": "number"}}}
    assert fault_of_instance(schema, {"n_a": 1, "b": "x"}) == ""
    assert fault_of_instance(schema, {"n_a": "x"}) == "/n_a: type: number"


def test_what_is_surely_valid_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SIMPLE)
