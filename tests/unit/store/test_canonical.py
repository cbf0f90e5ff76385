"""Plain data as text."""

from types import MappingProxyType

import pytest

from apigateway.store.canonical import canonical


def test_the_same_data_is_the_same_text() -> None:
    assert canonical({"b": 1, "a": {"d": "天", "c": None}}) == '{"a":{"c":null,"d":"天"},"b":1}'
    assert canonical({"a": {"c": None, "d": "天"}, "b": 1}) == canonical(
        {"b": 1, "a": {"d": "天", "c": None}}
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), ("a", '"a"'), (0.1, "0.1"), ([1, True], "[1,true]"), ({}, "{}")],
    ids=repr,
)
def test_any_plain_value_has_a_text(value: object, text: str) -> None:
    assert canonical(value) == text


def test_a_read_only_mapping_is_a_mapping() -> None:
    assert canonical(MappingProxyType({"a": 1})) == '{"a":1}'


@pytest.mark.parametrize(
    "value",
    [{1}, {"a": object()}, [float("nan")], float("-inf"), {"\ud800": 1}],
    ids=["a set", "an object", "NaN", "infinity", "half a character"],
)
def test_what_is_no_plain_data_has_none(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(value)
