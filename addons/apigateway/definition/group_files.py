"""The APIs of one folder, read again and again.

Their files are looked at each time. What they come to together is put together anew only when one
of them is another, or what they take from their group.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import is_
from pathlib import Path

from apigateway.definition.api_file import (
    ApiFile,
    KeptApi,
    home_of,
    read_api_file,
    restored,
    with_id,
    with_same_api,
)
from apigateway.definition.document import Document
from apigateway.definition.placed import ApisOfGroup
from apigateway.definition.places import GroupPlaces, Place
from apigateway.definition.problems import Problem, Report
from apigateway.definition.sources import Seen, Source, Sources
from apigateway.model.group import Group
from apigateway.steps import step


@dataclass(frozen=True, slots=True, eq=False)
class GroupFiles:
    """`home` and `owner` are those of each `ApiFile`; `names` are also of APIs that could not be
    read, `paths` of every file that was looked at."""

    places: GroupPlaces
    home: str
    owner: tuple[str, str]
    sources: list[Source]
    files: list[ApiFile]
    apis: ApisOfGroup
    names: set[str]
    paths: set[Path]
    errors: list[Problem]
    warnings: list[Problem]

    def holds(
        self, places: GroupPlaces, home: str, owner: tuple[str, str], sources: list[Source]
    ) -> bool:
        """Whether putting it together again would give the same."""
        return (
            self.places is places
            and (self.home, self.owner) == (home, owner)
            and all(map(is_, self.sources, sources))
            and all(file.holds(file.source, home) for file in self.files if file.beside)
        )


@dataclass(slots=True)
class Memory:
    """What was read so far, by path. `kept` says what an earlier process read of an API's file."""

    sources: Sources = field(default_factory=Sources)
    apis: dict[Path, ApiFile] = field(default_factory=dict)
    groups: dict[str, GroupFiles] = field(default_factory=dict)
    kept: Callable[[Place], tuple[Seen, KeptApi] | None] = lambda _: None

    def forget_others(self, files: frozenset[Path]) -> None:
        """Only `files` are there by now."""
        for path in self.sources.seen.keys() - files:
            del self.sources.seen[path]
        for path in self.apis.keys() - files:
            del self.apis[path]
        for folder, group in list(self.groups.items()):
            if not any(place.path in files for place in group.places.apis):
                del self.groups[folder]


def read_group_files(
    places: GroupPlaces, group: Group, account: str, memory: Memory, report: Report, now_ns: int
) -> GroupFiles:
    """What is wrong between the APIs and others later goes to `report`; `now_ns` is a moment of the
    clock before the call."""
    home, owner = home_of(group), (account, group.region)
    before = memory.groups.get(places.folder)
    kept = _recalled(places, memory) if before is None else {}
    sources = list(_sources(places, memory, now_ns))
    if before is not None and before.holds(places, home, owner, sources):
        return before
    errors = [problem for source in sources for problem in source.problems]
    names, files = set(), []
    for place, source in zip(places.apis, sources, strict=True):
        step()
        if source.document is None:
            continue
        names.add(name_in(source.document))
        known = memory.apis.get(place.path)
        if (api := kept.get(place.path)) is not None and api.source is source and api.home == home:
            known = restored(api, group, account)
        if known is not None and known.holds(source, home):
            file = with_id(known, group, account)
        else:
            file = with_same_api(read_api_file(source, group, home, account, now_ns), known)
        file.report_to(report)
        memory.apis[place.path] = file
        files.append(file)
    found = memory.groups[places.folder] = GroupFiles(
        places=places,
        home=home,
        owner=owner,
        sources=sources,
        files=files,
        apis=ApisOfGroup(
            group.name,
            [file.placed for file in files if file.placed is not None],
            [one for file in files for one in file.resolved],
        ),
        names=names - {""},
        paths={place.path for place in places.apis}.union(*(file.beside for file in files)),
        errors=errors + [problem for file in files for problem in file.errors],
        warnings=[problem for file in files for problem in file.warnings],
    )
    return found


def _sources(places: GroupPlaces, memory: Memory, now_ns: int) -> Iterator[Source]:
    for place in places.apis:
        step()
        yield memory.sources.at(place, now_ns)


def _recalled(places: GroupPlaces, memory: Memory) -> dict[Path, KeptApi]:
    """What an earlier process read of the files that this one looks at for the first time."""
    found = {}
    for place in places.apis:
        if place.path not in memory.sources.seen and (known := memory.kept(place)) is not None:
            memory.sources.seen[place.path], found[place.path] = known
    return found


def name_in(document: Document) -> str:
    """The name a document gives itself, "" when it gives none."""
    name = document.data.get("name") if isinstance(document.data, dict) else None
    return name if isinstance(name, str) else ""
