"""Whether a provider's JSON Schema can be trusted with callers' data.

Beyond the draft itself (2020-12): a `$ref` stays inside the schema and resolves, no chain of
references comes back to where it started (it would never end), and patterns are those that RE2
and the engine of `DocumentSchema` read alike, both linear, since callers choose what they are
matched against.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

from apigateway.definition.document import Key
from apigateway.definition.values import fault_of_pattern
from apigateway.json_schema.cost import SchemaCost
from apigateway.json_schema.judging import DocumentSchema
from apigateway.json_schema.parts import MANY, NAMED, ONE, in_place, is_local, resolved, subschemas
from apigateway.json_schema.writing import plain
from apigateway.protocol.documents import DEEPEST

Found = tuple[tuple[Key, ...], str, str]

_ANY_FORMAT = FormatChecker(())

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_REFERENCES = 60
MAX_PARTS = 10_000
RE2_MEND = "RE2 has no backreferences (\\1) and no look-around ((?=...), (?<=...)); rewrite it"
ENGINE_MEND = (
    "write a brace, < and > that mean themselves as [{], [<], [>], a class such as [[:alpha:]] as "
    "[A-Za-z], a letter by its code as \\x07, and what stands between \\Q and \\E letter by letter"
)

_READ_OTHERWISE = re.compile(r"\\[<>]|\\[bB]\{|\[:\^?\w+:\]|\\.", re.DOTALL)
"""For RE2 a plain < or >, an edge and a brace, a class of letters; and any other escape."""

_TYPES = frozenset(["string", "number", "integer", "boolean", "array", "object", "null"])
_TEXT = frozenset(["title", "description", "$comment", "format", "pattern", "$ref"])
_COUNT = frozenset(
    [
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
    ]
)
_NUMBER = frozenset(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
_FREE = frozenset(["default", "examples", "const"])
_FLAG = frozenset(["uniqueItems", "deprecated", "readOnly", "writeOnly"])


def faults_of_schema(schema: Any) -> list[Found]:
    """Keys inside the schema, what is wrong there, how to mend it."""
    try:
        if not _surely_valid(schema):
            # patterns are judged below, not by Python's re
            Draft202012Validator.check_schema(schema, format_checker=_ANY_FORMAT)
        found = [fault for keys, sub in subschemas(schema) for fault in _faults_here(keys, sub)]
        return found or _faults_of_references(schema) or _faults_of_engine(schema)
    except SchemaError as error:
        keys = tuple(error.absolute_path)
        return [(keys, "this is not a valid JSON Schema", _schema_mend(error))]
    except RecursionError:
        return [_TOO_DEEP]


_TOO_DEEP: Found = ((), "the JSON Schema is nested too deeply", "write it flatter")


def _faults_of_engine(schema: Any) -> list[Found]:
    try:
        DocumentSchema(schema)
    except jsonschema_rs.ValidationError:
        return [((), "the engine does not take this JSON Schema", "write it simpler")]
    except ValueError:  # its limit is 255
        return [_TOO_DEEP]
    return []


def warnings_of_schema(schema: Any) -> list[Found]:
    """What a schema without faults will not do."""
    cost = SchemaCost(plain(schema), DEEPEST)
    if cost.refused_from is None:
        return []
    what = (
        f"the JSON Schema reaches the same value in {cost.ways} ways at each level; documents "
        f"nested deeper than about {cost.refused_from - 1} are refused"
    )
    mend = "let one branch alone lead on to a member, or put what branches share beside them"
    return [((), what, mend)]


def _surely_valid(schema: Any) -> bool:
    """Whether the schema uses only common keywords, and these rightly; False is no verdict.

    The full check against the meta-schema takes a millisecond, too long for each of 10,000.
    """
    if isinstance(schema, bool):
        return True
    return isinstance(schema, dict) and all(_keyword_is_right(*item) for item in schema.items())


def _keyword_is_right(word: str, value: Any) -> bool:
    if word in NAMED and word != "patternProperties":
        return isinstance(value, dict) and all(map(_surely_valid, value.values()))
    if word in ONE:
        return _surely_valid(value)
    if word in MANY:
        return isinstance(value, list) and bool(value) and all(map(_surely_valid, value))
    if word in _TEXT:
        return (isinstance(value, str) and word != "$ref") or (word == "$ref" and is_local(value))
    if word in _COUNT:
        return type(value) is int and value >= 0
    if word in _NUMBER:
        return type(value) in (int, float)
    if word in _FLAG:
        return isinstance(value, bool)
    if word in _FREE:
        return word != "examples" or isinstance(value, list)
    if word == "enum":
        return isinstance(value, list)
    if word == "type":
        names = [value] if isinstance(value, str) else value
        return isinstance(names, list) and _are_distinct_texts(names) and _TYPES.issuperset(names)
    if word == "required":
        return isinstance(value, list) and _are_distinct_texts(value)
    return word == "$schema" and value == DRAFT


def _are_distinct_texts(values: list[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    return bool(texts) and len(texts) == len(values) == len(set(texts))


def _schema_mend(error: SchemaError) -> str:
    word = error.absolute_path[-1] if error.absolute_path else "the schema"
    return f'see what draft 2020-12 says of "{word}"'


def _faults_here(keys: tuple[Key, ...], schema: dict[str, Any]) -> Iterator[Found]:
    if schema.get("$schema", DRAFT) not in (DRAFT, DRAFT + "#"):
        yield (*keys, "$schema"), "the JSON Schema is of another draft", f"write {DRAFT}"
    if keys and "$schema" in schema:
        yield (*keys, "$schema"), '"$schema" stands inside', "write it at the top only"
    for word in ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$vocabulary"):
        if word in schema:
            yield (
                (*keys, word),
                f'"{word}" is not supported',
                "use $defs and a $ref such as #/$defs/x",
            )
    if "$ref" in schema:
        reference = schema["$ref"]
        if not reference.startswith("#"):
            what = f'the $ref "{reference}" leads out of the schema'
            yield (*keys, "$ref"), what, "put what it names under $defs and write #/$defs/name"
    patterns: dict[tuple[Key, ...], str] = {
        ("patternProperties", pattern): pattern for pattern in schema.get("patternProperties", ())
    }
    if "pattern" in schema:
        patterns["pattern",] = schema["pattern"]
    for where, pattern in patterns.items():
        if fault := _fault_of_schema_pattern(pattern):
            yield (*keys, *where), *fault


@lru_cache(maxsize=4096)
def _fault_of_schema_pattern(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern of a schema, and how to mend it."""
    if reason := fault_of_pattern(pattern):
        return f"the pattern does not compile ({reason})", RE2_MEND
    for found in _READ_OTHERWISE.findall(pattern):
        if len(found) > 2 or found in (r"\<", r"\>"):
            return f"the pattern has {found}, which JSON Schema does not know", ENGINE_MEND
    try:
        DocumentSchema({"pattern": pattern})
    except ValueError:
        return "the pattern does not compile in a JSON Schema", ENGINE_MEND
    return None


