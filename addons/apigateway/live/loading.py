"""From files and store to what is served now; all of it may run beside the event loop.

What comes in while this reads is not missed: the number of the store's changes is read before
what it stands for, so the next look finds another one.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from apigateway.definition.compile import compile_catalog, replaced_parts
from apigateway.definition.problems import DefinitionError, Problem
from apigateway.definition.project import Project
from apigateway.domains.states import withdrawn_domains
from apigateway.lifecycle.start import release_at_reload, release_at_start
from apigateway.live.differences import differences, in_words
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.release import Release
from apigateway.model.settings import GatewaySettings
from apigateway.ports import DomainBindings, Releases, StoreUnavailable
from apigateway.steps import step


class Reader(Protocol):
    """Reads a project again and again; what has not changed costs next to nothing."""

    def read(self) -> Project:
        """Raises: DefinitionError."""

    def keep(self) -> None:
        """Keep for the next start what was read."""

    @property
    def files(self) -> frozenset[Path]:
        """Every file that the last read looked at, whether it succeeded or not."""


class Lived(Protocol):
    """The ports that say what is served."""

    @property
    def releases(self) -> Releases: ...
    @property
    def domain_bindings(self) -> DomainBindings: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is served. `changes` is the store's number that it was made of, `digest` is the same
    for two processes that serve the same, `released` what the load itself released.

    `differences` are between the project and the one before, `news` says in one line what is
    another, and `replaced` is what was served before and is no more. `marks` are what the digest
    is made of, by the `id` of each served API.
    """

    project: Project
    catalog: Catalog
    changes: int
    digest: str
    released: Sequence[Release]
    took_ms: float
    differences: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    news: str = ""
    replaced: list[object] = field(default_factory=list, repr=False)
    marks: Mapping[int, bytes] = field(default_factory=dict, repr=False)


def load(
    project: Project,
    store: Lived,
    before: Loaded | None,
    *,
    leads: bool,
    now_ms: int,
) -> Loaded:
    """What is to be served of `project`; `before` itself when that is what is served already.

    At a start the process that `leads` releases what is due. At a reload each process does: one of
    them is the first, and the others find nothing left to do.

    Raises:
        DefinitionError: a released document cannot be read, or a setting needs a restart.
        StoreUnavailable
    """
    began = time.perf_counter()
    released: Sequence[Release] = ()
    if before is None:
        if leads:
            released = release_at_start(store.releases, project, now_ms)
    elif project is not before.project:
        _refuse_what_needs_a_restart(before.project.settings, project.settings)
        released = release_at_reload(store.releases, before.project, project, now_ms)
    changes = store.releases.changes()
    if before is not None and project is before.project and changes == before.changes:
        return before
    current = store.releases.current()
    if before is not None and changes < before.changes and before.catalog.served and not current:
        raise StoreUnavailable(
            f"it has lost its releases (its number of changes went from {before.changes} to "
            f"{changes}); restore it, or restart the gateway to release the drafts anew"
        )
    withdrawn = withdrawn_domains(project, store.domain_bindings.all(), now_ms)
    catalog = compile_catalog(
        project, current, before=before.catalog if before else None, withdrawn=withdrawn
    )
    marks = _marks(catalog, before)
    found = differences(before.project, project) if before else {}
    return Loaded(
        project=project,
        catalog=catalog,
        changes=changes,
        digest=_digest(catalog, marks),
        released=released,
        took_ms=(time.perf_counter() - began) * 1000,
        differences=found,
        news=(in_words(found) or _news(before, catalog, changes)) if before else "",
        replaced=replaced_parts(before.catalog, catalog) if before else [],
        marks=marks,
    )


def _news(before: Loaded, catalog: Catalog, changes: int) -> str:
    """What is another where the definitions are not."""
    old = {(one.api.id, one.environment): one for one in before.catalog.served}
    new = {(one.api.id, one.environment): one for one in catalog.served}
    parts = [
        f"{new[place].group.name}/{new[place].api.name} {place[1]} is version {new[place].version}"
        for place in new
        if place not in old or old[place].version != new[place].version
    ]
    parts += [
        f"{old[place].group.name}/{old[place].api.name} {place[1]} is served no more"
        for place in old
        if place not in new
    ]
    if len(parts) > 5:
        return f"{len(parts)} APIs are served in another version"
    if not parts and before.changes == changes:
        return "files were changed that say the same"
    return "; ".join(parts) or "the store has changed"


def _refuse_what_needs_a_restart(before: GatewaySettings, after: GatewaySettings) -> None:
    """Counts and nonces of calls under way are in the store that is open."""
    if (before.store, before.redis) != (after.store, after.redis):
        what = "the store of a running gateway cannot be changed"
        mend = "stop the gateway and start it again, or take the change back"
        raise DefinitionError((Problem("definitions/gateway.yaml", 1, 1, what, mend),))
    if before.metrics != after.metrics:
        what = "the address of the metrics of a running gateway cannot be changed"
        mend = "stop the gateway and start it again, or take the change back"
        raise DefinitionError((Problem("definitions/gateway.yaml", 1, 1, what, mend),))


def _marks(catalog: Catalog, before: Loaded | None) -> Mapping[int, bytes]:
    """For each served API which version it is and what acts on it."""
    known = before.marks if before else {}
    return {id(one): known.get(id(one)) or _mark(one) for one in catalog.served}


def _mark(one: ServedApi) -> bytes:
    what = (
        one.api.id,
        one.environment.value,
        one.version,
        sorted(one.granted),
        one.throttling,
        one.signature_key and one.signature_key.key,
        one.ip_control,
    )
    return repr(what).encode()


def _digest(catalog: Catalog, marks: Mapping[int, bytes]) -> str:
    """Twelve hex digits for which versions are served and what acts on them."""
    digest = hashlib.sha256()
    for one in catalog.served:
        step()
        digest.update(marks[id(one)])
    digest.update(repr(sorted(catalog.domains)).encode())
    digest.update(repr(sorted((app.id, key) for key, app in catalog.apps.items())).encode())
    digest.update(repr(catalog.settings).encode())
    return digest.hexdigest()[:12]
