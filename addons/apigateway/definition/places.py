"""Which file is what: the folder says the kind, and a file without a kind is a problem."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apigateway.definition.problems import Problem, Report

# Kinds are the names of the schemas.
POLICY_FOLDERS = {
    "throttling": "throttling",
    "signature-keys": "signature-key",
    "vpc-access": "vpc-access",
    "ip-control": "ip-control",
    "backend-tls": "backend-tls",
}

_IN_DEFINITIONS = "move it to definitions/<group>/ (an API) or definitions/apps/ (an app)"
_IN_POLICIES = (
    "write grants into grants.yaml, bindings into bindings.yaml, "
    f"and policies into {', '.join(POLICY_FOLDERS)}"
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file: `shown` in problems, `path` to open."""

    shown: str
    path: Path


@dataclass(slots=True)
class GroupPlaces:
    folder: str
    group: Place | None = None
    apis: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Places:
    """Every file of a project by its kind, each kind in the order of names."""

    gateway: Place | None = None
    groups: list[GroupPlaces] = field(default_factory=list)
    apps: list[Place] = field(default_factory=list)
    policies: dict[str, list[Place]] = field(default_factory=dict)
    grants: Place | None = None
    bindings: Place | None = None


def find_files(definitions: Path, policies: Path, report: Report) -> Places:
    """Look through both folders; `policies` may be missing."""
    places = Places(policies={kind: [] for kind in POLICY_FOLDERS.values()})
    if not definitions.is_dir():
        what = "the folder of definitions does not exist"
        report.errors.append(Problem(definitions.name, 1, 1, what, "make it, or name another"))
        return places
    _find_definitions(_Walk(definitions.name, definitions, report), places)
    if policies.is_dir():
        _find_policies(_Walk(policies.name, policies, report), places)
    return places


def _find_definitions(walk: "_Walk", places: Places) -> None:
    for place in walk.yaml_files():
        if place.path.name == "gateway.yaml":
            places.gateway = place
        else:
            walk.misplaced(place, _IN_DEFINITIONS)
    if places.gateway is None:
        what = "the file is missing"
        mend = "write it, with account and region"
        walk.report.errors.append(Problem(f"{walk.shown}/gateway.yaml", 1, 1, what, mend))
    for folder in walk.folders():
        if folder.path.name == "apps":
            places.apps = list(folder.yaml_files())
        else:
            _find_group(folder, places)
        for inner in folder.folders():
            inner.all_misplaced(f"move it to {folder.shown}/")


def _find_group(folder: "_Walk", places: Places) -> None:
    found = GroupPlaces(folder.shown)
    for place in folder.yaml_files():
        if place.path.name == "group.yaml":
            found.group = place
        else:
            found.apis.append(place)
    if found.group or found.apis:
        places.groups.append(found)
    if found.apis and not found.group:
        what = "the group of this folder is not declared"
        mend = f"write the file, with name: {folder.path.name}"
        folder.report.errors.append(Problem(f"{folder.shown}/group.yaml", 1, 1, what, mend))


def _find_policies(walk: "_Walk", places: Places) -> None:
    for place in walk.yaml_files():
        if place.path.name == "grants.yaml":
            places.grants = place
        elif place.path.name == "bindings.yaml":
            places.bindings = place
        else:
            walk.misplaced(place, _IN_POLICIES)
    for folder in walk.folders():
        kind = POLICY_FOLDERS.get(folder.path.name)
        if kind is None:
            folder.all_misplaced(_IN_POLICIES)
            continue
        places.policies[kind] = list(folder.yaml_files())
        for inner in folder.folders():
            inner.all_misplaced(f"move it to {folder.shown}/")


@dataclass(slots=True)
class _Walk:
    """One folder. What starts with a dot, and every file that is not YAML, is none of ours."""

    shown: str
    path: Path
    report: Report

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            what = f"the folder cannot be read ({error.strerror})"
            self.report.errors.append(Problem(self.shown, 1, 1, what, "check its permissions"))
            return []
        return sorted(visible, key=lambda entry: entry.name)

    def yaml_files(self) -> Iterator[Place]:
        """The `.yaml` files of the folder; one that is nearly called so is a problem."""
        for entry in self._entries():
            stem, dot, suffix = entry.name.rpartition(".")
            if suffix.lower() not in ("yaml", "yml") or not dot or entry.is_dir():
                continue
            place = Place(f"{self.shown}/{_printable(entry.name)}", Path(entry.path))
            if suffix != "yaml":
                what, mend = f"definitions end in .yaml, not .{suffix}", f"rename it to {stem}.yaml"
                self.report.errors.append(Problem(place.shown, 1, 1, what, _printable(mend)))
            else:
                yield place

    def folders(self) -> Iterator["_Walk"]:
        for entry in self._entries():
            if entry.is_dir():
                yield _Walk(f"{self.shown}/{_printable(entry.name)}", Path(entry.path), self.report)

    def misplaced(self, place: Place, mend: str) -> None:
        what = "a file of no kind: nothing is read here"
        self.report.errors.append(Problem(place.shown, 1, 1, what, mend))

    def all_misplaced(self, mend: str) -> None:
        """Report every YAML file in and below the folder (links to folders are not followed)."""
        for place in self.yaml_files():
            self.misplaced(place, mend)
        for folder in self.folders():
            if not folder.path.is_symlink():
                folder.all_misplaced(mend)


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
