"""Rules of declared parameters: what may pass, and what the refusal says."""

from typing import Any

import pytest

from apigateway.model.api import Location, Parameter, ParameterType
from apigateway.protocol.parameters import BrokenRule, check_file, compile_rule, span_of


def verdict(text: str, kind: ParameterType = ParameterType.STRING, **rules: Any) -> str:
    """ "ok", or the text of the broken rule."""
    rule = compile_rule(Parameter(name="p", location=Location.QUERY, type=kind, **rules))
    try:
        rule.check(text)
    except BrokenRule as broken:
        return str(broken)
    return "ok"


def test_a_rule_keeps_its_parameter() -> None:
    declared = Parameter(name="p", location=Location.QUERY)
    assert compile_rule(declared).parameter is declared


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("", {}, "ok"),
        ("anything 中", {}, "ok"),
        ("ab", {"min_length": 2, "max_length": 2}, "ok"),
        ("a", {"min_length": 2}, "is shorter than 2"),
        ("", {"min_length": 1}, "is shorter than 1"),
        ("abc", {"max_length": 2}, "is longer than 2"),
        ("中文", {"max_length": 2}, "ok"),
        ("😀", {"max_length": 1}, "ok"),
        ("hangzhou", {"pattern": "[a-z]{2,30}"}, "ok"),
        ("Hangzhou", {"pattern": "[a-z]{2,30}"}, "does not match [a-z]{2,30}"),
        ("xabx", {"pattern": "ab"}, "does not match ab"),
        ("ab\n", {"pattern": "ab"}, "does not match ab"),
        ("ab\n", {"pattern": "^ab$"}, "does not match ^ab$"),
        ("a|b", {"pattern": "a|b"}, "does not match a|b"),
        ("b", {"enum": ("a", "b")}, "ok"),
        ("B", {"enum": ("a", "b")}, "is not one of a, b"),
    ],
)
def test_text_is_held_to_its_rules(text: str, rules: dict[str, Any], expected: str) -> None:
    assert verdict(text, **rules) == expected


def test_a_pattern_of_nested_repeats_is_answered_in_bounded_time() -> None:
    assert verdict("a" * 50_000 + "!", pattern="(a+)+$") == "does not match (a+)+$"


def test_text_that_is_not_utf8_breaks_the_rule_and_not_the_gateway() -> None:
    text = b"\xff".decode("utf-8", "surrogateescape")
    assert verdict(text, pattern="[a-z]") == "is not UTF-8"


INTEGERS = [
    ("0", "ok"),
    ("-0", "ok"),
    ("+5", "ok"),
    ("007", "ok"),
    ("", "is not of type Int"),
    (" 1", "is not of type Int"),
    ("1\n", "is not of type Int"),
    ("1.0", "is not of type Int"),
    ("1e3", "is not of type Int"),
    ("0x1", "is not of type Int"),
    ("1_0", "is not of type Int"),
    ("１", "is not of type Int"),
    ("٣", "is not of type Int"),
    ("nan", "is not of type Int"),
    ("2147483647", "ok"),
    ("-2147483648", "ok"),
    ("2147483648", "is out of the range of type Int"),
    ("-2147483649", "is out of the range of type Int"),
    ("9" * 5000, "is not of type Int"),
]


@pytest.mark.parametrize(("text", "expected"), INTEGERS)
def test_an_int_is_a_decimal_integer_of_32_bits(text: str, expected: str) -> None:
    assert verdict(text, ParameterType.INT) == expected


def test_a_long_has_64_bits() -> None:
    assert verdict("9223372036854775807", ParameterType.LONG) == "ok"
    assert verdict("-9223372036854775808", ParameterType.LONG) == "ok"
    too_large = "is out of the range of type Long"
    assert verdict("9223372036854775808", ParameterType.LONG) == too_large


DECIMALS = [
    ("1", "ok"),
    ("-1.5", "ok"),
    (".5", "ok"),
    ("1.", "ok"),
    ("1e10", "ok"),
    ("1E-400", "ok"),
    ("1.7976931348623157e308", "ok"),
    ("1.7976931348623158e308", "is out of the range of type Double"),
    ("1e309", "is out of the range of type Double"),
    ("1e9999", "is out of the range of type Double"),
    ("", "is not of type Double"),
    (".", "is not of type Double"),
    ("e5", "is not of type Double"),
    ("1e", "is not of type Double"),
    ("nan", "is not of type Double"),
    ("inf", "is not of type Double"),
    ("-Infinity", "is not of type Double"),
    ("1,5", "is not of type Double"),
    ("1e99999", "is not of type Double"),
    ("1 ", "is not of type Double"),
    ("9" * 100_000, "is not of type Double"),
]


