"""The JSON Schemas of definitions, compiled once into functions that speak plainly.

jsonschema needs half a millisecond for one API, which is most of the time a check of ten
thousand takes; these functions need a tenth of that and know whether the key or the value is at
fault. They know the keywords our schemas use and refuse to compile any other; a test holds them
against jsonschema.

`writeOnly` marks a secret, whose value no message repeats. `patternErrorMessage` (read by
editors too) says how to mend a text; `examples` what to add where a key is missing.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from apigateway.definition.wording import (
    Keys,
    Misfit,
    least_mend,
    missing_key,
    not_one_of,
    place,
    repeated,
    shown_value,
    unknown_key,
    wrong_type,
)

Checker = Callable[[Any, Keys, list[Misfit]], None]


@cache
def shape(kind: str) -> Checker:
    """The compiled schema `schema/<kind>.json`."""
    schema = schema_of(kind)
    return _Compiler(schema).checker(schema)


@cache
def schema_of(kind: str) -> dict[str, Any]:
    text = files("apigateway.definition").joinpath("schema", f"{kind}.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def misfits(kind: str, data: Any) -> list[Misfit]:
    """Everything in `data` that its schema does not permit."""
    found: list[Misfit] = []
    shape(kind)(data, (), found)
    return found


_ANNOTATIONS = frozenset(
    [
        "$schema",
        "$defs",
        "title",
        "description",
        "default",
        "examples",
        "writeOnly",
        "patternErrorMessage",
    ]
)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, Checker] = {}

    def checker(self, schema: Mapping[str, Any]) -> Checker:
        """One function for all keywords of `schema`: the type first, then what depends on it."""
        schema, rest = self._resolved(schema), dict(self._resolved(schema))
        for word in _ANNOTATIONS:
            rest.pop(word, None)
        types = rest.pop("type", None)
        type_check = _type_check(schema, types) if types else None
        checks = [
            check
            for make in (_enum, _text, _number, self._list, self._object, self._one_of)
            if (check := make(schema, rest)) is not None
        ]
        if rest:
            raise ValueError(f"the schema uses {sorted(rest)}, which shape.py does not know")

        def check_all(value: Any, keys: Keys, found: list[Misfit]) -> None:
            if type_check is not None and not type_check(value, keys, found):
                return
            for check in checks:
                check(value, keys, found)

        return check_all

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            if set(schema) != {"$ref"}:
                raise ValueError("a $ref stands alone in our schemas")
            schema = self._root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def _list(self, schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
        items, least = rest.pop("items", None), rest.pop("minItems", 0)
        unique = rest.pop("uniqueItems", False)
        if items is None and not least and not unique:
            return None
        item_check = self.checker(items) if items is not None else None

        def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
            if not isinstance(value, list):
                return
            if len(value) < least:
                found.append(Misfit(keys, f"{place(keys)} is an empty list", least_mend(schema)))
            if unique:
                found.extend(repeated(value, keys))
            if item_check is not None:
                for index, item in enumerate(value):
                    item_check(item, (*keys, index), found)

        return check

    def _object(self, schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
        declared: dict[str, Any] = rest.pop("properties", {})
        required, others = rest.pop("required", []), rest.pop("additionalProperties", True)
        if not declared and not required and others is True:
            return None
        known = {name: self.checker(sub) for name, sub in declared.items()}
        rule = {name: self._resolved(sub) for name, sub in declared.items()}
        other_check = self.checker(others) if isinstance(others, dict) else None

        def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
            if not isinstance(value, dict):
                return
            for name, item in value.items():
                if (check_item := known.get(name)) is not None:
                    check_item(item, (*keys, name), found)
                elif other_check is not None:
                    other_check(item, (*keys, name), found)
                elif others is False:
                    found.append(unknown_key(name, keys, list(known)))
            for name in required:
                if name not in value:
                    found.append(missing_key(name, keys, rule[name]))

        return check

    def _one_of(self, schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
        """`oneOf` of objects that are told apart by the constant of their `type`."""
        branches = rest.pop("oneOf", None)
        if branches is None:
            return None
        by_type = {
            self._resolved(branch)["properties"]["type"]["enum"][0]: self.checker(branch)
            for branch in branches
        }

        def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
            if not isinstance(value, dict):
                return
            if "type" not in value:
                found.append(missing_key("type", keys, {"examples": list(by_type)}))
            elif not isinstance(value["type"], str) or value["type"] not in by_type:
                found.append(not_one_of(value["type"], (*keys, "type"), list(by_type)))
            else:
                by_type[value["type"]](value, keys, found)

        return check


_TYPE_TESTS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _type_check(
    schema: Mapping[str, Any], types: str | list[str]
) -> Callable[[Any, Keys, list[Misfit]], bool]:
    names = [types] if isinstance(types, str) else types
    tests = [_TYPE_TESTS[name] for name in names]
    first = tests[0]

    def check(value: Any, keys: Keys, found: list[Misfit]) -> bool:
        if first(value) or any(test(value) for test in tests):
            return True
        found.append(wrong_type(value, keys, names, schema))
        return False

    return check


def _enum(schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
    if "enum" not in rest:
        return None
    choices = rest.pop("enum")

    def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
        if not isinstance(value, str) or value not in choices:
            found.append(not_one_of(value, keys, choices))

    return check


def _text(schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
    least, most = rest.pop("minLength", 0), rest.pop("maxLength", None)
    pattern = rest.pop("pattern", None)
    if not least and most is None and pattern is None:
        return None
    match = re.compile(pattern).fullmatch if pattern else None
    secret = schema.get("writeOnly", False)

    def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
        if not isinstance(value, str):
            return
        if len(value) < least:
            found.append(Misfit(keys, f"{place(keys)} is empty", "write a value"))
        elif most is not None and len(value) > most:
            what = f"{place(keys)} has {len(value)} characters, more than {most}"
            found.append(Misfit(keys, what, f"write at most {most} characters"))
        elif match is not None and match(value) is None:
            shown = "" if secret else f" {shown_value(value)}"
            what = f"{place(keys)}{shown} is not permitted"
            found.append(Misfit(keys, what, schema["patternErrorMessage"]))

    return check


def _number(schema: Mapping[str, Any], rest: dict[str, Any]) -> Checker | None:
    least, most = rest.pop("minimum", None), rest.pop("maximum", None)
    if least is None and most is None:
        return None
    to = f" to {most}" if most is not None else " or more"

    def check(value: Any, keys: Keys, found: list[Misfit]) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        if least is not None and value < least:
            what = f"{place(keys)} is {value}, less than {least}"
            found.append(Misfit(keys, what, f"write {least}{to}"))
        elif most is not None and value > most:
            what = f"{place(keys)} is {value}, more than {most}"
            found.append(Misfit(keys, what, f"write {least}{to}"))

    return check
