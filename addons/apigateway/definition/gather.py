"""Everything that the files of a project declare, each by itself.

What is wrong between them is looked for later (`check`, `links`). What cannot be read is reported
and left out; its name still counts as known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import is_
from pathlib import Path
from typing import Any, TypeVar

from apigateway.definition.backend_tls import read_backend_tls
from apigateway.definition.group_files import GroupFiles, Memory, name_in, read_group_files
from apigateway.definition.parse import fits
from apigateway.definition.parse_policies import (
    Home,
    read_app,
    read_group,
    read_ip_control,
    read_signature_key,
    read_throttling,
    read_vpc_access,
)
from apigateway.definition.parse_settings import read_settings
from apigateway.definition.placed import ApisOfGroup, Loaded, Placed
from apigateway.definition.places import GroupPlaces, Place, Places
from apigateway.definition.problems import DocumentReport, Problem, Report
from apigateway.definition.sources import Source
from apigateway.model.group import Group
from apigateway.model.settings import GatewaySettings
from apigateway.steps import step

T = TypeVar("T")


@dataclass(slots=True)
class Gathered:
    """`grants` and `bindings` are those files where they have their shape. `errors` and `warnings`
    are of this alone: `report` gets what is found later too."""

    report: Report
    loaded: Loaded = field(default_factory=Loaded)
    settings: GatewaySettings | None = None
    grants: DocumentReport | None = None
    bindings: DocumentReport | None = None
    files: set[Path] = field(default_factory=set)
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def says_the_same(self, other: "Gathered") -> bool:
        """Whether all that follows from it is the same too, the places of problems included."""
        return (
            self.settings == other.settings
            and self.errors == other.errors
            and self.warnings == other.warnings
            and self.loaded.names == other.loaded.names
            and _are_same_apis(self.loaded, other.loaded)
            and all(map(_are_same, _kinds(self), _kinds(other)))
        )


def gather(
    places: Places,
    report: Report,
    memory: Memory,
    *,
    environ: Mapping[str, str],
    root: Path,
    now: datetime,
    now_ns: int,
    in_use: Callable[[str], bool],
    on_settings: Callable[[GatewaySettings], None] = lambda _: None,
) -> Gathered:
    """`root` is the folder that relative paths start from. Certificates must be valid at `now`, but
    for those whose texts are `in_use`; `now_ns` is a moment of the clock before the call.
    `on_settings` is told of the settings before any API is read."""
    gathering = _Gathering(report, memory, now_ns)
    found = gathering.found
    found.settings = gathering.settings(places.gateway, root, environ)
    if found.settings is not None:
        on_settings(found.settings)
    account = found.settings.account if found.settings else ""
    region = found.settings.region if found.settings else ""
    home = Home(account=account, region=region, environ=environ, now=now, in_use=in_use)
    gathering.all_kinds(places, home)
    found.errors, found.warnings = tuple(report.errors), tuple(report.warnings)
    return found


class _Gathering:
    """One run."""

    def __init__(self, report: Report, memory: Memory, now_ns: int) -> None:
        self.found = Gathered(report)
        self._report = report
        self._memory = memory
        self._now_ns = now_ns
        self._of_group: dict[str, list[GroupFiles]] = {}

    def settings(
        self, place: Place | None, root: Path, environ: Mapping[str, str]
    ) -> GatewaySettings | None:
        report = self._shaped(place, "gateway")
        if report is None or report.failed:
            return None
        settings = read_settings(report, root, environ)
        self.found.files.update(report.beside)
        return settings

    def all_kinds(self, places: Places, home: Home) -> None:
        loaded, of_kind = self.found.loaded, places.policies
        for group in places.groups:
            self._group(group, home)
        self._put_groups_together()
        loaded.apps = self._each("app", places.apps, home, read_app)
        loaded.throttling = self._each("throttling", of_kind["throttling"], home, read_throttling)
        loaded.signature_keys = self._each(
            "signature-key", of_kind["signature-key"], home, read_signature_key
        )
        loaded.vpc_accesses = self._each("vpc-access", of_kind["vpc-access"], home, read_vpc_access)
        loaded.ip_controls = self._each("ip-control", of_kind["ip-control"], home, read_ip_control)
        loaded.backend_tls = self._each(
            "backend-tls", of_kind["backend-tls"], home, read_backend_tls
        )
        self.found.grants = self._links(places.grants, "grants")
        self.found.bindings = self._links(places.bindings, "bindings")

    def _source(self, place: Place) -> Source:
        self.found.files.add(place.path)
        source = self._memory.sources.at(place, self._now_ns)
        self._report.errors.extend(source.problems)
        return source

    def _name_is_known(self, name: str, kind: str) -> None:
        if name:
            self.found.loaded.names.setdefault(kind, set()).add(name)

    def _shaped(self, place: Place | None, kind: str) -> DocumentReport | None:
        """The document at `place`; its report has failed when it lacks the shape of its kind.

        A document's name is known either way.
        """
        source = self._source(place) if place is not None else None
        if source is None or source.document is None:
            return None
        report = self._report.on(source.document)
        report.failed = bool(source.problems)
        self._name_is_known(name_in(source.document), kind)
        fits(report, kind)
        return report

    def _each(
        self, kind: str, places: list[Place], home: Home, read: Callable[[DocumentReport, Home], T]
    ) -> list[Placed[T]]:
        placed = []
        for place in places:
            step()
            report = self._shaped(place, kind)
            if report is not None and not report.failed:
                placed.append(Placed(read(report, home), report))
                self.found.files.update(report.beside)
        return placed

    def _links(self, place: Place | None, kind: str) -> DocumentReport | None:
        report = self._shaped(place, kind)
        return None if report is None or report.failed else report

    def _group(self, places: GroupPlaces, home: Home) -> None:
        report = self._shaped(places.group, "group")
        if report is not None and not report.failed:
            group = read_group(report, home)
            self.found.loaded.groups.append(Placed(group, report))
            self.found.files.update(report.beside)
        else:  # broken: its APIs are checked all the same
            named = name_in(report.document) if report is not None else ""
            name = named or places.folder.rpartition("/")[2]
            self._name_is_known(name, "group")
            group = Group(id="", name=name, region=home.region, subdomain="")
        files = read_group_files(
            places, group, home.account, self._memory, self._report, self._now_ns
        )
        self._report.errors.extend(files.errors)
        self._report.warnings.extend(files.warnings)
        self.found.files |= files.paths
        self.found.loaded.apis.extend(files.apis.apis)
        self._of_group.setdefault(group.name, []).append(files)

    def _put_groups_together(self) -> None:
        """Two folders may say that they are of one group: that is a problem, and their APIs are
        looked at together."""
        loaded = self.found.loaded
        for name, several in self._of_group.items():
            apis, names = several[0].apis, several[0].names
            if len(several) > 1:
                apis = ApisOfGroup(
                    name,
                    [one for files in several for one in files.apis.apis],
                    [one for files in several for one in files.apis.in_environments],
                )
                names = set().union(*(files.names for files in several))
            loaded.of_groups.append(apis)
            if names:
                loaded.names[f"api {name}"] = names


def _kinds(gathered: Gathered) -> Iterator[list[Placed[Any]]]:
    """All but the APIs."""
    loaded = gathered.loaded
    yield [Placed(None, links) for links in (gathered.grants, gathered.bindings) if links]
    yield from (loaded.groups, loaded.apps, loaded.throttling, loaded.signature_keys)
    yield from (loaded.vpc_accesses, loaded.ip_controls, loaded.backend_tls)


def _are_same(ours: list[Placed[Any]], theirs: list[Placed[Any]]) -> bool:
    return len(ours) == len(theirs) and all(
        our.object == their.object and our.report.document is their.report.document
        for our, their in zip(ours, theirs, strict=True)
    )


def _are_same_apis(ours: Loaded, theirs: Loaded) -> bool:
    """Not only equal: an API may be so to one that would be released as something else."""
    if len(ours.apis) != len(theirs.apis):
        return False
    return all(map(is_, ours.of_groups, theirs.of_groups)) or all(
        our.object is their.object and our.report.document is their.report.document
        for our, their in zip(ours.apis, theirs.apis, strict=True)
    )
