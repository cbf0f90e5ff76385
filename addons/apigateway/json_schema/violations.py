"""What is said of a document that breaks its JSON Schema: the place in it and the rule.

The library's own messages repeat the values of callers; these do not.
"""

from itertools import islice
from typing import Any

import jsonschema_rs

from apigateway.json_schema.parts import CHOICES, NOTHING, at

_NAMES = 5


def told(error: jsonschema_rs.ValidationError, document: Any, schema: Any) -> str:
    """Such as `/tags/0: maxLength: 20`."""
    while (branch := _meant(error)) is not None:
        error = branch
    where = "/" + "/".join(map(str, error.instance_path))
    return f"{where}: {_rule(error, at(document, error.instance_path), schema)}"


def _meant(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError | None:
    """The first fault of that branch of a choice which the value was for, if it is one branch: not
    those for another type, nor those for another `kind: {const: ...}`."""
    branches = [branch for branch in getattr(error.kind, "context", ()) if branch]
    here = len(error.instance_path)
    for words, depth in (({"type"}, here), ({"const", "enum"}, here + 1)):
        left = [
            branch
            for branch in branches
            if not any(e.kind.name in words and len(e.instance_path) <= depth for e in branch)
        ]
        if len(left) == 1:
            first: jsonschema_rs.ValidationError = left[0][0]
            return first
        branches = left or branches
    return None


def _rule(error: jsonschema_rs.ValidationError, value: Any, schema: Any) -> str:
    path, name = error.schema_path, error.kind.name
    rule = str(path[-1]) if path else ""
    bound = at(schema, path)
    if rule == "additionalProperties" and bound is False:
        return f"unknown: {', '.join(_unknown(error, value, at(schema, path[:-1])))}"
    if name == "falseSchema":
        return "not allowed"
    if rule == "required" and isinstance(value, dict) and isinstance(bound, list):
        return f"required: {', '.join(one for one in bound if one not in value)}"
    if isinstance(bound, str | int | float):
        return f"{rule}: {bound}"
    if rule in ("enum", "type") and isinstance(bound, list):
        return f"{rule}: {', '.join(map(str, bound))}"
    if rule == "not" and isinstance(bound, dict) and isinstance(bound.get("not"), dict):
        return next(iter(CHOICES & bound["not"].keys()), rule)  # of an outline
    return name if bound is NOTHING else rule


def _unknown(error: jsonschema_rs.ValidationError, value: Any, schema: Any) -> list[str]:
    if isinstance(value, dict) and "patternProperties" not in schema:
        known = schema.get("properties", {})
        return list(islice((name for name in value if name not in known), _NAMES))
    names = getattr(error.kind, "unexpected", [])
    return [str(name) for name in names[:_NAMES]]
