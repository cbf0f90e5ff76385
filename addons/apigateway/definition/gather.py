"""Everything that the files of a project declare, each by itself.

What is wrong between them is looked for later (`check`, `links`). What cannot be read is reported
and left out; its name still counts as known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from apigateway.definition.api_file import (
    ApiFile,
    KeptApi,
    home_of,
    read_api_file,
    restored,
    with_id,
    with_same_api,
)
from apigateway.definition.backend_tls import read_backend_tls
from apigateway.definition.check import Loaded, Placed
from apigateway.definition.parse import fits
from apigateway.definition.parse_policies import (
    Home,
    read_app,
    read_group,
    read_ip_control,
    read_settings,
    read_signature_key,
    read_throttling,
    read_vpc_access,
)
from apigateway.definition.places import GroupPlaces, Place, Places
from apigateway.definition.problems import DocumentReport, Problem, Report
from apigateway.definition.sources import Seen, Source, Sources
from apigateway.model.api import Api
from apigateway.model.group import Group
from apigateway.model.settings import GatewaySettings

T = TypeVar("T")


@dataclass(slots=True)
class Memory:
    """What was read so far, by path. `kept` says what an earlier process read of an API's file."""

    sources: Sources = field(default_factory=Sources)
    apis: dict[Path, ApiFile] = field(default_factory=dict)
    kept: Callable[[Place], tuple[Seen, KeptApi] | None] = lambda _: None

    def recall(self, place: Place) -> KeptApi | None:
        """What is known of a file that this process looks at for the first time."""
        if place.path in self.sources.seen or (found := self.kept(place)) is None:
            return None
        self.sources.seen[place.path], api = found
        return api

    def forget_others(self, files: frozenset[Path]) -> None:
        """Only `files` are there by now."""
        for path in self.sources.seen.keys() - files:
            del self.sources.seen[path]
        for path in self.apis.keys() - files:
            del self.apis[path]


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
    on_settings: Callable[[GatewaySettings], None] = lambda _: None,
) -> Gathered:
    """`root` is the folder that relative paths start from. Certificates must be valid at `now`;
    `now_ns` is a moment of the clock before the call. `on_settings` is told of the settings before
    any API is read."""
    gathering = _Gathering(report, memory, now_ns)
    found = gathering.found
    found.settings = gathering.settings(places.gateway, root, environ)
    if found.settings is not None:
        on_settings(found.settings)
    account = found.settings.account if found.settings else ""
    region = found.settings.region if found.settings else ""
    gathering.all_kinds(places, Home(account=account, region=region, environ=environ, now=now))
    found.errors, found.warnings = tuple(report.errors), tuple(report.warnings)
    return found


class _Gathering:
    """One run."""

    def __init__(self, report: Report, memory: Memory, now_ns: int) -> None:
        self.found = Gathered(report)
        self._report = report
        self._memory = memory
        self._now_ns = now_ns

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
        self._name_is_known(_name_in(source.document.data), kind)
        fits(report, kind)
        return report

    def _each(
        self, kind: str, places: list[Place], home: Home, read: Callable[[DocumentReport, Home], T]
    ) -> list[Placed[T]]:
        placed = []
        for place in places:
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
            named = _name_in(report.document.data) if report is not None else ""
            name = named or places.folder.rpartition("/")[2]
            self._name_is_known(name, "group")
            group = Group(id="", name=name, region=home.region, subdomain="")
        key = home_of(group)
        for place in places.apis:
            self._api(place, group, key, home.account)

    def _api(self, place: Place, group: Group, home: str, account: str) -> None:
        kept = self._memory.recall(place)
        source = self._source(place)
        if source.document is None:
            return
        self._name_is_known(_name_in(source.document.data), f"api {group.name}")
        before = self._memory.apis.get(place.path)
        if kept is not None and kept.source is source and kept.home == home:
            before = restored(kept, group, account)
        file = self._api_file(before, source, group, home, account)
        self._memory.apis[place.path] = file
        self._report.errors.extend(file.errors)
        self._report.warnings.extend(file.warnings)
        self.found.files.update(file.beside)
        file.put_into(self.found.loaded, self._report)

    def _api_file(
        self, before: ApiFile | None, source: Source, group: Group, home: str, account: str
    ) -> ApiFile:
        if before is not None and before.holds(source, home):
            return with_id(before, group, account)
        file = read_api_file(source, group, home, account, self._now_ns)
        return with_same_api(file, before)


def _name_in(data: Any) -> str:
    """The name a document gives itself, "" when it gives none."""
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""


def _kinds(gathered: Gathered) -> Iterator[list[Placed[Any]]]:
    loaded = gathered.loaded
    yield [Placed(None, links) for links in (gathered.grants, gathered.bindings) if links]
    yield from (loaded.apis, loaded.groups, loaded.apps, loaded.throttling)
    yield from (loaded.signature_keys, loaded.vpc_accesses, loaded.ip_controls, loaded.backend_tls)


def _are_same(ours: list[Placed[Any]], theirs: list[Placed[Any]]) -> bool:
    return len(ours) == len(theirs) and all(map(_is_same, ours, theirs))


def _is_same(our: Placed[Any], their: Placed[Any]) -> bool:
    """An API is equal to one with another document, which is released as something else."""
    if our is their:
        return True
    same = our.object is their.object or (
        not isinstance(our.object, Api) and our.object == their.object
    )
    return same and our.report.document is their.report.document
