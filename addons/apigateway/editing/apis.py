"""The file of an API: where it is, and what it becomes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apigateway.definition.places import GroupPlaces
from apigateway.definition.shape import schema_of
from apigateway.editing.editor import Editor
from apigateway.editing.files import Edit, NotEdited, content_at
from apigateway.model.api import Api

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z]|[^A-Za-z0-9_-]+")


def file_name_for(api: str) -> str:
    """`GetForecast` is in `get-forecast.yaml`."""
    name = "-".join(word.lower() for word in _WORDS.findall(api)) or "api"
    return f"{name}-api.yaml" if name == "group" else f"{name}.yaml"


def file_of_api(editor: Editor, group: str, api: str) -> Path | None:
    """The file that declares the API; None where there is none.

    Raises: NotEdited, the group has no folder.
    """
    for place in _folder_of(editor, group).apis:
        data = editor.data(place.path)
        if isinstance(data, dict) and data.get("name") == api:
            return place.path
    return None


def _folder_of(editor: Editor, group: str) -> GroupPlaces:
    for places in editor.places().groups:
        if places.group is not None:
            data = editor.data(places.group.path)
            if isinstance(data, dict) and data.get("name") == group:
                return places
    raise NotEdited(f'no folder of {editor.shown(editor.definitions)} has the group "{group}"')


def api_edit(
    editor: Editor, group: str, document: Mapping[str, Any], draft: Api | None = None
) -> Edit:
    """The edit after which the group's folder declares the API as `document` says: a released one
    over the draft, or a new one.

    In a file that is there only what is another changes. Keys of OpenID Connect that are the same
    as those of `draft`, the API as it is declared now, go on standing in a file of their own.

    Raises: NotEdited.
    """
    name = document["name"]
    ordered = in_order_of_schema("api", document)
    path = file_of_api(editor, group, name)
    if path is None:
        return editor.edit(_free_path(editor, group, name), ordered)
    return editor.edit(path, _with_own_files(ordered, editor.data(path), draft))


def removal_of_api(editor: Editor, group: str, api: str) -> Edit:
    """The edit after which nothing declares the API.

    Raises: NotEdited.
    """
    path = file_of_api(editor, group, api)
    if path is None:
        raise NotEdited(f"{group}/{api} is declared nowhere")
    return Edit(path=path, before=content_at(path), after=None)


def _free_path(editor: Editor, group: str, api: str) -> Path:
    places = _folder_of(editor, group)
    assert places.group is not None
    folder = places.group.path.parent
    taken = {path.name.lower() for path in folder.iterdir()}
    name = file_name_for(api)
    number = 1
    while name in taken:
        number += 1
        name = file_name_for(api).replace(".yaml", f"-{number}.yaml")
    return folder / name


def _with_own_files(
    document: dict[str, Any], written: Mapping[str, Any], draft: Api | None
) -> dict[str, Any]:
    """A released document holds the keys that files held; these stay where they are."""
    released = document.get("auth", {}).get("openid")
    if draft is None or released is None or "openid" not in written.get("auth", {}):
        return document
    if released != draft.document.get("auth", {}).get("openid"):
        return document
    return {**document, "auth": {**document["auth"], "openid": written["auth"]["openid"]}}


def in_order_of_schema(kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in the order in which the schema, and people, have them: a store sorts them."""
    schema = schema_of(kind)
    return dict(_in_order(document, schema, schema))


def _in_order(data: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if isinstance(data, list):
        items = schema.get("items", {})
        return [_in_order(item, items, root) for item in data]
    if not isinstance(data, Mapping):
        return data
    known = _properties(data, schema, root)
    order = [key for key in known if key in data] + [key for key in data if key not in known]
    return {key: _in_order(data[key], known.get(key, {}), root) for key in order}


def _properties(
    data: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Those of the schema; of several (`oneOf`), those that have every key of the data."""
    for choice in schema.get("oneOf", ()):
        while "$ref" in choice:
            choice = root["$defs"][choice["$ref"].removeprefix("#/$defs/")]
        if data.keys() <= choice.get("properties", {}).keys():
            return dict(choice["properties"])
    return dict(schema.get("properties", {}))
