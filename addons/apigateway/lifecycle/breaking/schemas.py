"""Where a JSON Schema (2020-12) became stricter, as far as that can be told.

A schema is taken apart word by word. For most words it is plain which of two values lets more
through; of the rest (`not`, `$ref`, `if` ...) only that they changed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apigateway.definition.document import Key
from apigateway.json_schema.parts import UNEVALUATED, subschemas
from apigateway.lifecycle.breaking.patterns import takes_all_of
from apigateway.lifecycle.compare import MISSING, same

Path = tuple[Key, ...]

_ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "format",
        "$comment",
        "$schema",
        "$id",
        "$anchor",
        "$vocabulary",
        "$defs",
        "definitions",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
    ]
)
"""Words that refuse nothing; what `$defs` hold acts through `$ref` only."""

_FAR = UNEVALUATED | {"$ref", "$dynamicRef"}
"""Words by which one place judges what another says."""

_AT_MOST = frozenset(["maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"])
_AT_LEAST = {
    "minLength": 0,
    "minItems": 0,
    "minProperties": 0,
    "minimum": None,
    "exclusiveMinimum": None,
}
"""With what an absent one means, None for no rule at all."""

_FREE_WHEN_GONE = (
    _AT_MOST
    | _AT_LEAST.keys()
    | frozenset(
        [
            "type",
            "enum",
            "const",
            "pattern",
            "multipleOf",
            "required",
            "uniqueItems",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "dependentSchemas",
            "dependentRequired",
            "propertyNames",
        ]
    )
)
"""Words each of which only ever refuses: without it, nothing is refused that was not before."""

_MEMBERS = frozenset({"properties", "additionalProperties"})


@dataclass(frozen=True, slots=True)
class Stricter:
    """Where a schema is stricter; not `certain` where it changed and may be."""

    path: Path
    before: Any
    after: Any
    certain: bool = True


def stricter_parts(before: Any, after: Any) -> Iterator[Stricter]:
    """Nothing when every document that `before` allows is allowed by `after`. Both are schemas:
    an object, true or false."""
    if same(before, after):
        return
    if _reaches_far(before) or _reaches_far(after):
        yield Stricter((), before, after, certain=False)
    else:
        yield from _schema(before, after, ())


def _reaches_far(schema: Any) -> bool:
    return any(_FAR & part.keys() for _, part in subschemas(schema))


def _schema(before: Any, after: Any, path: Path) -> Iterator[Stricter]:
    if same(before, after) or before is False or after is True or after == {}:
        return
    if after is False:
        yield Stricter(path, before, after)
        return
    old: Mapping[str, Any] = {} if before is True else before
    for word in [*old, *(word for word in after if word not in old)]:
        if word not in _ANNOTATIONS and word not in _MEMBERS:
            pair = (old.get(word, MISSING), after.get(word, MISSING))
            yield from _word(word, *pair, (*path, word), old, after)
    yield from _members(old, after, path)


def _word(
    word: str,
    before: Any,
    after: Any,
    path: Path,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> Iterator[Stricter]:
    if same(before, after) or (after is MISSING and word in _FREE_WHEN_GONE):
        return
    if word == "items":
        if same(old.get("prefixItems", []), new.get("prefixItems", [])):
            yield from _schema(old.get(word, True), new.get(word, True), path)
        else:
            yield Stricter(path, before, after, certain=False)
    elif word in ("allOf", "anyOf") and before is not MISSING:
        yield from _branches(word, before, after, path)
    elif (judge := _JUDGES.get(word)) is not None:
        if judge(before, after):
            yield Stricter(path, before, after)
    elif word == "pattern" and before is not MISSING:
        if not takes_all_of(after, before):
            yield Stricter(path, before, after, certain=False)
    else:
        yield Stricter(path, before, after, certain=before is MISSING and word in _FREE_WHEN_GONE)


def _branches(word: str, before: Any, after: Any, path: Path) -> Iterator[Stricter]:
    """Of one more branch `allOf` refuses more and `anyOf` less."""
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        yield from _schema(one, other, (*path, index))
    longer = len(after) > len(before)
    if len(after) != len(before) and longer == (word == "allOf"):
        yield Stricter(path, before, after)


def _members(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Stricter]:
    """Members by name: one that is not listed meets `additionalProperties`."""
    ours, theirs = old.get("properties", {}), new.get("properties", {})
    rest, other_rest = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if "patternProperties" in old or "patternProperties" in new:
        unlike = ours.keys() != theirs.keys() or not same(rest, other_rest)
        if unlike:
            yield Stricter((*path, "properties"), ours, theirs, certain=False)
            return
    for name in {**ours, **theirs}:
        one, other = ours.get(name, rest), theirs.get(name, other_rest)
        yield from _schema(one, other, (*path, "properties", name))
    yield from _schema(rest, other_rest, (*path, "additionalProperties"))


def _types(value: Any) -> set[str]:
    """A number may be whole."""
    named = {value} if isinstance(value, str) else set(value)
    return named | {"integer"} if "number" in named else named


def _lost(before: list[Any], after: list[Any]) -> bool:
    return not all(any(same(one, other) for other in after) for one in before)


def _more(word: str) -> Callable[[Any, Any], bool]:
    absent = _AT_LEAST[word]

    def is_more(before: Any, after: Any) -> bool:
        least = absent if before is MISSING else before
        return least is None or bool(after > least)

    return is_more


def _not_a_divisor(before: Any, after: Any) -> bool:
    return before is MISSING or Decimal(str(before)) % Decimal(str(after)) != 0


_JUDGES: Mapping[str, Callable[[Any, Any], bool]] = {
    **{word: lambda old, new: old is MISSING or new < old for word in _AT_MOST},
    **{word: _more(word) for word in _AT_LEAST},
    "type": lambda old, new: old is MISSING or not _types(old) <= _types(new),
    "enum": lambda old, new: old is MISSING or _lost(old, new),
    "const": lambda old, new: True,
    "required": lambda old, new: not set(new) <= (set() if old is MISSING else set(old)),
    "uniqueItems": lambda old, new: bool(new),
    "multipleOf": _not_a_divisor,
}
"""Whether the second value of a word is stricter than the first, which may be MISSING."""
