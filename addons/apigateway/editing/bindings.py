"""bindings.yaml as plain data: by kind, its entries."""

from collections.abc import Mapping, Sequence

from apigateway.editing.entries import Entry, naming_api, without_api

Bindings = Mapping[str, Sequence[Entry]]


def bindings_naming(bindings: Bindings, group: str, api: str) -> list[tuple[str, Entry]]:
    """Kind and entry of what names that API; `*` names none."""
    return [
        (kind, entry)
        for kind, entries in bindings.items()
        for entry in naming_api(entries, group, api)
    ]


def bindings_without_api(bindings: Bindings, group: str, api: str) -> dict[str, list[Entry]]:
    """All but what names that API; a kind of which nothing is left goes."""
    left = {kind: without_api(entries, group, api) for kind, entries in bindings.items()}
    return {kind: entries for kind, entries in left.items() if entries or not bindings[kind]}
