"""The words of a JSON Schema (2020-12) that hold other schemas, and walks along them."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

Key = str | int

ONE = frozenset(
    [
        "items",
        "additionalProperties",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ]
)
MANY = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
IN_PLACE = frozenset(["not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"])
CHOICES = frozenset(["anyOf", "oneOf"])
UNEVALUATED = frozenset(["unevaluatedItems", "unevaluatedProperties"])
ONLY_KEPT = frozenset(["$defs", "definitions", "contentSchema"])
"""Schemas there judge nothing until a $ref names them."""

NOTHING = object()


def parts_of(schema: dict[str, Any]) -> Iterator[tuple[tuple[Key, ...], Any]]:
    """The schemas directly inside `schema`, with the keys that lead to each."""
    for word, value in schema.items():
        if word in ONE:
            yield (word,), value
        elif word in MANY and isinstance(value, list):
            for index, item in enumerate(value):
                yield (word, index), item
        elif word in NAMED and isinstance(value, dict):
            for name, item in value.items():
                yield (word, name), item


def subschemas(
    schema: Any, keys: tuple[Key, ...] = ()
) -> Iterator[tuple[tuple[Key, ...], dict[str, Any]]]:
    """Every object schema inside `schema`, itself first, with the keys that lead to it."""
    if isinstance(schema, dict):
        yield keys, schema
        for inner, part in parts_of(schema):
            yield from subschemas(part, keys + inner)


def with_parts(schema: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy with each schema directly inside it changed."""
    copy = dict(schema)
    for word, value in schema.items():
        if word in ONE:
            copy[word] = change(value)
        elif word in MANY and isinstance(value, list):
            copy[word] = [change(item) for item in value]
        elif word in NAMED and isinstance(value, dict):
            copy[word] = {name: change(item) for name, item in value.items()}
    return copy


def is_local(reference: Any) -> bool:
    return isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))


def resolved(root: Any, reference: str) -> Any:
    """What a JSON pointer `#/...` names, `NOTHING` when nothing stands there."""
    if not is_local(reference):
        return NOTHING
    steps = unquote(reference[1:]).split("/")[1:]
    return at(root, [step.replace("~1", "/").replace("~0", "~") for step in steps])


def at(value: Any, keys: list[Any]) -> Any:
    """What stands inside `value` where `keys` lead (an index may be text, a name a number);
    `NOTHING` when nothing does."""
    for key in map(str, keys):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and key == str(int(key)):
            if int(key) >= len(value):
                return NOTHING
            value = value[int(key)]
        else:
            return NOTHING
    return value


def in_place(root: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas that judge the same value as `schema` does."""
    if "$ref" in schema:
        yield resolved(root, schema["$ref"])
    for word in IN_PLACE & schema.keys():
        value = schema[word]
        if word == "dependentSchemas":
            yield from value.values()
        elif isinstance(value, list):
            yield from value
        else:
            yield value
