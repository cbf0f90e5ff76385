"""What a list of changes comes to, given what a store has on record: the rules of every store."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apigateway.model.audit import AuditEntry
from apigateway.model.release import Abolish, Change, Conflict, Publish, Release, Switch
from apigateway.ports import NoSuchVersion, ReleasedMeanwhile
from apigateway.store.canonical import canonical

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_ACTIONS: tuple[tuple[type[Change], str], ...] = (
    (Publish, "release"),
    (Switch, "switch"),
    (Abolish, "abolish"),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Why, by whom and when changes are made."""

    note: str
    by: str
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """What is on record of one API and environment. Versions are "" where there is none.

    `last` is the newest version ever released. `is_known` matters to a Switch only: whether its
    version was ever released.
    """

    served: str = ""
    last: str = ""
    is_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change with the version that is served before and after it ("" for none)."""

    change: Change
    before: str
    after: str

    @property
    def changes_something(self) -> bool:
        return self.before != self.after

    @property
    def action(self) -> str:
        return next(action for kind, action in _ACTIONS if isinstance(self.change, kind))


def place_of(change: Change) -> tuple[str, str]:
    """Where versions are counted and one of them is served: the API's id and the environment."""
    return change.api_id, change.environment.value


def texts_of(changes: Sequence[Change]) -> list[str]:
    """The documents that `changes` publish, as canonical JSON; "" for other changes.

    Raises:
        TypeError: something is no change, or a document is not plain JSON data.
        ValueError: likewise, or two changes are of one API and environment.
    """
    places: set[tuple[str, str]] = set()
    texts = []
    for change in changes:
        if not any(isinstance(change, kind) for kind, _ in _ACTIONS):
            raise TypeError(f"{type(change).__name__} is no change that can be made")
        if place_of(change) in places:
            raise ValueError(
                f"two changes of {change.group}/{change.api} in {change.environment} in one step"
            )
        places.add(place_of(change))
        texts.append(canonical(change.document) if isinstance(change, Publish) else "")
    return texts


def decide(changes: Sequence[Change], on_record: Sequence[OnRecord], now_ms: int) -> list[Step]:
    """What each change comes to; `on_record` in their order.

    Raises:
        ReleasedMeanwhile: with every change whose expectation is not met.
        NoSuchVersion: with every version that a Switch asks for in vain.
    """
    both = list(zip(changes, on_record, strict=True))
    conflicts = [found for change, record in both if (found := _conflict(change, record))]
    if conflicts:
        raise ReleasedMeanwhile(*conflicts)
    unknown = [
        f"{change.group}/{change.api} has no version {change.version} in {change.environment}"
        for change, record in both
        if isinstance(change, Switch) and not record.is_known
    ]
    if unknown:
        raise NoSuchVersion("; ".join(unknown))
    now = stamp(now_ms)
    return [
        Step(change=change, before=record.served, after=_after(change, record, now))
        for change, record in both
    ]


def _conflict(change: Change, record: OnRecord) -> Conflict | None:
    if change.served is not None and change.served != record.served:
        return Conflict(change=change, expected=change.served, found=record.served)
    if isinstance(change, Publish) and change.after is not None and change.after != record.last:
        return Conflict(change=change, expected=change.after, found=record.last)
    return None


def _after(change: Change, record: OnRecord, now: str) -> str:
    if isinstance(change, Publish):
        return version_after(record.last, now)
    return change.version if isinstance(change, Switch) else ""


def stamp(at_ms: int) -> str:
    """A time as `yyyyMMddHHmmssSSS` in UTC."""
    moment = _EPOCH + at_ms * _MILLISECOND
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def version_after(last: str, now: str) -> str:
    """The version of a release at the time that the stamp `now` says, always above `last`.

    On a tie, or with a clock that went back, it is the millisecond after `last`.
    """
    if now > last:
        return now
    if not last.endswith("999"):
        return f"{last[:-3]}{int(last[-3:]) + 1:03}"
    # %f takes three digits for milliseconds.
    before = datetime.strptime(last, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    return stamp((before - _EPOCH) // _MILLISECOND + 1)


def published(step: Step, text: str, origin: Origin) -> Release:
    """The release that a Publish makes; `text` is its document."""
    change = step.change
    return Release(
        api_id=change.api_id,
        group=change.group,
        api=change.api,
        environment=change.environment,
        version=step.after,
        note=origin.note,
        released_by=origin.by,
        released_ms=origin.now_ms,
        document=json.loads(text),
    )


def entry_of(step: Step, origin: Origin) -> AuditEntry:
    """What the audit log says of a step."""
    return AuditEntry(
        at_ms=origin.now_ms,
        by=origin.by,
        action=step.action,
        subject=f"{step.change.group}/{step.change.api}",
        environment=step.change.environment.value,
        note=origin.note,
        before=_versioned(step.before),
        after=_versioned(step.after),
    )


def _versioned(version: str) -> dict[str, Any] | None:
    return {"version": version} if version else None


def by_name(release: Release) -> tuple[str, str, str]:
    """The order in which releases that are served are listed."""
    return release.group, release.api, release.environment
