"""Reading a JSON document that somebody else wrote, in bounded time and with one meaning.

What is checked here is what the backend gets, byte for byte, so nothing may be readable in two
ways: duplicate keys, NaN, numbers beyond a double, lone surrogates and a byte order mark are
refused, as is nesting deeper than any honest document.
"""

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import jsonschema.exceptions
import jsonschema.validators
import re2
import referencing

DEEPEST = 64

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Strings (also one that never ends) and brackets; possessive, so that it never goes back."""


class DocumentError(ValueError):
    """The document cannot be used; the text says why, without repeating the document."""


def parse_json(raw: bytes) -> Any:
    """Parse UTF-8 JSON strictly (RFC 8259; I-JSON, RFC 7493, for keys and numbers).

    Raises:
        DocumentError: not JSON, not UTF-8, ambiguous, or nested deeper than `DEEPEST`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8") from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(raw) > DEEPEST:
        raise DocumentError(f"nested deeper than {DEEPEST}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except DocumentError:
        raise
    except (ValueError, RecursionError):
        raise DocumentError("not JSON") from None
    if "\\u" in text and _has_lone_surrogate(value):
        raise DocumentError("a lone surrogate in a string")
    return value


def _depth(raw: bytes) -> int:
    deepest = depth = 0
    for match in _STRUCTURE.finditer(raw):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("a key stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise DocumentError(f"{name} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise DocumentError("a number out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > 308 and math.isinf(float(text)):
        raise DocumentError("a number out of range")
    return int(text)


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


_DATA = frozenset({"const", "default", "enum", "examples"})

_quiet = re2.Options()
_quiet.log_errors = False


@functools.cache
def compiled_pattern(pattern: str) -> Any:
    """A pattern on RE2, which runs in linear time; made once, when its schema is.

    Raises:
        re2.error: RE2 cannot take it (back-references, look-around).
    """
    return re2.compile(pattern, _quiet)


def _pattern(
    _validator: Any, pattern: str, instance: Any, _schema: Any
) -> Iterator[jsonschema.exceptions.ValidationError]:
    if isinstance(instance, str) and not compiled_pattern(pattern).search(instance):
        yield jsonschema.exceptions.ValidationError(f"does not match {pattern}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[jsonschema.exceptions.ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for name in filter(compiled_pattern(pattern).search, instance):
                yield from validator.descend(
                    instance[name], subschema, path=name, schema_path=pattern
                )


def _additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[jsonschema.exceptions.ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = [compiled_pattern(pattern) for pattern in schema.get("patternProperties", ())]
    known = schema.get("properties", {})
    extra = [
        name
        for name in instance
        if name not in known and not any(pattern.search(name) for pattern in patterns)
    ]
    if subschema is False:
        if extra:
            yield jsonschema.exceptions.ValidationError(f"unknown: {', '.join(extra[:5])}")
        return
    for name in extra:
        yield from validator.descend(instance[name], subschema, path=name)


LinearValidator: Any = jsonschema.validators.extend(
    jsonschema.validators.Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
"""Draft 2020-12 with its patterns on RE2; made once, since making one takes a millisecond."""


def _without_draft(schema: Any) -> Any:
    """The schema without "$schema": at one, jsonschema goes back to its own validator, whose
    patterns are not linear."""
    if isinstance(schema, list):
        return [_without_draft(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in _DATA else _without_draft(value)
        for key, value in schema.items()
        if key != "$schema" or not isinstance(value, str)
    }


class DocumentSchema:
    """A JSON Schema that `check` has accepted, ready to judge documents. Its references stay
    inside it."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        plain = _without_draft(schema)
        self._validator = LinearValidator(plain, registry=referencing.Registry())

    def first_violation(self, value: Any) -> str | None:
        """Where and which rule is broken (`/tags/0: ...`), or None. Values are not repeated."""
        try:
            error = jsonschema.exceptions.best_match(self._validator.iter_errors(value))
        except RecursionError:
            return "/: nested too deeply"
        if error is None:
            return None
        where = "/" + "/".join(str(step) for step in error.absolute_path)
        return f"{where}: {_reason(error)}"


def _reason(error: Any) -> str:
    if error.validator is None:  # the schema `false`
        return "not allowed"
    rule = str(error.validator)
    bound: Any = error.validator_value
    if rule == "required":
        missing = [name for name in bound if name not in (error.instance or {})]
        return f"required: {', '.join(missing)}"
    if rule == "additionalProperties":
        return str(error.message)
    if isinstance(bound, str | int | float | bool):
        return f"{rule}: {bound}"
    if rule in ("enum", "type"):
        return f"{rule}: {', '.join(map(str, bound))}"
    return rule
