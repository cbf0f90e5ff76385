"""Documents by their schema, in bounded time: is it kept, and if not, where."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jsonschema_rs

from apigateway.json_schema.cost import SchemaCost
from apigateway.json_schema.parts import CHOICES, UNEVALUATED, subschemas
from apigateway.json_schema.violations import told
from apigateway.json_schema.writing import outlined, plain
from apigateway.protocol.documents import DEEPEST

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
