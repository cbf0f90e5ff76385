"""Declared values against a parameter's own rules."""

from typing import Any

import pytest

from apigateway.definition.values import (
    fault_of_pattern,
    fault_of_type,
    fault_of_value,
    text_of,
)
from apigateway.model.api import Location, Parameter, ParameterType


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'),
    ],
)
def test_a_value_becomes_the_text_a_caller_would_send(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_what_re2_does_not_take_is_told_in_its_words() -> None:
    assert fault_of_pattern("[a-z]{2,30}") == ""
    assert fault_of_pattern(r"(a)\1") == r"invalid escape sequence: \1"
    assert fault_of_pattern("(") == "missing ): ("


def test_a_type_judges_by_itself() -> None:
    assert fault_of_type(ParameterType.INT, "3") == ""
    assert fault_of_type(ParameterType.INT, "3.5") == "is not of type Int"
    assert fault_of_type(ParameterType.BOOLEAN, "1") == "is not of type Boolean"


def test_rules_judge_after_the_type() -> None:
    days = Parameter(name="days", location=Location.QUERY, type=ParameterType.INT, maximum=14)
    assert fault_of_value(days, "14") == ""
    assert fault_of_value(days, "15") == "is greater than 14"


def test_json_that_no_one_could_read_is_refused_and_not_a_crash() -> None:
    assert fault_of_type(ParameterType.JSON, "[" * 100_000) != ""
