"""What is granted, as the entries of grants.yaml: what a change makes of them.

Only entries of the app and the group that are meant change; what is granted already is granted by
no second entry.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from apigateway.editing.entries import Entry, environments_of, in_environments, narrowed
from apigateway.model.group import Environment

Names = frozenset[str] | None
"""Names of APIs; None for `*`: all that the group has, and all that it gets."""


def granted(entries: Sequence[Entry], app: str, group: str) -> Mapping[Environment, Names]:
    """What the app may call of the group, by environment."""
    return {environment: _names(entries, app, group, environment) for environment in Environment}


def _names(entries: Sequence[Entry], app: str, group: str, environment: Environment) -> Names:
    found: set[str] = set()
    for entry in entries:
        if _is_of(entry, app, group) and environment in environments_of(entry):
            if entry["apis"] == "*":
                return None
            found.update(entry["apis"])
    return frozenset(found)


def _is_of(entry: Entry, app: str, group: str) -> bool:
    return bool(entry["app"] == app and entry["group"] == group)


def with_grant(
    entries: Sequence[Entry],
    app: str,
    group: str,
    apis: Sequence[str] | None,
    environments: Collection[Environment],
) -> list[Entry]:
    """The entries with a grant of these APIs (None: of all, also those to come)."""
    found = list(entries)
    for missing, where in _missing(found, app, group, apis, environments):
        _add(found, app, group, missing, where)
    return found if apis is not None else _without_repeated(found, app, group)


def _missing(
    entries: Sequence[Entry],
    app: str,
    group: str,
    apis: Sequence[str] | None,
    environments: Collection[Environment],
) -> Iterator[tuple[list[str] | None, list[Environment]]]:
    """What is not granted yet, and in which environments it is just that."""
    alike: dict[tuple[str, ...] | None, list[Environment]] = {}
    for environment, names in granted(entries, app, group).items():
        if environment not in environments or names is None:
            continue
        missing = None if apis is None else tuple(api for api in apis if api not in names)
        if missing != ():
            alike.setdefault(missing, []).append(environment)
    for missing, where in alike.items():
        yield (None if missing is None else list(missing)), where


def _add(
    entries: list[Entry],
    app: str,
    group: str,
    apis: list[str] | None,
    environments: Sequence[Environment],
) -> None:
    """Put a grant where there is one of the same environments or APIs, else into a new entry."""
    wanted = frozenset(environments)
    ours = [index for index, entry in enumerate(entries) if _is_of(entry, app, group)]
    for index in ours:
        entry = entries[index]
        if apis is not None and entry["apis"] != "*" and environments_of(entry) == wanted:
            entries[index] = {**entry, "apis": [*entry["apis"], *apis]}
            return
    for index in ours:
        entry = entries[index]
        if entry["apis"] == "*" if apis is None else set(entry["apis"]) == set(apis):
            entries[index] = in_environments(entry, environments_of(entry) | wanted)
            return
    of_app = [index for index, entry in enumerate(entries) if entry["app"] == app]
    place = (ours or of_app or [len(entries) - 1])[-1] + 1
    new: Entry = {"app": app, "group": group, "apis": "*" if apis is None else apis}
    entries.insert(place, in_environments(new, wanted))


def _without_repeated(entries: Sequence[Entry], app: str, group: str) -> list[Entry]:
    """Names stand no longer where `*` says the same."""
    everything = [
        environment for environment, names in granted(entries, app, group).items() if names is None
    ]
    found: list[Entry] = []
    for entry in entries:
        if _is_of(entry, app, group) and entry["apis"] != "*":
            found += narrowed(entry, None, everything, ())
        else:
            found.append(entry)
    return found


def revoked(
    entries: Sequence[Entry],
    app: str,
    group: str,
    apis: Sequence[str] | None,
    environments: Collection[Environment],
    declared: Sequence[str],
) -> list[Entry]:
    """The entries without these grants (None: of all APIs).

    `declared` are the names of all APIs of the group: a `*` of which one is taken becomes a list
    of the others.
    """
    found: list[Entry] = []
    for entry in entries:
        if _is_of(entry, app, group):
            found += narrowed(entry, apis, environments, declared)
        else:
            found.append(entry)
    return found