@pytest.mark.parametrize(("text", "expected"), DECIMALS)
def test_a_double_is_a_decimal_number_that_a_double_holds(text: str, expected: str) -> None:
    assert verdict(text, ParameterType.DOUBLE) == expected


def test_a_float_is_smaller_than_a_double() -> None:
    assert verdict("3.4e38", ParameterType.FLOAT) == "ok"
    assert verdict("3.5e38", ParameterType.FLOAT) == "is out of the range of type Float"
    assert verdict("3.5e38", ParameterType.NUMBER) == "ok"


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("1", {"minimum": 1, "maximum": 14}, "ok"),
        ("14", {"minimum": 1, "maximum": 14}, "ok"),
        ("0", {"minimum": 1}, "is less than 1"),
        ("15", {"maximum": 14}, "is greater than 14"),
        ("0", {"minimum": 0}, "ok"),
        ("-1", {"minimum": 0}, "is less than 0"),
        ("2", {"enum": ("1", "2")}, "ok"),
        ("02", {"enum": ("1", "2")}, "ok"),
        ("3", {"enum": ("1", "2")}, "is not one of 1, 2"),
    ],
)
def test_an_int_is_held_to_its_bounds(text: str, rules: dict[str, Any], expected: str) -> None:
    assert verdict(text, ParameterType.INT, **rules) == expected


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("0.1", {"minimum": 0.1, "maximum": 0.1}, "ok"),
        ("0.09999999999999999999", {"minimum": 0.1}, "is less than 0.1"),
        ("0.10000000000000000001", {"maximum": 0.1}, "is greater than 0.1"),
        ("1.0", {"enum": ("1",)}, "ok"),
        ("1", {"enum": ("1.0",)}, "ok"),
        ("10e-1", {"enum": ("1.0",)}, "ok"),
        ("1.01", {"enum": ("1",)}, "is not one of 1"),
    ],
)
def test_a_number_is_compared_as_a_decimal(text: str, rules: dict[str, Any], expected: str) -> None:
    assert verdict(text, ParameterType.NUMBER, **rules) == expected


@pytest.mark.parametrize("text", ["true", "false", "TRUE", "False"])
def test_a_boolean_is_true_or_false_in_any_case(text: str) -> None:
    assert verdict(text, ParameterType.BOOLEAN) == "ok"


@pytest.mark.parametrize("text", ["", "1", "yes", "true ", "null"])
def test_anything_else_is_no_boolean(text: str) -> None:
    assert verdict(text, ParameterType.BOOLEAN) == "is not of type Boolean"


def test_json_is_a_document_of_its_schema() -> None:
    schema = {"type": "object", "required": ["a"]}
    assert verdict("[1]", ParameterType.JSON) == "ok"
    assert verdict('{"a": 1}', ParameterType.JSON, schema=schema) == "ok"
    expected = "does not match its JSON Schema at /: required: a"
    assert verdict("{}", ParameterType.JSON, schema=schema) == expected
    assert verdict("{", ParameterType.JSON) == "is not of type JSON: not JSON"
    bad = b"\xff".decode("utf-8", "surrogateescape")
    assert verdict(f'"{bad}"', ParameterType.JSON) == "is not of type JSON: not UTF-8"


def test_a_schema_of_false_refuses_every_document() -> None:
    assert verdict("1", ParameterType.JSON, schema=False) != "ok"


def test_a_rule_that_cannot_be_compiled_is_refused_when_made() -> None:
    import re2

    with pytest.raises(re2.error):
        verdict("a", pattern="(?<=a)b")


def test_no_text_is_a_file_and_no_file_is_text() -> None:
    assert verdict("", ParameterType.FILE) == "is not a file"
    with pytest.raises(BrokenRule, match="is a file"):
        check_file(Parameter(name="p", location=Location.BODY), 0)


def test_a_file_is_held_to_its_size() -> None:
    declared = Parameter(name="p", location=Location.BODY, type=ParameterType.FILE, max_bytes=2)
    check_file(declared, 2)
    with pytest.raises(BrokenRule, match="is larger than 2 bytes"):
        check_file(declared, 3)
    check_file(Parameter(name="p", location=Location.BODY, type=ParameterType.FILE), 10**9)


@pytest.mark.parametrize("kind", ["Int", "Long", "Float", "Double", "Number"])
def test_the_span_of_a_type_is_what_its_rule_takes(kind: str) -> None:
    declared = Parameter(name="p", location=Location.QUERY, type=ParameterType(kind))
    rule = compile_rule(declared)
    for end in span_of(ParameterType(kind)):
        rule.check(str(end))
        with pytest.raises(BrokenRule):
            rule.check(str(end * 2))
