"""Reading a JSON document that somebody else wrote, in bounded time and with one meaning.

What is checked here is what the backend gets, byte for byte, so nothing may be readable in two
ways: duplicate keys, NaN, numbers beyond a double, lone surrogates and a byte order mark are
refused, as is nesting deeper than any honest document.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jsonschema_rs

from apigateway.json_schema.cost import SchemaCost
from apigateway.json_schema.parts import CHOICES, UNEVALUATED, subschemas
from apigateway.json_schema.violations import told
from apigateway.json_schema.writing import outlined, plain
from apigateway.protocol.patterns import compiled_pattern as compiled_pattern

DEEPEST = 64

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LARGE_NUMBER = re.compile(rb"\d{200}|\d[eE]\+?\d{3}")
"""What a number beyond a double holds; without it, none has to be looked at."""


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
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_too_deep(raw):
        raise DocumentError(f"nested deeper than {DEEPEST}")
    careful = _LARGE_NUMBER.search(raw) is not None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float if careful else None,
            parse_int=_integer if careful else None,
        )
    except DocumentError:
        raise
    except (ValueError, RecursionError):
        raise DocumentError("not JSON") from None
    if "\\u" in text and _has_lone_surrogate(value):
        raise DocumentError("a lone surrogate in a string")
    return value


def _is_too_deep(raw: bytes) -> bool:
    """Whether more brackets are inside each other than may be, or, where the document is not JSON,
    stay open. Each round takes the innermost pairs away, all of them at once."""
    outside_strings = raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    left = b"".join(outside_strings).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(DEEPEST):
        left = left.replace(b"[]", b"")
    return b"[]" in left or left.count(b"[") > DEEPEST


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


FEW = 20_000
"""Questions, each of which may become an error object of ten microseconds."""

UNPLACED = "/: not what the schema allows"

MUCH = 2_000_000
"""Questions, each of which takes some hundred nanoseconds."""

_LINEAR = jsonschema_rs.RegexOptions()


def _validator(schema: Any) -> jsonschema_rs.Validator:
    """`offline`: references lead to no other machine and no file."""
    return jsonschema_rs.Draft202012Validator(
        schema, pattern_options=_LINEAR, validate_formats=False, offline=True
    )


class DocumentSchema:
    """A JSON Schema that `check` has accepted, ready to judge documents. Its references stay
    inside it, and its patterns run in linear time."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        """
        Raises:
            ValueError: it is no schema, a reference leads out of it or nowhere, or a pattern is
                not one that the engine takes.
        """
        self._schema = plain(schema)
        self._validator = _validator(self._schema)
        self.cost = SchemaCost(self._schema, DEEPEST)

    def first_violation(self, value: Any) -> str | None:
        """Where and which rule is broken (`/tags/0: ...`), or None. Values are not repeated."""
        if self.cost.is_too_much(value):
            return "/: nested too deeply for its schema"
        try:
            return None if self._validator.is_valid(value) else self._told(value)
        except ValueError:  # a lone surrogate, a date: `parse_json` makes none
            return "/: not JSON"

    def _told(self, value: Any) -> str:
        """A fault in a choice comes with all the faults of each branch, which may be millions.
        Then the outline finds where the choice is. For neither does the library remember what it
        has answered."""
        validator, schema = self._validator, self._schema
        if self._has(CHOICES) and self.cost.is_more_than(FEW, value):
            if self._outline is None:
                return UNPLACED
            validator, schema = self._outline
        if self.cost.grows and self.cost.is_more_than(MUCH, value):
            return UNPLACED
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return told(error, value, schema)
        return UNPLACED

    def _has(self, words: frozenset[str]) -> bool:
        return any(words & sub.keys() for _, sub in subschemas(self._schema))

    @cached_property
    def _outline(self) -> tuple[jsonschema_rs.Validator, Any] | None:
        """None where a branch also says which members are looked at: an outline cannot."""
        if self._has(UNEVALUATED):
            return None
        outline = outlined(self._schema)
        return _validator(outline), outline
