"""JSON from strangers: one meaning, bounded time, and schemas whose patterns run on RE2."""

import time
from typing import Any

import pytest

from apigateway.documents import (
    DEEPEST,
    DocumentError,
    DocumentSchema,
    compiled_pattern,
    parse_json,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "x"]} ', {"a": [1, 2.5, True, None, "x"]}),
        ('"中"'.encode(), "中"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"-0", 0),
        (b"1e300", 1e300),
        (b'"[[[["', "[[[["),
    ],
)
def test_a_plain_document_is_read(raw: bytes, value: Any) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"1 2", "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e999", "a number out of range"),
        (b"-1e999", "a number out of range"),
        (b'{"a": 1, "a": 2}', "a key stands twice in one object"),
        (b'{"a": 1, "\\u0061": 2}', "a key stands twice in one object"),
        (b'"\\ud800"', "a lone surrogate in a string"),
        (b'{"\\udfff": 1}', "a lone surrogate in a string"),
        (b"1" * 5000, "a number out of range"),
    ],
)
def test_a_document_with_no_meaning_or_two_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_json(raw)
    assert str(caught.value) == reason


def test_an_integer_beyond_a_double_is_refused_like_the_same_number_with_an_exponent() -> None:
    for raw in (b"1e400", b"1" + b"0" * 400):
        with pytest.raises(DocumentError):
            parse_json(raw)


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"]
)
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    def document(depth: int) -> bytes:
        return opening * depth + b"1" + closing * depth

    parse_json(document(DEEPEST))
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(DocumentError) as caught:
            parse_json(document(depth))
        assert str(caught.value) == f"nested deeper than {DEEPEST}"


def test_brackets_side_by_side_or_in_strings_are_no_depth() -> None:
    assert len(parse_json(b"[" + b"[]," * 500 + b'"[[{{\\"[["]')) == 501
    assert parse_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def seconds_for(raw: bytes) -> float:
    began = time.perf_counter()
    with pytest.raises(DocumentError):
        parse_json(raw)
    return time.perf_counter() - began


def test_a_million_keys_are_read_in_bounded_time() -> None:
    raw = b"{" + b'"a":1,' * 300_000 + b'"a":1}'
    assert seconds_for(raw) < 2


def test_a_string_of_escaped_quotes_that_never_ends_is_refused_in_bounded_time() -> None:
    assert seconds_for(b"[" * 65 + b'"' + b'\\"' * 16_000) < 0.5


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


def test_a_pattern_that_re2_cannot_take_is_refused() -> None:
    import re2

    for pattern in ("(?=a)", "(?<=a)b", r"(a)\1"):
        with pytest.raises(re2.error):
            compiled_pattern(pattern)


def test_what_only_looks_like_a_pattern_is_left_alone() -> None:
    schema = DocumentSchema({"const": {"pattern": "(?=a)"}})
    assert schema.first_violation({"pattern": "(?=a)"}) is None


def test_a_pattern_of_nested_repeats_is_answered_in_bounded_time() -> None:
    schema = DocumentSchema({"pattern": "^(a+)+$"})
    began = time.perf_counter()
    assert schema.first_violation("a" * 50_000 + "!") == "/: pattern: ^(a+)+$"
    assert time.perf_counter() - began < 1


# `\d` takes an Arabic digit on Python's engine and not on RE2: it tells which one was used.
ARABIC_THREE = "\u0663"


def test_keys_beyond_pattern_properties_are_found_by_re2_too() -> None:
    schema = DocumentSchema({"patternProperties": {r"^\d$": {}}, "additionalProperties": False})
    assert schema.first_violation({"3": 1}) is None
    assert schema.first_violation({ARABIC_THREE: 1}) is not None


def test_patterns_behind_a_reference_to_the_whole_schema_run_on_re2() -> None:
    schema = DocumentSchema(
        {
            "$schema": DRAFT,
            "properties": {"child": {"$ref": "#"}, "name": {"pattern": r"^\d$"}},
        }
    )
    assert schema.first_violation({"name": ARABIC_THREE}) == r"/name: pattern: ^\d$"
    assert schema.first_violation({"child": {"name": ARABIC_THREE}}) is not None


def test_patterns_in_a_part_that_names_its_draft_run_on_re2() -> None:
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


def test_a_reference_out_of_the_schema_is_never_fetched() -> None:
    schema = DocumentSchema({"$ref": "http://127.0.0.1:1/schema.json"})
    with pytest.raises(Exception, match="Unresolvable"):
        schema.first_violation({})
