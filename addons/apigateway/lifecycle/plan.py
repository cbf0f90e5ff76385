"""A plan: what a release would do, written down before it is made.

It says for each API which version was served and which draft was looked at, so that what is
carried out is what was planned, or nothing.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apigateway.definition.project import Project
from apigateway.lifecycle.breaking.finding import Finding, Severity
from apigateway.lifecycle.compare import (
    MISSING,
    Comparison,
    FieldChange,
    State,
    compare_all,
    plain_change,
)
from apigateway.lifecycle.impact import find_impact, standing_of
from apigateway.lifecycle.start import publishing
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.release import Publish, Release

FORMAT = 1


class Action(StrEnum):
    """CREATE: nothing of the API is served. NONE: the draft means what is served."""

    CREATE = "create"
    UPDATE = "update"
    NONE = "none"


class NotAPlan(ValueError):
    """A document that is no plan of this version; the text says why."""


class DraftChanged(Exception):
    """Drafts are not those that were planned any more; `names` are their APIs."""

    def __init__(self, *names: str) -> None:
        super().__init__(
            f"since the plan was made, the draft of {', '.join(names)} was edited or removed"
        )
        self.names = names


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedApi:
    """`served` is the version served when it was planned, "" for none; `digest` is the draft's;
    `changes` are of an UPDATE."""

    api_id: str
    group: str
    api: str
    action: Action
    served: str
    digest: str
    changes: tuple[FieldChange, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.group}/{self.api}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    environment: Environment
    apis: tuple[PlannedApi, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def due(self) -> tuple[PlannedApi, ...]:
        """What there is to release."""
        return tuple(one for one in self.apis if one.action is not Action.NONE)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity is severity)


def digest_of(document: Mapping[str, Any]) -> str:
    """The same for the same data, however it is ordered."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_plan(
    project: Project,
    current: Sequence[Release],
    environment: Environment,
    apis: Sequence[Api],
) -> Plan:
    """What a release of `apis` (drafts of the project) would do; `current` is all that is served
    in every environment."""
    chosen = {api.id for api in apis}
    compared = compare_all(project, current, environment)
    standing = standing_of(project, environment, compared, chosen)
    return Plan(
        environment=environment,
        apis=tuple(_planned(compared, chosen)),
        findings=tuple(find_impact(standing, compared, current)),
    )


_ACTIONS = {
    State.NEW: Action.CREATE,
    State.CHANGED: Action.UPDATE,
    State.SAME: Action.NONE,
}


def _planned(compared: Sequence[Comparison], chosen: Collection[str]) -> Iterator[PlannedApi]:
    for one in compared:
        if one.draft is None or one.draft.id not in chosen:
            continue
        yield PlannedApi(
            api_id=one.draft.id,
            group=one.draft.group,
            api=one.draft.name,
            action=_ACTIONS[one.state],
            served="" if one.release is None else one.release.version,
            digest=digest_of(one.draft.document),
            changes=one.changes,
        )


def changes_of(plan: Plan, project: Project) -> list[Publish]:
    """What carries the plan out: only while the versions served are those that it found.

    Raises:
        DraftChanged: a draft is not the one that was planned.
    """
    drafts = {api.id: api for api in project.apis}
    changes, changed = [], []
    for one in plan.due:
        draft = drafts.get(one.api_id)
        if draft is None or digest_of(draft.document) != one.digest or draft.group != one.group:
            changed.append(one.name)
        else:
            changes.append(publishing(draft, plan.environment, served=one.served))
    if changed:
        raise DraftChanged(*changed)
    return changes


def plan_to_json(plan: Plan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "environment": plan.environment.value,
        "apis": [
            {
                "api_id": one.api_id,
                "group": one.group,
                "api": one.api,
                "action": one.action.value,
                "served": one.served,
                "digest": one.digest,
                "changes": [plain_change(change) for change in one.changes],
            }
            for one in plan.apis
        ],
        "findings": [plain_finding(one) for one in plan.findings],
    }


def plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "subject": finding.subject,
        "field": finding.field,
        "what": finding.what,
        "callers": list(finding.callers),
        "anyone": finding.anyone,
    }


def plan_from_json(data: Any) -> Plan:
    """
    Raises:
        NotAPlan
    """
    if not isinstance(data, dict) or "format" not in data:
        raise NotAPlan("it is no plan: write one with apigateway plan --out")
    if data["format"] != FORMAT:
        raise NotAPlan(f"it is of format {data['format']!r}, and this version reads {FORMAT}")
    try:
        return Plan(
            environment=Environment(data["environment"]),
            apis=tuple(_planned_from(one) for one in data["apis"]),
            findings=tuple(_finding_from(one) for one in data["findings"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise NotAPlan(f"it is damaged ({type(problem).__name__}: {problem})") from None


def _planned_from(data: Any) -> PlannedApi:
    texts = {name: _text(data[name]) for name in ("api_id", "group", "api", "served", "digest")}
    changes = tuple(
        FieldChange(
            path=tuple(_key(key) for key in one["path"]),
            before=one.get("before", MISSING),
            after=one.get("after", MISSING),
        )
        for one in data["changes"]
    )
    return PlannedApi(**texts, action=Action(data["action"]), changes=changes)


def _finding_from(data: Any) -> Finding:
    return Finding(
        severity=Severity(data["severity"]),
        subject=_text(data["subject"]),
        field=_text(data["field"]),
        what=_text(data["what"]),
        callers=tuple(_text(one) for one in data["callers"]),
        anyone=data["anyone"] is True,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _key(value: Any) -> str | int:
    return value if isinstance(value, int) else _text(value)
