"""Which file is what: the folder says the kind, and a file without a kind is a problem."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from apigateway.definition.problems import Problem, Report
from apigateway.definition.stamps import Stamp, says_enough, stamp_of

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


@dataclass(slots=True, eq=False)
class GroupPlaces:
    """The files of a group's folder."""

    folder: str
    group: Place | None = None
    apis: list[Place] = field(default_factory=list)

    def is_same_as(self, other: "GroupPlaces") -> bool:
        return (self.group, self.apis) == (other.group, other.apis)


@dataclass(slots=True)
class Places:
    """Every file of a project by its kind, each kind in the order of names."""

    gateway: Place | None = None
    groups: list[GroupPlaces] = field(default_factory=list)
    apps: list[Place] = field(default_factory=list)
    policies: dict[str, list[Place]] = field(default_factory=dict)
    grants: Place | None = None
    bindings: Place | None = None


@dataclass(slots=True)
class Known:
    """What was found before, by path, so that it need not be made anew: places, and the folders of
    groups with what was wrong there, and with their stamp if that says enough."""

    places: dict[str, Place] = field(default_factory=dict)
    groups: dict[str, tuple[Stamp | None, GroupPlaces, list[Problem]]] = field(default_factory=dict)

    def forget_others(self, files: Collection[Path]) -> None:
        """Only `files` are there by now."""
        for path in [path for path, place in self.places.items() if place.path not in files]:
            del self.places[path]
        folders = {os.path.dirname(path) for path in self.places}
        for path in self.groups.keys() - folders:
            del self.groups[path]


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
    known: Known | None = None,
    edited: Mapping[Path, bytes | None] | None = None,
    now_ns: int = 0,
) -> Places:
    """Look through both folders; `policies` may be missing.

    What is `known` is used again, and it gets what is new. `edited` are files that count as there,
    or, with None, as gone. `now_ns` is a moment of the clock before the call.
    """
    known, edited = known or Known(), edited or {}
    places = Places(policies={kind: [] for kind in POLICY_FOLDERS.values()})
    if not _is_there(definitions, report):
        if not report.errors:
            what = "the folder of definitions does not exist"
            report.errors.append(Problem(definitions.name, 1, 1, what, "make it, or name another"))
        return places
    walk = _Walk(definitions.name, definitions, report, known, edited, now_ns)
    _find_definitions(walk, places)
    if _is_there(policies, report):
        walk = _Walk(policies.name, policies, report, known, edited, now_ns)
        _find_policies(walk, places)
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
            folder.all_below_misplaced()
        else:
            found = folder.group_found_before() or _find_group(folder)
            if found.group or found.apis:
                places.groups.append(found)


def _find_group(folder: "_Walk") -> GroupPlaces:
    found, before = GroupPlaces(folder.shown), len(folder.report.errors)
    for place in folder.yaml_files():
        if place.path.name == "group.yaml":
            found.group = place
        else:
            found.apis.append(place)
    if found.apis and not found.group:
        what = "the group of this folder is not declared"
        mend = f"write the file, with name: {folder.path.name}"
        folder.report.errors.append(Problem(f"{folder.shown}/group.yaml", 1, 1, what, mend))
    folder.all_below_misplaced()
    return folder.remembered(found, folder.report.errors[before:])


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
        folder.all_below_misplaced()


@dataclass(slots=True)
class _Walk:
    """One folder. What starts with a dot, and every file that is not YAML, is none of ours."""

    shown: str
    path: Path
    report: Report
    known: Known
    edited: Mapping[Path, bytes | None]
    now_ns: int
    _entries: list[os.DirEntry[str]] | None = None
    _stamp: Stamp | None = None

    def _listed(self) -> list[os.DirEntry[str]]:
        if self._entries is None:
            try:
                self._stamp = stamp_of(os.stat(self.path))
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
            if (place := self.known.places.get(entry.path)) is not None and not _is_folder(entry):
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
                place = self.known.places[entry.path] = Place(shown, Path(entry.path))
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
                yield replace(self, shown=shown, path=Path(entry.path), _entries=None, _stamp=None)

    def group_found_before(self) -> GroupPlaces | None:
        """What was found in this folder, if it is as it was then; its problems are told again."""
        if self.edited or (known := self.known.groups.get(os.fspath(self.path))) is None:
            return None
        stamp, found, problems = known
        try:
            if stamp_of(os.stat(self.path)) != stamp:
                return None
        except OSError:
            return None
        self.report.errors.extend(problems)
        return found

    def remembered(self, found: GroupPlaces, problems: list[Problem]) -> GroupPlaces:
        """What was found, as the very object that it was before where it is the same.

        A stamp says nothing where something else than this folder says what its entries are: links,
        folders.
        """
        if self.edited:
            return found
        settled = self._stamp is not None and says_enough(self._stamp, self.now_ns)
        settled = settled and not any(
            entry.is_symlink() or _is_folder(entry) for entry in self._listed()
        )
        path = os.fspath(self.path)
        if (known := self.known.groups.get(path)) is not None and known[1].is_same_as(found):
            found = known[1]
        self.known.groups[path] = self._stamp if settled else None, found, problems
        return found

    def all_below_misplaced(self) -> None:
        for folder in self.folders():
            folder.all_misplaced(f"move it to {self.shown}/")

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
