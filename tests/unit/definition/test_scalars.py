"""YAML 1.2 and not 1.1: what looks like text is text."""

from typing import Any

import pytest

from apigateway.definition.scalars import plain_or_text, plain_value


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "N",
        "Yes",
        "NO",
        "12:30",
        "1:2:3",
        "2024-01-01",
        "0b11",
        "1_000",
        "0o9",
        "-",
        ".",
        "+",
        "e5",
        "1e",
        ".e1",
        "nan",
        "inf",
    ],
)
def test_the_traps_of_yaml_1_1_are_text(text: str) -> None:
    assert plain_value(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e3", -1500.0),
        ("1e2", 100.0),
    ],
)
def test_nulls_booleans_and_numbers_are_those_of_the_core_schema(text: str, value: Any) -> None:
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e400", "9" * 2000])
def test_numbers_that_json_cannot_hold_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|infinity"):
        plain_value(text)
    assert plain_or_text(text) == 0.0
