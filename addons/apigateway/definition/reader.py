"""A project that is read again and again: at the start, and whenever a file may have changed.

Each read comes to what a first one would, to the last problem. It looks at the stamp of every file
and reads those that changed; what they say together is looked at anew when any of it is another.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from operator import is_
from pathlib import Path
from typing import Any, Generic, TypeVar

from apigateway.definition.cache import Cache
from apigateway.definition.check import check_project
from apigateway.definition.check_variables import check_variables
from apigateway.definition.document import Document
from apigateway.definition.gather import Gathered, gather
from apigateway.definition.group_files import Memory
from apigateway.definition.links import Known, known_of, resolve_bindings, resolve_grants
from apigateway.definition.parse_links import Link, read_bindings, read_grants
from apigateway.definition.placed import Placed
from apigateway.definition.places import Known as KnownPlaces
from apigateway.definition.places import find_files
from apigateway.definition.problems import DefinitionError, DocumentReport, Problem, Report
from apigateway.definition.project import Project
from apigateway.definition.sources import Sources
from apigateway.model.app import Grant
from apigateway.model.policy import Binding
from apigateway.model.settings import GatewaySettings

T = TypeVar("T")


class ProjectReader:
    """Reads `definitions` and `policies`; relative paths in them start from the parent of
    `definitions`, and `environ` is what `env:NAME` is looked up in (the process's own when not
    given).

    Files that are `edited` are taken for what stands there, None for one that is gone: so it is
    known what a project would say before anything is written. With `cached`, the first read starts
    from what an earlier process kept beside the store. One that `resumes` takes the certificates of
    its first good read for those that an earlier process showed. Any thread may use it.
    """

    def __init__(
        self,
        definitions: Path,
        policies: Path,
        *,
        cached: bool = False,
        environ: Mapping[str, str] | None = None,
        edited: Mapping[Path, bytes | None] | None = None,
        resumes: bool = False,
    ) -> None:
        self._definitions = Path(os.path.abspath(definitions))
        self._policies = Path(os.path.abspath(policies))
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()
        self._resumes = resumes
        self._places = KnownPlaces()
        self._report = Report()
        self._edited = {} if edited is None else edited
        self._files: frozenset[Path] = frozenset()
        self._cache = Cache(self._definitions) if cached else None
        self._memory = Memory(Sources(self._edited))
        if self._cache is not None:
            self._memory.kept = self._cache.kept
        self._grants = _Links[Grant](read_grants, resolve_grants)
        self._bindings = _Links[Binding](read_bindings, resolve_bindings)
        self._last: tuple[Gathered, Project | tuple[Problem, ...]] | None = None
        self._project: Project | None = None

    @property
    def folders(self) -> tuple[Path, Path]:
        return self._definitions, self._policies

    @property
    def files(self) -> frozenset[Path]:
        """Every file that the last read looked at, whether or not it succeeded; also what documents
        name and what is not there. The very same set as long as it has the same members."""
        return self._files

    def read(self, now: datetime | None = None) -> Project:
        """The project; the very one of the read before where nothing in it is another.

        Certificates must be valid at `now`: today when not given. One that has expired while it
        was shown is warned of.

        Raises: DefinitionError with every problem.
        """
        with self._lock:
            outcome = self._read(now or datetime.now(UTC))
        if isinstance(outcome, Project):
            return outcome
        raise DefinitionError(outcome)

    def _in_use(self) -> Callable[[str], bool]:
        """Whether the text of a certificate is shown or trusted already."""
        if self._resumes and self._project is None:
            return lambda _: True
        return _certificates_of(self._project).__contains__

    def keep(self) -> None:
        """Keep for the next start what a `cached` reader has read, if it is worth it. Not to be
        waited for: it takes half a second for ten thousand APIs."""
        if self._cache is None:
            return
        with self._lock:
            due = self._cache.due(self._memory)
        if due:
            self._cache.write(due)

    def _read(self, now: datetime) -> Project | tuple[Problem, ...]:
        now_ns, report = time.time_ns(), self._report
        report.errors.clear()
        report.warnings.clear()
        places = find_files(
            self._definitions, self._policies, report, self._places, self._edited, now_ns
        )
        gathered = gather(
            places,
            report,
            self._memory,
            environ=self._environ,
            root=self._definitions.parent,
            now=now,
            now_ns=now_ns,
            in_use=self._in_use(),
            on_settings=self._open_cache,
        )
        self._follow(gathered.files)
        if self._last is not None and gathered.says_the_same(self._last[0]):
            return self._last[1]
        outcome = self._concluded(gathered)
        last, self._last = self._last, (gathered, outcome)
        if last is not None:
            _let_go(last[0].loaded.apis, last[0].loaded.of_groups)
        return outcome

    def _open_cache(self, settings: GatewaySettings) -> None:
        if self._cache is not None:
            self._cache.open(settings)

    def _follow(self, files: set[Path]) -> None:
        if files != self._files:
            self._files = frozenset(files)
            self._memory.forget_others(self._files)
            self._places.forget_others(self._files)

    def _concluded(self, gathered: Gathered) -> Project | tuple[Problem, ...]:
        """What is wrong between all that was gathered, or what it comes to."""
        loaded, settings, report = gathered.loaded, gathered.settings, gathered.report
        check_project(loaded, report)
        check_variables(loaded, settings, report)
        known = known_of(loaded)
        grants = self._grants.resolved(gathered.grants, known)
        bindings = self._bindings.resolved(gathered.bindings, known)
        if settings is None or report.errors:
            return report.in_order(report.errors)
        self._project = _with_same_parts(
            Project(
                settings=settings,
                groups=_objects(loaded.groups),
                apis=_objects(loaded.apis),
                apps=_objects(loaded.apps),
                grants=grants,
                throttling_policies=_objects(loaded.throttling),
                signature_keys=_objects(loaded.signature_keys),
                vpc_accesses=_objects(loaded.vpc_accesses),
                ip_controls=_objects(loaded.ip_controls),
                backend_tls=_objects(loaded.backend_tls),
                bindings=bindings,
                warnings=report.in_order(report.warnings),
            ),
            self._project,
        )
        return self._project


class _Links(Generic[T]):
    """Grants or bindings: the last document, what its names led to, and what came of both."""

    def __init__(
        self,
        read: Callable[[Any], Iterable[Link]],
        resolve: Callable[[Iterable[Link], Known, DocumentReport], tuple[T, ...]],
    ) -> None:
        self._read = read
        self._resolve = resolve
        self._last: tuple[Document, Known, tuple[T, ...], Report] | None = None

    def resolved(self, links: DocumentReport | None, known: Known) -> tuple[T, ...]:
        """What is wrong goes to the report of `links`."""
        if links is None:
            return ()
        document = links.document
        if self._last is None or self._last[0] is not document or self._last[1] != known:
            own = Report()
            found = self._resolve(self._read(document.data), known, own.on(document))
            self._last = document, known, found, own
        *_, found, own = self._last
        links.report.errors.extend(own.errors)
        links.report.warnings.extend(own.warnings)
        return found


def _let_go(*lists: list[Any]) -> None:
    """Empty them, one item at a time: when thousands of APIs are others, what the last read said of
    them would go away in one step, in which no other thread gets on."""
    for items in lists:
        while items:
            items.pop()


def _certificates_of(project: Project | None) -> frozenset[str]:
    """The texts of the certificates that are shown or trusted."""
    if project is None:
        return frozenset()
    shown = [
        certificate
        for group in project.groups
        for certificate in (
            group.subdomain_certificate,
            *(domain.certificate for domain in group.domains),
        )
    ]
    to_backends = [profile.certificate for profile in project.backend_tls]
    chains = [one.chain for one in (*shown, *to_backends) if one is not None]
    return frozenset([*chains, *(one.ca for one in project.backend_tls if one.ca is not None)])


def _objects(placed: list[Placed[T]]) -> tuple[T, ...]:
    return tuple(item.object for item in placed)


def _with_same_parts(project: Project, before: Project | None) -> Project:
    """`project`, each part of it the very one of `before` where it is the same; `before` itself
    where all of it is."""
    if before is None:
        return project
    parts = {part.name: getattr(project, part.name) for part in fields(project)}
    same = {
        name: old
        for name, new in parts.items()
        if _is_same(name, new, old := getattr(before, name))
    }
    return before if len(same) == len(parts) else Project(**{**parts, **same})


def _is_same(name: str, new: Any, old: Any) -> bool:
    """APIs that are equal may have other documents, which are released as something else."""
    if name == "apis":
        return len(new) == len(old) and all(map(is_, new, old))
    return bool(new == old)