def _faults_of_references(root: Any) -> list[Found]:
    """References to what is no schema, then the first that would never end."""
    schemas = list(subschemas(root))
    references = [(keys, schema) for keys, schema in schemas if "$ref" in schema]
    known = {id(schema) for _, schema in schemas}
    found: list[Found] = []
    for keys, schema in references:
        target = resolved(root, schema["$ref"])
        if not isinstance(target, bool) and id(target) not in known:
            what = f'the $ref "{schema["$ref"]}" leads to no schema'
            mend = "name something under $defs, such as #/$defs/name"
            found.append(((*keys, "$ref"), what, mend))
    return found or (_endless(root, references) if references else [])


class _Endless(Exception):
    """The text says why a schema would not come to an end."""


def _endless(root: Any, references: list[tuple[tuple[Key, ...], dict[str, Any]]]) -> list[Found]:
    """The first reference that comes back to itself without going into the data, or leads on and
    on: judging one value would take for ever.
    """
    known: dict[int, tuple[int, int]] = {}

    def measure(schema: Any, trail: frozenset[int]) -> tuple[int, int]:
        """How deep the judgement of one value goes, and how many schemas take part."""
        if not isinstance(schema, dict):
            return 0, 1
        if id(schema) in known:
            return known[id(schema)]
        if id(schema) in trail:
            raise _Endless("leads back to itself and would never end")
        if len(trail) > MAX_REFERENCES:
            raise _Endless(f"leads through more than {MAX_REFERENCES} others")
        onward = trail | {id(schema)}
        parts = [measure(sub, onward) for sub in in_place(root, schema)]
        depth = 1 + max((depth for depth, _ in parts), default=0)
        size = 1 + sum(size for _, size in parts)
        if depth > MAX_REFERENCES:
            raise _Endless(f"leads through more than {MAX_REFERENCES} others")
        if size > MAX_PARTS:
            raise _Endless(f"asks more than {MAX_PARTS} questions of one value")
        known[id(schema)] = depth, size
        return depth, size

    for keys, schema in references:
        try:
            measure(schema, frozenset())
        except _Endless as endless:
            return [((*keys, "$ref"), f"the $ref {endless}", "end the circle, or write it simpler")]
    return []


def fault_of_instance(schema: Any, instance: Any) -> str:
    """Where `instance` breaks a schema without faults, and which rule; "" when it does not."""
    return DocumentSchema(schema).first_violation(instance) or ""
