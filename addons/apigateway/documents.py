"""Reading a JSON document that somebody else wrote, in bounded time and with one meaning.

What is checked here is what the backend gets, byte for byte, so nothing may be readable in two
ways: duplicate keys, NaN, numbers beyond a double, lone surrogates and a byte order mark are
refused, as is nesting deeper than any honest document.
"""

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

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


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


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


class DocumentSchema:
    """A JSON Schema compiled once. Its patterns run on RE2, in linear time; its references stay
    inside it."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        """
        Raises:
            jsonschema.exceptions.SchemaError: not a schema.
            re2.error: a pattern that RE2 cannot take.
        """
        whole: Any = schema if isinstance(schema, bool) else dict(schema)
        dialect = jsonschema.validators.validator_for(
            whole, default=jsonschema.validators.Draft202012Validator
        )
        dialect.check_schema(whole)
        self._patterns: dict[str, Any] = {}
        _compile_patterns(whole, self._patterns)
        keywords = {"pattern": self._pattern, "patternProperties": self._pattern_properties}
        linear = jsonschema.validators.extend(dialect, keywords)
        self._validator = linear(whole, registry=referencing.Registry())

    def first_violation(self, value: Any) -> str | None:
        """Where and which rule is broken (`/tags/0: ...`), or None. Values are not repeated."""
        error = jsonschema.exceptions.best_match(self._validator.iter_errors(value))
        if error is None:
            return None
        where = "/" + "/".join(str(step) for step in error.absolute_path)
        return f"{where}: {_reason(error)}"

    def _pattern(
        self, _validator: Any, pattern: str, instance: Any, _schema: Any
    ) -> Iterator[jsonschema.exceptions.ValidationError]:
        if isinstance(instance, str) and not self._patterns[pattern].search(instance):
            yield jsonschema.exceptions.ValidationError(f"does not match {pattern}")

    def _pattern_properties(
        self, validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
    ) -> Iterator[jsonschema.exceptions.ValidationError]:
        if not isinstance(instance, dict):
            return
        for pattern, subschema in patterns.items():
            for name, value in instance.items():
                if self._patterns[pattern].search(name):
                    yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _compile_patterns(schema: Any, found: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _compile_patterns(item, found)
    if not isinstance(schema, dict):
        return
    if isinstance(pattern := schema.get("pattern"), str):
        found[pattern] = re2.compile(pattern)
    if isinstance(properties := schema.get("patternProperties"), dict):
        for name in properties:
            found[name] = re2.compile(name)
    for value in schema.values():
        _compile_patterns(value, found)


def _reason(error: Any) -> str:
    rule: str = str(error.validator)
    bound: Any = error.validator_value
    schema: Any = error.schema
    if rule == "required":
        missing = [name for name in bound if name not in (error.instance or {})]
        return f"required: {', '.join(missing)}"
    if rule == "additionalProperties":
        known = schema.get("properties", {})
        extra = [name for name in error.instance if name not in known]
        return f"unknown: {', '.join(extra[:5])}"
    if isinstance(bound, str | int | float | bool):
        return f"{rule}: {bound}"
    if rule in ("enum", "type"):
        return f"{rule}: {', '.join(map(str, bound))}"
    return rule
