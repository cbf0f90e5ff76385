"""Which file is what: the folder says the kind, and a file without a kind is a problem."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
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


def policies_beside(definitions: Path) -> Path:
    """Where policies are when nobody says it. Not where links on the way lead now: the folders of
    a running gateway may be replaced by turning such a link. Only where `definitions` itself is a
    link with no policies beside it, it is beside what that leads to."""
    named = Path(os.path.abspath(definitions)).parent / "policies"
    if definitions.is_symlink() and not os.path.lexists(named):
        return definitions.resolve().parent / "policies"
    return named


def find_files(
    definitions: Path,
    policies: Path,
    report: Report,
    known: dict[str, Place] | None = None,
    edited: Mapping[Path, bytes | None] | None = None,
) -> Places:
    """Look through both folders; `policies` may be missing.

    `known` are places that were found before, by their paths: they are used again, and it gets
    what is new. `edited` are files that count as there, or, with None, as gone.
    """
    known, edited = {} if known is None else known, edited or {}
    places = Places(policies={kind: [] for kind in POLICY_FOLDERS.values()})
    if not _is_there(definitions, report):
        if not report.errors:
            what = "the folder of definitions does not exist"
            report.errors.append(Problem(definitions.name, 1, 1, what, "make it, or name another"))
        return places
    _find_definitions(_Walk(definitions.name, definitions, report, known, edited), places)
    if _is_there(policies, report):
        _find_policies(_Walk(policies.name, policies, report, known, edited), places)
    return places


def _is_there(folder: Path, report: Report) -> bool:
    """False for one that does not exist. What is something else, leads nowhere, or is where nobody
    may look, is a problem: it must not pass for a project without policies."""
    try:
        if stat.S_ISDIR(os.stat(folder).st_mode):
            return True
        what, mend = "it is not a folder", "make it one, or remove it"
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(folder):
            return False
        what = f"the folder cannot be read ({error.strerror})"
        mend = "check its permissions, and where it leads"
    report.errors.append(Problem(folder.name, 1, 1, what, mend))
    return False


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
    known: dict[str, Place]
    edited: Mapping[Path, bytes | None]
    _entries: list[os.DirEntry[str]] | None = None

    def _listed(self) -> list[os.DirEntry[str]]:
        if self._entries is None:
            try:
                with os.scandir(self.path) as entries:
                    visible = [entry for entry in entries if not entry.name.startswith(".")]
            except OSError as error:
                what = f"the folder cannot be read ({error.strerror})"
                self.report.errors.append(Problem(self.shown, 1, 1, what, "check its permissions"))
                visible = []
            self._entries = sorted(visible, key=attrgetter("name"))
        return self._entries

    def yaml_files(self) -> Iterator[Place]:
        """The `.yaml` files of the folder; one that is nearly called so is a problem."""
        yield from self._new_files()
        for entry in self._listed():
            if self.edited and self.edited.get(Path(entry.path), b"") is None:
                continue
            if (place := self.known.get(entry.path)) is not None and not _is_folder(entry):
                yield place
                continue
            stem, dot, suffix = entry.name.rpartition(".")
            if suffix.lower() not in ("yaml", "yml") or not dot or _is_folder(entry):
                continue
            shown = f"{self.shown}/{_printable(entry.name)}"
            if suffix != "yaml":
                what, mend = f"definitions end in .yaml, not .{suffix}", f"rename it to {stem}.yaml"
                self.report.errors.append(Problem(shown, 1, 1, what, _printable(mend)))
            else:
                place = self.known[entry.path] = Place(shown, Path(entry.path))
                yield place

    def _new_files(self) -> Iterator[Place]:
        there = {entry.name for entry in self._listed()} if self.edited else set()
        for path, content in self.edited.items():
            if path.parent == self.path and content is not None and path.name not in there:
                yield Place(f"{self.shown}/{path.name}", path)

    def folders(self) -> Iterator["_Walk"]:
        for entry in self._listed():
            if _is_folder(entry):
                shown = f"{self.shown}/{_printable(entry.name)}"
                yield _Walk(shown, Path(entry.path), self.report, self.known, self.edited)

    def misplaced(self, place: Place, mend: str) -> None:
        what = "a file of no kind: nothing is read here"
        self.report.errors.append(Problem(place.shown, 1, 1, what, mend))

    def all_misplaced(self, mend: str) -> None:
        """Report every YAML file in and below the folder (links to folders are not followed), and a
        folder that is called like a file: one that took a file's place must not pass for its
        deletion."""
        if self.path.suffix.lower() in (".yaml", ".yml"):
            what, end = "a folder, where a file would be read", "put the file back, or rename it"
            self.report.errors.append(Problem(self.shown, 1, 1, what, end))
        for place in self.yaml_files():
            self.misplaced(place, mend)
        for folder in self.folders():
            if not folder.path.is_symlink():
                folder.all_misplaced(mend)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False for a link that leads to itself, or where nobody may look: whoever opens it is told."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _printable(name: str) -> str:
    return name if name.isascii() else name.encode("utf-8", "replace").decode()
