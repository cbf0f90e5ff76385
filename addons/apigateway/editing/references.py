"""Which values of a definition name a file beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.definition.document import Key

_EACH = "*"

_PLACES: Mapping[str, tuple[tuple[tuple[str, ...], bool], ...]] = {
    "gateway": ((("store", "password"), True), (("store", "ca"), False)),
    "group": (
        (("subdomain_certificate", "chain"), False),
        (("subdomain_certificate", "key"), True),
        (("domains", _EACH, "certificate", "chain"), False),
        (("domains", _EACH, "certificate", "key"), True),
    ),
    "api": (
        (("auth", "openid", "keys", _EACH, "public_key"), False),
        (("auth", "openid", "jwks"), False),
    ),
    "app": ((("secret",), True), (("code",), True)),
    "signature-key": ((("secret",), True),),
    "backend-tls": (
        (("ca",), False),
        (("certificate", "chain"), False),
        (("certificate", "key"), True),
    ),
}
"""By kind of document: the keys that lead to such values, and whether what they name is secret."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`file:NAME`, standing at `keys`; `name` is relative to the folder of the document."""

    keys: tuple[Key, ...]
    name: str
    secret: bool


def references_of(kind: str, data: Any) -> Iterator[Reference]:
    """Every `file:` in a document of that kind (a name of its schema)."""
    for pattern, secret in _PLACES.get(kind, ()):
        for keys, value in _values(data, pattern, ()):
            if isinstance(value, str) and value.startswith("file:"):
                yield Reference(keys, value.removeprefix("file:"), secret)


def _values(
    data: Any, pattern: tuple[str, ...], keys: tuple[Key, ...]
) -> Iterator[tuple[tuple[Key, ...], Any]]:
    if not pattern:
        yield keys, data
    elif pattern[0] == _EACH and isinstance(data, list):
        for index, item in enumerate(data):
            yield from _values(item, pattern[1:], (*keys, index))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _values(data[pattern[0]], pattern[1:], (*keys, pattern[0]))


def with_reference(data: Any, keys: tuple[Key, ...], name: str) -> Any:
    """The document with another file named at `keys`."""
    if not keys:
        return f"file:{name}"
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[keys[0]] = with_reference(data[keys[0]], keys[1:], name)
    return copy
