"""Schemas judge documents, in bounded time."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from apigateway.json_schema.judging import UNPLACED, DocumentSchema
from apigateway.protocol.documents import DEEPEST, DocumentError, parse_json

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("schema", "value", "violation"),
    [
        ({"type": "object"}, [], "/: type: object"),
        ({"type": ["object", "null"]}, [], "/: type: object, null"),
        ({"required": ["a", "b"]}, {"a": 1}, "/: required: b"),
        ({"properties": {"a": {"maximum": 3}}}, {"a": 4}, "/a: maximum: 3"),
        ({"items": {"minLength": 2}}, ["aa", "b"], "/1: minLength: 2"),
        ({"enum": ["x", 1]}, "secret", "/: enum: x, 1"),
        ({"const": "x"}, "secret", "/: const: x"),
        ({"pattern": "^[a-z]+$"}, "A", "/: pattern: ^[a-z]+$"),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1, "b": 2},
            "/: unknown: b",
        ),
    ],
)
def test_a_violation_names_the_place_and_the_rule_and_not_the_value(
    schema: dict[str, Any], value: Any, violation: str
) -> None:
    assert DocumentSchema(schema).first_violation(value) == violation


def test_a_document_that_keeps_its_schema_has_no_violation() -> None:
    schema = DocumentSchema({"type": "object", "properties": {"a": {"pattern": "b"}}})
    assert schema.first_violation({"a": "abc"}) is None


def test_true_takes_anything_and_false_nothing() -> None:
    assert DocumentSchema(True).first_violation({}) is None
    assert DocumentSchema(False).first_violation({}) is not None


def test_what_is_not_allowed_at_all_is_named_and_not_called_none() -> None:
    violation = DocumentSchema({"properties": {"x": False}}).first_violation({"x": 1})
    assert violation is not None
    assert "None" not in violation


def test_unknown_keys_are_those_that_no_pattern_takes() -> None:
    schema = DocumentSchema({"patternProperties": {"^x-": {}}, "additionalProperties": False})
    assert schema.first_violation({"x-a": 1, "b": 2}) == "/: unknown: b"


def test_pattern_properties_are_searched_and_their_values_checked() -> None:
    schema = DocumentSchema({"patternProperties": {"^x-": {"type": "string"}}})
    assert schema.first_violation({"x-a": 1}) == "/x-a: type: string"
    assert schema.first_violation({"a": 1}) is None


def test_what_only_looks_like_a_pattern_is_left_alone() -> None:
    schema = DocumentSchema({"const": {"pattern": "(?=a)"}})
    assert schema.first_violation({"pattern": "(?=a)"}) is None


def test_a_pattern_of_nested_repeats_is_answered_in_bounded_time() -> None:
    schema = DocumentSchema({"pattern": "^(a+)+$"})
    began = time.thread_time()
    assert schema.first_violation("a" * 50_000 + "!") == "/: pattern: ^(a+)+$"
    assert time.thread_time() - began < 3


# `\d` takes an Arabic digit on Python's engine and not on a linear one: it tells which was used.
ARABIC_THREE = "\u0663"


def test_keys_beyond_pattern_properties_are_found_by_the_linear_engine_too() -> None:
    schema = DocumentSchema({"patternProperties": {r"^\d$": {}}, "additionalProperties": False})
    assert schema.first_violation({"3": 1}) is None
    assert schema.first_violation({ARABIC_THREE: 1}) is not None


def test_patterns_behind_a_reference_to_the_whole_schema_run_on_the_linear_engine() -> None:
    schema = DocumentSchema(
        {
            "$schema": DRAFT,
            "properties": {"child": {"$ref": "#"}, "name": {"pattern": r"^\d$"}},
        }
    )
    assert schema.first_violation({"name": ARABIC_THREE}) == r"/name: pattern: ^\d$"
    assert schema.first_violation({"child": {"name": ARABIC_THREE}}) is not None


def test_patterns_in_a_part_that_names_its_draft_run_on_the_linear_engine() -> None:
    part = {"$schema": DRAFT, "pattern": r"^\d$"}
    for schema in ({"items": part}, {"items": {"$ref": "#/$defs/x"}, "$defs": {"x": part}}):
        assert DocumentSchema(schema).first_violation(["3"]) is None
        assert DocumentSchema(schema).first_violation([ARABIC_THREE]) is not None


def test_a_number_that_no_double_holds_does_not_crash_multiple_of() -> None:
    schema = DocumentSchema({"multipleOf": 0.5})
    try:
        value = parse_json(b"1" + b"0" * 400)
    except DocumentError:
        return
    schema.first_violation(value)


def references_to(uri: str) -> list[Any]:
    return [
        {"$ref": uri},
        {"items": {"$ref": uri}},
        {"$id": uri, "$ref": uri.rpartition("/")[2]},
        {"items": {"$id": uri, "items": {"$ref": uri}}},
        {"$schema": uri, "$ref": uri},
        {"$defs": {"a": {"$ref": uri}}, "$ref": "#/$defs/a"},
    ]


def test_a_reference_to_a_file_is_never_read(tmp_path: Path) -> None:
    target = tmp_path / "schema.json"
    target.write_text("{}", encoding="utf-8")
    for schema in references_to(target.as_uri()):
        with pytest.raises(ValueError, match=r"retriev|base URI"):
            DocumentSchema(schema)


def test_a_reference_to_another_machine_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for schema in references_to(uri):
            with pytest.raises(ValueError, match=r"retriev|base URI"):
                DocumentSchema(schema)
        with pytest.raises(TimeoutError):
            server.accept()


def test_words_that_name_a_place_or_a_draft_are_not_followed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        words = ["$schema", "$id", "$dynamicRef", "$recursiveRef", "$vocabulary"]
        for word in words:
            for schema in ({word: uri, "maximum": 1}, {"allOf": [{word: uri, "maximum": 1}]}):
                assert DocumentSchema(schema).first_violation(2) == "/: maximum: 1"
        assert DocumentSchema({"dependencies": {"a": {"$ref": uri}}}).first_violation({}) is None
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_older_draft_inside_changes_nothing() -> None:
    part = {"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [False]}
    assert DocumentSchema({"items": part}).first_violation([[1]]) == "/0/0: not allowed"
    assert DocumentSchema(part).first_violation([1]) == "/0: not allowed"


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, [b"x"], {1: 2}, object()])
def test_what_no_document_holds_is_a_violation_and_no_crash(value: Any) -> None:
    for schema in ({"type": "boolean"}, {"additionalProperties": {"enum": [1]}, "items": False}):
        assert (DocumentSchema(schema).first_violation(value) or "/: ").startswith("/")


MEGABYTES: dict[str, tuple[Any, Any, str | None]] = {
    "numbers": ({"items": {"type": "integer", "minimum": 0}}, [0] * 1_000_000, None),
    "broken numbers": ({"items": {"type": "string"}}, [0] * 1_000_000, "/0: type: string"),
    "contains": ({"contains": {"const": 1}}, [0] * 1_000_000, "/: contains"),
    "a choice": (
        {"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "null"}}]},
        [0] * 1_000_000,
        "/: anyOf",
    ),
    "a choice inside": (
        {"properties": {"a": {"oneOf": [{"items": {"type": "string"}}, {"maxItems": 1}]}}},
        {"a": [0] * 1_000_000},
        "/a: oneOf",
    ),
    "a choice of many": (
        {"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        ["a"] * 400_000 + [1],
        "/400000: anyOf",
    ),
    "a choice that says what is looked at": (
        {"anyOf": [{"prefixItems": [{"type": "string"}]}], "unevaluatedItems": {"type": "null"}},
        [0] * 1_000_000,
        UNPLACED,
    ),
    "objects": ({"uniqueItems": True}, [{"a": n} for n in range(150_000)], None),
    "numbers of one hash": (
        {"uniqueItems": True},
        [{"a": n * (2**61 - 1)} for n in range(1, 60_001)],
        None,
    ),
    "members": (
        {"allOf": [{"additionalProperties": {"type": "integer"}}], "unevaluatedProperties": False},
        {f"k{n}": n for n in range(150_000)},
        None,
    ),
    "unknown members": (
        {"properties": {"a": {}}, "additionalProperties": False},
        {f"k{n}": n for n in range(150_000)},
        "/: unknown: k0, k1, k2, k3, k4",
    ),
    "texts": ({"items": {"pattern": "^(a+)+$"}}, ["aaaaa"] * 250_000, None),
    "a text": ({"pattern": "(a|aa)+b"}, "a" * 2_000_000, "/: pattern: (a|aa)+b"),
    "many names": (
        {"items": {"properties": {f"n{n}": {"type": "string"} for n in range(2000)}}},
        [{}] * 400_000,
        None,
    ),
}


@pytest.mark.parametrize("kind", MEGABYTES)
def test_two_megabytes_are_judged_in_bounded_time(kind: str) -> None:
    schema, value, violation = MEGABYTES[kind]
    judge, began = DocumentSchema(schema), time.thread_time()
    assert judge.first_violation(value) == violation
    assert time.thread_time() - began < 6


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]},
        {"oneOf": [{"properties": {"a": {"$ref": "#"}, "k": {"const": k}}} for k in (1, 2)]},
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 2, "unevaluatedProperties": {}},
    ],
)
@pytest.mark.parametrize("inner", [{}, 1, {"k": 3}])
def test_two_ways_into_one_value_take_bounded_time(schema: Any, inner: Any) -> None:
    """Each level doubled the time: 2**60 steps for a document of 400 bytes."""
    value = inner
    for _ in range(DEEPEST - 4):
        value = {"a": value}
    judge = DocumentSchema({**schema, "not": {"const": 1}})
    began = time.thread_time()
    judge.first_violation(value)
    assert time.thread_time() - began < 3


def test_a_schema_that_refers_to_itself_is_followed_as_far_as_the_data_goes() -> None:
    tree = {
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#"}},
        }
    }
    good = {"name": "a", "children": [{"name": "b", "children": []}]}
    assert DocumentSchema(tree).first_violation(good) is None
    bad = {"children": [{}, {"children": [{"name": 1}]}]}
    expected = "/children/1/children/0/name: type: string"
    assert DocumentSchema(tree).first_violation(bad) == expected


CHAINS = """
import json, sys
from apigateway.definition.check_schema import faults_of_schema
from apigateway.json_schema.judging import DocumentSchema
for word in ("allOf", "anyOf", "oneOf", "if", "not", "dependentSchemas"):
    schema = {"items": {"$ref": "#/$defs/d0"}, "maxItems": 1}
    for _ in range(50):
        many = word in ("allOf", "anyOf", "oneOf")
        schema = {word: [schema] if many else {"a": schema} if word[0] == "d" else schema}
    for extra in ({}, {"unevaluatedItems": {"$ref": "#/$defs/d0"}}):
        whole = {"$ref": "#/$defs/d0", "$defs": {"d0": {**schema, **extra}}}
        assert faults_of_schema(whole) == [], word
        for value in ([], [1, 2]):
            for _ in range(60):
                value = [value]
            DocumentSchema(whole).first_violation(value)
print("alive")
"""


def test_the_longest_ways_that_check_lets_through_fit_the_stack() -> None:
    """Beyond it, the process would be gone."""
    addons = Path(__file__).resolve().parents[2] / "addons"
    done = subprocess.run(
        [sys.executable, "-c", CHAINS],
        env={"PYTHONPATH": str(addons)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
