"""Entries of grants.yaml and of bindings.yaml: a group, names of its APIs or `*`, environments."""

from collections.abc import Collection, Sequence
from typing import Any

from apigateway.model.group import Environment

Entry = dict[str, Any]

EVERY = frozenset(Environment)


def environments_of(entry: Entry) -> frozenset[Environment]:
    """All three where it names none."""
    return frozenset(map(Environment, entry.get("environments", Environment)))


def in_environments(entry: Entry, environments: Collection[Environment]) -> Entry:
    """The entry for these environments; it names none where it is for all three."""
    found = {key: value for key, value in entry.items() if key != "environments"}
    if frozenset(environments) != EVERY:
        order = [one.value for one in Environment if one in environments]
        written = [name for name in entry.get("environments", ()) if name in order]
        found["environments"] = written + [name for name in order if name not in written]
    return found


def narrowed(
    entry: Entry,
    apis: Collection[str] | None,
    environments: Collection[Environment],
    declared: Sequence[str],
) -> list[Entry]:
    """What is left of an entry without these APIs (None: without any) in these environments.

    `declared` are the names of all APIs of the group: `*` becomes those that are left.
    """
    mine = environments_of(entry)
    touched = mine & frozenset(environments)
    names = declared if entry["apis"] == "*" else entry["apis"]
    left = [] if apis is None else [name for name in names if name not in apis]
    if not touched or (apis is not None and entry["apis"] != "*" and left == list(names)):
        return [entry]
    found = []
    if mine - touched:
        found.append(in_environments(entry, mine - touched))
    if left:
        found.append(in_environments({**entry, "apis": left}, touched))
    return found


def without_api(entries: Sequence[Entry], group: str, api: str) -> list[Entry]:
    """The entries that no longer name that API; `*` names none."""
    found = []
    for entry in entries:
        if entry["group"] == group and api in _named(entry):
            found += narrowed(entry, [api], EVERY, ())
        else:
            found.append(entry)
    return found


def naming_api(entries: Sequence[Entry], group: str, api: str) -> list[Entry]:
    """The entries that name that API."""
    return [entry for entry in entries if entry["group"] == group and api in _named(entry)]


def _named(entry: Entry) -> Sequence[str]:
    return () if entry["apis"] == "*" else entry["apis"]
