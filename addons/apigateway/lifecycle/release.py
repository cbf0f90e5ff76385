"""Carry out a plan: all of it at once, or nothing.

Guide, "API release management": a release overwrites the version before and takes effect in real
time.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from apigateway.definition.project import Project
from apigateway.lifecycle.breaking.finding import Finding
from apigateway.lifecycle.compare import compare_all
from apigateway.lifecycle.impact import find_obstacles, standing_of
from apigateway.lifecycle.plan import Plan, changes_of
from apigateway.model.release import Conflict, Publish, Release
from apigateway.ports import Audit, ReleasedMeanwhile, Releases

MOST_NOTE = 180
"""Characters of a release's note (reference: protocol 7, `Description` of DeployApi)."""

_ACTIONS = {"release": "released", "switch": "switched to", "abolish": "abolished"}


class Obstructed(Exception):
    """What stands against a release; nothing was changed."""

    def __init__(self, *obstacles: Finding) -> None:
        super().__init__("; ".join(f"{one.subject}: {one.what}" for one in obstacles))
        self.obstacles = obstacles


def fault_of_note(note: str) -> str:
    """What is wrong with a release's note, "" for nothing."""
    if not note.strip():
        return "says nothing: write what changes, for the history"
    if len(note) > MOST_NOTE:
        return f"has {len(note)} characters, and at most {MOST_NOTE} are kept"
    return ""


def carry_out(
    plan: Plan, project: Project, releases: Releases, *, note: str, by: str, now_ms: int
) -> Sequence[Release]:
    """The versions that are served from now on, in the order of the plan; none where there was
    nothing to do.

    Raises:
        ReleasedMeanwhile: what is served is not what was planned on.
        DraftChanged: a draft is not what was planned.
        Obstructed: served together, the APIs would get in each other's way.
        ValueError: the note is empty or too long.
        StoreUnavailable

    Whichever is raised, nothing was changed.
    """
    if fault := fault_of_note(note):
        raise ValueError(f"the note {fault}")
    current = releases.current()
    changes = refuse_overtaken(plan, project, current)
    if not changes:
        return ()
    chosen = {change.api_id for change in changes}
    compared = compare_all(project, current, plan.environment)
    if found := find_obstacles(standing_of(project, plan.environment, compared, chosen)):
        raise Obstructed(*found)
    made = releases.apply(changes, note=note, by=by, now_ms=now_ms)
    return [release for release in made if release is not None]


def refuse_overtaken(plan: Plan, project: Project, current: Sequence[Release]) -> Sequence[Publish]:
    """The changes of a plan that nothing has overtaken so far.

    Raises:
        ReleasedMeanwhile, DraftChanged
    """
    served = {one.api_id: one.version for one in current if one.environment is plan.environment}
    changes = changes_of(plan, project)
    conflicts = [
        Conflict(change=change, expected=change.served or "", found=found)
        for change in changes
        if (found := served.get(change.api_id, "")) != change.served
    ]
    if conflicts:
        raise ReleasedMeanwhile(*conflicts)
    return changes


def who_overtook(conflict: Conflict, releases: Releases, audit: Audit) -> str:
    """Who did what with the API meanwhile, by the audit log or else the history; "" where neither
    says it."""
    change = conflict.change
    for entry in audit.entries(subject=f"{change.group}/{change.api}"):
        if entry.environment != change.environment or entry.action not in _ACTIONS:
            continue
        version = entry.after.get("version", "") if isinstance(entry.after, dict) else ""
        if version != conflict.found:
            break
        what = " ".join(filter(None, (_ACTIONS[entry.action], version)))
        return _told(entry.by, what, entry.at_ms, entry.note)
    found = releases.at(change.api_id, change.environment, conflict.found)
    if found is None:
        return ""
    return _told(found.released_by, f"released {found.version}", found.released_ms, found.note)


def _told(by: str, what: str, at_ms: int, note: str) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{by} {what} at {at:%Y-%m-%d %H:%M:%S} UTC" + (f": {note}" if note else "")
