"""What differs between a released definition and a draft, field by field.

Both are compared in what they mean: a default that is written is one that is not, and where a
list has no order (parameters, protocols, an enum) none is seen. A release that this version
cannot read is compared as it was written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any, Final

from apigateway.definition.document import Key
from apigateway.definition.dump import dump_api
from apigateway.definition.parse import parse_api
from apigateway.definition.paths import names_in
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.model.api import Api, BackendParameter, Location, MockBackend
from apigateway.model.group import Environment
from apigateway.model.release import Release

Path = tuple[Key, ...]


class Missing(Enum):
    """What stands where nothing is written; None is a value of JSON."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

NAMED: Mapping[Path, tuple[str, str]] = {
    ("request", "parameters"): ("{name} in {in}", "name in"),
    ("backend", "parameters"): ("{from} as {name}", "from name"),
    ("backend", "constants"): ("{name} in {in}", "name in"),
    ("backend", "system"): ("{name} in {in}", "name in"),
    ("backend", "claims"): ("{name} in {in}", "name in"),
    ("result", "errors"): ("{code}", "code"),
    ("auth", "openid", "keys"): ("{key_id}", "key_id"),
}
"""Lists whose items have names: how an item is called, and the keys that make it up."""

UNORDERED: frozenset[Path] = frozenset(
    {
        ("auth", "signature_methods"),
        ("auth", "openid", "issuers"),
        ("auth", "openid", "audiences"),
        ("auth", "openid", "required_claims"),
        ("request", "protocols"),
    }
)

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field with its value before and after, MISSING where it is not written.

    `path` leads to it; an item of a list in NAMED stands there by what it is called.
    """

    path: Path
    before: Any = MISSING
    after: Any = MISSING

    @property
    def field(self) -> str:
        return field_text(self.path)


def field_text(path: Path) -> str:
    """`("request", "parameters", "days in query", "type")` as people read it:
    `request.parameters[days in query].type`."""
    text = ""
    for index, key in enumerate(path):
        if path[:index] in NAMED or isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            text += f".{key}"
        else:
            text += f"[{key!r}]"
    return text.removeprefix(".")


def plain_change(change: FieldChange) -> dict[str, Any]:
    """As JSON data: `before` or `after` is left out where nothing is written."""
    values = {"before": change.before, "after": change.after}
    written = {name: value for name, value in values.items() if value is not MISSING}
    return {"field": change.field, "path": list(change.path), **written}


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal; true is not 1, and 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def differences(before: Any, after: Any) -> tuple[FieldChange, ...]:
    """How one document becomes the other; of MISSING, one change with the whole document."""
    return tuple(_between(before, after, ()))


def _between(before: Any, after: Any, path: Path) -> Iterator[FieldChange]:
    if same(before, after):
        return
    if path in NAMED and _is_named(before, path) and _is_named(after, path):
        before, after = labelled(before, path), labelled(after, path)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            yield from _between(before.get(key, MISSING), after.get(key, MISSING), (*path, key))
    elif _goes_item_by_item(before, after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _between(*pair, (*path, index))
    elif not (_is_unordered(path) and _same_items(before, after)):
        yield FieldChange(path=path, before=before, after=after)


def _is_named(value: Any, path: Path) -> bool:
    _, keys = NAMED[path]
    return value is MISSING or (
        isinstance(value, list) and all(_has_texts(item, keys.split()) for item in value)
    )


def _has_texts(item: Any, keys: list[str]) -> bool:
    return isinstance(item, Mapping) and all(isinstance(item.get(key), str) for key in keys)


def labelled(items: Any, path: Path) -> dict[str, Any]:
    """The items of a list in NAMED by what they are called; a second one gets a number."""
    form, _ = NAMED[path]
    found: dict[str, Any] = {}
    for item in () if items is MISSING else items:
        label = form.format_map(item)
        number = 1
        while label in found:
            number += 1
            label = f"{form.format_map(item)}, number {number}"
        found[label] = item
    return found


def _goes_item_by_item(before: Any, after: Any) -> bool:
    """Whether two lists are as long as each other and hold what has fields of its own."""
    return (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
        and all(isinstance(item, Mapping | list) for item in (*before, *after))
    )


def _is_unordered(path: Path) -> bool:
    is_enum = path[:2] == ("request", "parameters") and path[3:] == ("enum",)
    return path in UNORDERED or is_enum


def _same_items(before: Any, after: Any) -> bool:
    if not (isinstance(before, list) and isinstance(after, list)):
        return False
    return sorted(map(repr, before)) == sorted(map(repr, after))


def normal_form(api: Api) -> dict[str, Any]:
    """The document of `api` with every default that has a place, and without what follows by
    itself: its id, and parameters that reach the backend under their own names."""
    mapped = tuple(item for item in api.backend_parameters if not _is_implied(item, api))
    document = dump_api(replace(api, backend_parameters=mapped))
    del document["id"]
    return document


def _is_implied(item: BackendParameter, api: Api) -> bool:
    """Whether `definition.parse` would map it so if it were not written."""
    declared = next((one for one in api.request.parameters if one.name == item.source), None)
    if declared is None or (item.name, item.location) != (declared.name, declared.location):
        return False
    if sum(other.source == item.source for other in api.backend_parameters) > 1:
        return False
    if item.location is not Location.PATH:
        return True
    return not isinstance(api.backend, MockBackend) and item.name in names_in(api.backend.path)


class State(StrEnum):
    """How a draft stands to what is released. UNDECLARED: a release without a draft."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    UNDECLARED = "undeclared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A draft and what is released of it; `released` is that definition, where this version can
    read it. `changes` is of CHANGED only."""

    state: State
    release: Release | None = None
    released: Api | None = None
    draft: Api | None = None
    changes: tuple[FieldChange, ...] = ()

    @property
    def name(self) -> str:
        known = self.draft if self.draft is not None else self.release
        assert known is not None
        return f"{known.group}/{known.name if isinstance(known, Api) else known.api}"


def compare_all(
    project: Project, current: Sequence[Release], environment: Environment
) -> list[Comparison]:
    """Every draft with what is released of it to `environment`, in the order of the files; then
    what is released and no longer declared."""
    served = {one.api_id: one for one in current if one.environment is environment}
    found = [compare_api(project, served.pop(draft.id, None), draft) for draft in project.apis]
    gone = [Comparison(state=State.UNDECLARED, release=release) for release in served.values()]
    return found + gone


def compare_api(project: Project, release: Release | None, draft: Api) -> Comparison:
    if release is None:
        return Comparison(state=State.NEW, draft=draft)
    if release.document == draft.document and release.group == draft.group:
        return Comparison(state=State.SAME, release=release, released=draft, draft=draft)
    released = read_release(project, release, draft)
    if released is not None:
        before, after = normal_form(released), normal_form(draft)
    else:
        before, after = dict(release.document), dict(draft.document)
    changes = differences({"group": release.group, **before}, {"group": draft.group, **after})
    state = State.CHANGED if changes else State.SAME
    return Comparison(state=state, release=release, released=released, draft=draft, changes=changes)


def read_release(project: Project, release: Release, draft: Api) -> Api | None:
    """The definition that was released, None when this version cannot read it."""
    groups = {group.name: group for group in project.groups}
    group = groups.get(release.group) or groups[draft.group]
    try:
        return parse_api(release.document, group=group, account=project.settings.account)
    except DefinitionError:
        return None
