"""Where schemas stand inside schemas, and what a pointer names."""

from typing import Any

import pytest

from apigateway.json_schema.parts import (
    NOTHING,
    at,
    in_place,
    parts_of,
    resolved,
    subschemas,
    with_parts,
)

SCHEMA: dict[str, Any] = {
    "properties": {"a": {"title": "a"}, "b": True},
    "prefixItems": [{"title": "first"}],
    "items": {"title": "rest"},
    "const": {"items": {}},
    "allOf": "not a list",
    "$defs": {"x/y": {"title": "def"}, "用 户": {"title": "user"}, "~": {}},
}


def test_the_parts_are_found_with_their_keys_and_data_is_no_part() -> None:
    assert [keys for keys, _ in parts_of(SCHEMA)] == [
        ("properties", "a"),
        ("properties", "b"),
        ("prefixItems", 0),
        ("items",),
        ("$defs", "x/y"),
        ("$defs", "用 户"),
        ("$defs", "~"),
    ]


def test_every_object_schema_inside_is_found_and_the_schema_itself_first() -> None:
    found = list(subschemas({"not": {"anyOf": [True, {"items": {}}]}}))
    assert [keys for keys, _ in found] == [
        (),
        ("not",),
        ("not", "anyOf", 1),
        ("not", "anyOf", 1, "items"),
    ]
    assert list(subschemas(True)) == []


def test_a_copy_has_its_parts_changed_and_nothing_else() -> None:
    copy = with_parts(SCHEMA, lambda part: 1)
    assert copy["properties"] == {"a": 1, "b": 1}
    assert (copy["prefixItems"], copy["items"]) == ([1], 1)
    assert copy["const"] == {"items": {}}
    assert SCHEMA["items"] == {"title": "rest"}


@pytest.mark.parametrize(
    ("reference", "title"),
    [
        ("#/$defs/x~1y", "def"),
        ("#/$defs/用 户", "user"),
        ("#/$defs/%E7%94%A8%20%E6%88%B7", "user"),
        ("#/prefixItems/0", "first"),
    ],
)
def test_a_pointer_names_a_place(reference: str, title: str) -> None:
    assert resolved(SCHEMA, reference)["title"] == title


@pytest.mark.parametrize(
    "reference", ["#a", "http://a", "#/x", "#/prefixItems/1", "#/prefixItems/00", "#/items/title/0"]
)
def test_a_pointer_may_name_nothing(reference: str) -> None:
    assert resolved(SCHEMA, reference) is NOTHING


def test_the_whole_is_named_by_the_empty_pointer() -> None:
    assert resolved(SCHEMA, "#") is SCHEMA


def test_a_name_made_of_digits_is_found_by_the_number() -> None:
    assert at({"0": [7]}, [0, "0"]) == 7
    assert at([1], [1]) is NOTHING


def test_what_judges_the_same_value_is_in_place() -> None:
    schema = {
        "$ref": "#/$defs/a",
        "not": 1,
        "anyOf": [2, 3],
        "dependentSchemas": {"x": 4},
        "items": 5,
    }
    assert sorted(in_place({"$defs": {"a": 0}}, schema)) == [0, 1, 2, 3, 4]
