"""A provider's JSON Schema as the library gets it."""

from typing import Any
from urllib.parse import quote, unquote

from apigateway.json_schema.parts import CHOICES, MANY, NAMED, ONE, ONLY_KEPT, resolved, with_parts

_JUDGED = ONE | MANY | NAMED
_JUDGED |= {"$ref", "type", "const", "enum", "multipleOf", "pattern", "required"}
_JUDGED |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_JUDGED |= {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems"}
_JUDGED |= {"minContains", "maxContains", "minProperties", "maxProperties", "dependentRequired"}


def plain(schema: Any) -> Any:
    """The schema with only the words of draft 2020-12 that judge values: none that names another
    draft or another place (`$schema`, `$id`, `$anchor`) and none of older drafts
    (`dependencies`). A `$ref` becomes a URI, where it may have been written with any letters.
    """
    if not isinstance(schema, dict):
        return schema
    copy = with_parts({w: value for w, value in schema.items() if w in _JUDGED}, plain)
    reference = copy.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        copy["$ref"] = "#" + quote(unquote(reference[1:]), safe="/$~")
    return copy


def outlined(root: Any) -> Any:
    """A plain schema that takes the same values, without `unevaluated...`, and that tells of a
    choice only that it is broken: for the double negation the library asks each branch for its
    verdict, and otherwise for all its faults."""
    numbers: dict[str, str] = {}

    def outline(schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        copy = with_parts({w: value for w, value in schema.items() if w not in ONLY_KEPT}, outline)
        if "$ref" in copy:
            copy["$ref"] = f"#/$defs/{numbers.setdefault(copy['$ref'], str(len(numbers)))}"
        choices = [{"not": {"not": {w: copy.pop(w)}}} for w in sorted(CHOICES & copy.keys())]
        if choices:
            copy["allOf"] = [*copy.get("allOf", ()), *choices]
        return copy

    whole = outline(root)
    done: dict[str, Any] = {}
    while len(done) < len(numbers):
        for reference, number in list(numbers.items())[len(done) :]:
            done[number] = outline(resolved(root, reference))
    return {**whole, "$defs": done} if done else whole
