"""Trails of captured calls (see `trail`): they hide by name already, and here what the user chose
and what the call itself tells goes too."""

from typing import Any

from apigateway.protocol.wire import is_token
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.texts import Texts


def scrubbed_trail(value: Any, texts: Texts, names: Names) -> Any:
    """`texts` are those of values that may be masked."""
    if isinstance(value, str):
        return texts.document(value, is_form=False)
    if isinstance(value, dict):
        return _members(value, texts, names)
    if isinstance(value, list | tuple):
        if _is_field(value) and names.tell(value[0]):
            return [value[0], texts.value(*value)]
        return [scrubbed_trail(item, texts, names) for item in value]
    return value


def _is_field(value: list[Any] | tuple[Any, ...]) -> bool:
    """A name with its value, as headers are listed."""
    return len(value) == 2 and all(isinstance(item, str) for item in value) and is_token(value[0])


def _members(value: dict[Any, Any], texts: Texts, names: Names) -> dict[Any, Any]:
    """An argument is its name beside its value; a value of a path is below its name. The words of
    a trail itself (`app_key`) sound like secrets, so that only chosen names count as those."""
    name = value.get("name")
    found = {}
    for key, item in value.items():
        hidden = None
        if isinstance(item, str) and item:
            if key == "value" and isinstance(name, str) and names.tell(name):
                hidden = name
            elif isinstance(key, str) and names.is_chosen(key):
                hidden = key
            elif key == "body":
                item = texts.document(item, is_form="=" in item)
        found[key] = (
            scrubbed_trail(item, texts, names) if hidden is None else texts.value(hidden, item)
        )
    return found
