"""What a release would break, and for whom.

What is released is held against the drafts in what they mean, and the routes of an environment
before the release against those after it. Grants, bindings, keys, policies and a group's base
path act at once and are those of today on both sides.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from apigateway.definition.project import Project
from apigateway.lifecycle.breaking.auth import effects_of_auth
from apigateway.lifecycle.breaking.backend import effects_of_backend
from apigateway.lifecycle.breaking.finding import Effect, Finding, Severity, breaking, notice
from apigateway.lifecycle.breaking.leftovers import (
    idle_grants,
    out_of_reach,
    undeclared,
    unused_policies,
)
from apigateway.lifecycle.breaking.parameters import (
    effects_of_body,
    effects_of_mode,
    effects_of_parameters,
)
from apigateway.lifecycle.breaking.routes import (
    Route,
    Tables,
    effects_of_route,
    left_by_any,
    obstacles,
    route_of,
    tables_of,
    taken_calls,
)
from apigateway.lifecycle.compare import Comparison, State, field_text
from apigateway.model.api import Api
from apigateway.model.group import Environment, Group
from apigateway.model.release import Release

_ORDER = (Severity.OBSTACLE, Severity.BREAKING, Severity.NOTICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An environment before and after a release: the definitions served there, by API id, and
    those that the release changes. What this version cannot read is not among them.

    `routes_before` and `routes_after` are those of groups in which something changes; `granted`
    are the apps that may call there, by group/API, in the order of the grants.
    """

    project: Project
    groups: Mapping[str, Group]
    environment: Environment
    before: Mapping[str, Api]
    after: Mapping[str, Api]
    changed: frozenset[str]
    routes_before: Sequence[Route]
    routes_after: Sequence[Route]
    granted: Mapping[str, Sequence[str]]


def standing_of(
    project: Project,
    environment: Environment,
    compared: Iterable[Comparison],
    chosen: Collection[str],
) -> Standing:
    """`compared` is every draft of the project, `chosen` the ids of those to release."""
    before: dict[str, Api] = {}
    after: dict[str, Api] = {}
    changed = set()
    for one in compared:
        if one.draft is None:
            continue
        if one.released is not None:
            before[one.draft.id] = one.released
        if one.draft.id in chosen and one.state in (State.NEW, State.CHANGED):
            after[one.draft.id] = one.draft
            changed.add(one.draft.id)
        elif one.released is not None:
            after[one.draft.id] = one.released
    groups = {group.name: group for group in project.groups}
    touched = {served[one].group for served in (before, after) for one in changed & served.keys()}
    routes_before = {
        one: route_of(api, groups) for one, api in before.items() if api.group in touched
    }
    routes_after = [
        routes_before[one] if before.get(one) is api else route_of(api, groups)
        for one, api in after.items()
        if api.group in touched
    ]
    return Standing(
        project=project,
        groups=groups,
        environment=environment,
        before=before,
        after=after,
        changed=frozenset(changed),
        routes_before=list(routes_before.values()),
        routes_after=routes_after,
        granted=_granted(project, environment),
    )


def _granted(project: Project, environment: Environment) -> dict[str, list[str]]:
    granted: dict[str, list[str]] = {}
    for grant in project.grants:
        if grant.environment is environment:
            granted.setdefault(f"{grant.group}/{grant.api}", []).append(grant.app)
    return granted


def find_obstacles(standing: Standing) -> list[Finding]:
    """What stands against the release; there may be none."""
    routes = standing.routes_after
    return list(obstacles(routes, standing.changed, standing.groups, standing.environment))


def find_impact(
    standing: Standing, compared: Sequence[Comparison], releases: Sequence[Release]
) -> list[Finding]:
    """Everything that whoever releases should know, the worst first for each API; what is about
    no API comes last."""
    chosen, environment, project = standing.changed, standing.environment, standing.project
    served = standing.after.values()
    routes = standing.routes_after
    found = [
        *find_obstacles(standing),
        *_of_apis(standing, compared, tables_of(standing.routes_before), tables_of(routes)),
        *_taken(standing),
        *left_by_any(routes, chosen),
        *out_of_reach(project, served, chosen, environment),
    ]
    turns = {one.name: turn for turn, one in enumerate(compared)}
    found.sort(key=lambda one: (turns[one.subject], _ORDER.index(one.severity)))
    return [
        *found,
        *undeclared(project, releases, environment),
        *idle_grants(project, served, environment),
        *unused_policies(project, releases),
    ]


def _of_apis(
    standing: Standing, compared: Iterable[Comparison], was: Tables, will_be: Tables
) -> Iterator[Finding]:
    for one in compared:
        if one.state is not State.CHANGED or one.draft is None or one.release is None:
            continue
        if one.draft.id not in standing.changed:
            continue
        if one.released is None:
            what = (
                f"version {one.release.version} cannot be read by this version of the gateway: "
                "what changes for callers is not known"
            )
            yield _finding(standing, one, breaking((), what), one.draft)
        else:
            before, after = one.released, one.draft
            effects = chain(
                effects_of_route(before, after, standing.groups, was, will_be),
                _effects_of_definition(before, after),
                effects_of_backend(one.changes),
            )
            for effect in effects:
                yield _finding(standing, one, effect, before)


def _effects_of_definition(before: Api, after: Api) -> Iterator[Effect]:
    yield from _effects_of_name(before, after)
    yield from _effects_of_protocols(before, after)
    yield from effects_of_auth(before, after)
    yield from effects_of_mode(before, after)
    yield from effects_of_parameters(before, after)
    yield from effects_of_body(before, after)


def _finding(standing: Standing, one: Comparison, effect: Effect, before: Api) -> Finding:
    callers, anyone = callers_of(standing, before, one.name)
    return Finding(
        severity=effect.severity,
        subject=one.name,
        field=field_text(effect.path),
        what=effect.what,
        callers=callers,
        anyone=anyone,
    )


def _effects_of_name(before: Api, after: Api) -> Iterator[Effect]:
    if before.name != after.name:
        what = f"was {before.name}; grants and bindings go by the name"
        yield notice(("name",), what)


def _effects_of_protocols(before: Api, after: Api) -> Iterator[Effect]:
    for protocol in sorted(before.request.protocols - after.request.protocols):
        yield breaking(("request", "protocols"), f"calls over {protocol} are refused")


def callers_of(standing: Standing, before: Api, name: str) -> tuple[tuple[str, ...], bool]:
    """Who calls what is served as `before`, and is declared as `name` (group/API): the apps with
    a grant, in the order of the grants, or anyone."""
    if not before.auth.type.asks_for_app:
        return (), True
    names = dict.fromkeys((f"{before.group}/{before.name}", name))
    apps = (app for one in names for app in standing.granted.get(one, ()))
    return tuple(dict.fromkeys(apps)), False


def _taken(standing: Standing) -> Iterator[Finding]:
    """Calls that go to another API, told of the one that is released."""
    for taken in taken_calls(standing.routes_before, standing.routes_after):
        loser, winner = (f"{api.group}/{api.name}" for api in (taken.loser, taken.winner))
        callers, anyone = callers_of(standing, taken.loser, loser)
        calls = f"{taken.methods} {taken.path}"
        is_of_winner = taken.winner.id in standing.changed
        what = f"goes to it, and went to {loser}" if is_of_winner else f"goes to {winner}"
        yield Finding(
            severity=Severity.NOTICE,
            subject=winner if is_of_winner else loser,
            field="request.path",
            what=f"{calls} {what}",
            callers=callers,
            anyone=anyone,
        )
