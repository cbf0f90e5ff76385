"""The domains of a group's document (plain data of group.yaml), with one more or one less."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apigateway.definition.addresses import plain_host
from apigateway.editing.editor import Editor
from apigateway.editing.files import NotEdited
from apigateway.model.group import Environment

Item = str | Mapping[str, Any]
"""One of `domains` in group.yaml: a name, or a name with more."""


def group_files(editor: Editor) -> dict[str, Path]:
    """The file of each group, by its name; a file that cannot be read is none.

    Raises: NotEdited.
    """
    places = [found.group for found in editor.places().groups if found.group is not None]
    named = {place.path: editor.data(place.path) for place in places}
    return {data["name"]: path for path, data in named.items() if isinstance(data, Mapping)}


def file_of(editor: Editor, group: str) -> Path:
    """
    Raises: NotEdited, nobody declares the group any more.
    """
    if (found := group_files(editor).get(group)) is None:
        raise NotEdited(f"the group {group} is no longer declared; look at its file and try again")
    return found


def item_of(document: Mapping[str, Any], domain: str) -> Item | None:
    """What the document says of `domain`; None when it does not have it."""
    return next((item for item in _items(document) if _name_of(item) == domain), None)


def declared_as(item: Item, environment: Environment | None) -> Item:
    """The item for calls of one environment, or, with None, of the one that the caller asks for."""
    more = {} if isinstance(item, str) else {k: v for k, v in item.items() if k != "environment"}
    more = {"name": item} | more if isinstance(item, str) else more
    if environment is not None:
        first = {"name": more.pop("name"), "environment": environment.value}
        return first | more
    return more["name"] if set(more) == {"name"} else more


def with_domain(document: Mapping[str, Any], item: Item) -> dict[str, Any]:
    """The document with `item`, in the place of the one of that name or behind the others."""
    name, items = _name_of(item), list(_items(document))
    places = [place for place, one in enumerate(items) if _name_of(one) == name]
    if places:
        items[places[0]] = item
    else:
        items.append(item)
    return {**document, "domains": items}


def without_domain(document: Mapping[str, Any], domain: str) -> dict[str, Any]:
    items = [item for item in _items(document) if _name_of(item) != domain]
    rest = {key: value for key, value in document.items() if key != "domains"}
    return {**document, "domains": items} if items else rest


def carried(item: Item, source: Path, target: Path) -> Item:
    """The item of a group.yaml in the folder `source`, as it stands in one in `target`: the files
    of its certificate are relative to where it is written."""
    if isinstance(item, str) or not isinstance(item.get("certificate"), Mapping):
        return item
    certificate = {
        key: _carried(value, source, target) for key, value in item["certificate"].items()
    }
    return {**item, "certificate": certificate}


def _carried(value: Any, source: Path, target: Path) -> Any:
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    path = Path(value.removeprefix("file:"))
    if path.is_absolute():
        return value
    return "file:" + Path(os.path.relpath(source / path, target)).as_posix()


def _items(document: Mapping[str, Any]) -> list[Item]:
    return document.get("domains") or []


def _name_of(item: Item) -> str:
    return plain_host(item if isinstance(item, str) else item["name"])
