"""Releases, audit log, domain bindings and workers without a file, for any number of threads."""

import threading
from collections.abc import Mapping, Sequence

from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Environment
from apigateway.model.release import Change, Publish, Release, Switch
from apigateway.model.worker import WorkerStatus
from apigateway.store.canonical import canonical
from apigateway.store.release_changes import (
    OnRecord,
    Origin,
    Step,
    by_name,
    decide,
    entry_of,
    place_of,
    published,
    texts_of,
)
from apigateway.store.workers import KEPT_MS


class MemoryAudit:
    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    def write(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            canonical([entry.before, entry.after])
        self._entries.extend(entries)

    def entries(
        self, *, subject: str = "", action: str = "", limit: int = 100
    ) -> Sequence[AuditEntry]:
        found = [
            entry
            for entry in reversed(self._entries)
            if action in ("", entry.action)
            and (subject in ("", entry.subject) or entry.subject.startswith(f"{subject}/"))
        ]
        return found[: max(0, limit)]


class MemoryReleases:
    def __init__(self, audit: MemoryAudit) -> None:
        self._lock = threading.Lock()
        self._audit = audit
        self._released: dict[tuple[str, str], dict[str, Release]] = {}
        self._in_order: list[Release] = []
        self._served: dict[tuple[str, str], Release] = {}
        self._changes = 0

    def apply(
        self, changes: Sequence[Change], *, note: str, by: str, now_ms: int
    ) -> Sequence[Release | None]:
        texts, origin = texts_of(changes), Origin(note, by, now_ms)
        with self._lock:
            steps = decide(changes, [self._on_record(change) for change in changes], now_ms)
            for step, text in zip(steps, texts, strict=True):
                self._take(step, text, origin)
            moved = [step for step in steps if step.changes_something]
            self._audit.write([entry_of(step, origin) for step in moved])
            self._changes += bool(moved)
            return [self._served.get(place_of(change)) for change in changes]

    def _on_record(self, change: Change) -> OnRecord:
        place = place_of(change)
        served, released = self._served.get(place), self._released.get(place, {})
        return OnRecord(
            served=served.version if served else "",
            last=max(released, default=""),
            is_known=isinstance(change, Switch) and change.version in released,
        )

    def _take(self, step: Step, text: str, origin: Origin) -> None:
        place = place_of(step.change)
        if isinstance(step.change, Publish):
            release = published(step, text, origin)
            self._released.setdefault(place, {})[step.after] = release
            self._in_order.append(release)
        if step.after:
            self._served[place] = self._released[place][step.after]
        else:
            self._served.pop(place, None)

    def current(self) -> Sequence[Release]:
        with self._lock:
            return sorted(self._served.values(), key=by_name)

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        with self._lock:
            return [
                release
                for release in reversed(self._in_order)
                if release.api_id == api_id and environment in (None, release.environment)
            ]

    def last_versions(self) -> Mapping[tuple[str, Environment], str]:
        with self._lock:
            return {
                (api_id, Environment(environment)): max(released)
                for (api_id, environment), released in self._released.items()
            }

    def at(self, api_id: str, environment: Environment, version: str) -> Release | None:
        return self._released.get((api_id, environment.value), {}).get(version)

    def announce(self) -> None:
        with self._lock:
            self._changes += 1

    def changes(self) -> int:
        return self._changes


class MemoryDomainBindings:
    def __init__(self, releases: MemoryReleases) -> None:
        self._releases = releases
        self._bindings: dict[str, DomainBinding] = {}

    def all(self) -> Sequence[DomainBinding]:
        return sorted(self._bindings.copy().values(), key=lambda binding: binding.domain)

    def record(self, bindings: Sequence[DomainBinding]) -> None:
        self._bindings.update((binding.domain, binding) for binding in bindings)
        if bindings:
            self._releases.announce()

    def forget(self, domains: Sequence[str]) -> None:
        for domain in domains:
            self._bindings.pop(domain, None)
        if domains:
            self._releases.announce()


class MemoryWorkers:
    def __init__(self) -> None:
        self._statuses: dict[tuple[str, int], WorkerStatus] = {}

    def report(self, status: WorkerStatus) -> None:
        kept = {
            name: other
            for name, other in self._statuses.copy().items()
            if other.seen_ms >= status.seen_ms - KEPT_MS
        }
        self._statuses = {**kept, (status.machine, status.process): status}

    def statuses(self) -> Sequence[WorkerStatus]:
        return sorted(
            self._statuses.copy().values(), key=lambda one: (one.number, one.process, one.machine)
        )

    def forget(self, machine: str, process: int) -> None:
        self._statuses.pop((machine, process), None)
