"""Which values name files: held against the schemas, which say so to people."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apigateway.definition.shape import schema_of
from apigateway.editing.references import Reference, references_of, with_reference

ROOT = Path(__file__).resolve().parents[3]
KINDS = sorted(path.stem for path in (ROOT / "addons/apigateway/definition/schema").glob("*.json"))


def naming(
    schema: Mapping[str, Any], root: Mapping[str, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Every place of a schema whose description offers `file:path`, and whether it is secret."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "file:path" in schema.get("description", ""):
        yield keys, bool(schema.get("writeOnly", False))
    for choice in schema.get("oneOf", ()):
        yield from naming(choice, root, keys)
    for name, value in schema.get("properties", {}).items():
        if name != "schema":  # JSON Schema of the provider's own
            yield from naming(value, root, (*keys, name))
    if "items" in schema:
        yield from naming(schema["items"], root, (*keys, "*"))


def document_with(keys: tuple[str, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = [value] if key == "*" else {key: value}
    return value


def test_every_place_that_may_name_a_file_is_known_and_whether_it_is_secret() -> None:
    seen = 0
    for kind in KINDS:
        schema = schema_of(kind)
        for keys, secret in naming(schema, schema):
            found = list(references_of(kind, document_with(keys, "file:x.pem")))
            at = tuple(0 if key == "*" else key for key in keys)
            assert found == [Reference(at, "x.pem", secret)], (kind, keys)
            seen += 1
    assert seen == 14


def test_what_is_no_name_of_a_file_is_left_out() -> None:
    assert list(references_of("app", {"secret": "env:X", "code": "literal"})) == []
    assert list(references_of("links", [{"secret": "file:x"}])) == []
    assert list(references_of("gateway", {"store": "state/gateway.db"})) == []


def test_another_file_is_named_in_a_copy() -> None:
    data = {"domains": ["a.test", {"name": "b.test", "certificate": {"key": "file:../b.key"}}]}
    (found,) = references_of("group", data)
    new = with_reference(data, found.keys, "b.key")
    assert new["domains"][1]["certificate"] == {"key": "file:b.key"}
    assert data["domains"][1]["certificate"] == {"key": "file:../b.key"}  # type: ignore[index]
