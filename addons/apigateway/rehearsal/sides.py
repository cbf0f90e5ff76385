"""What is live and what would be: two catalogs that share all that the candidate leaves as it is.

Grants, bindings, keys and policies act at once and are those of today on both sides.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from apigateway.cors import ASKED_METHOD
from apigateway.definition.compile import compile_catalog
from apigateway.definition.parse import parse_api
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.errors import Refusal
from apigateway.lifecycle.compare import State, compare_all
from apigateway.model.api import Api
from apigateway.model.app import Grant
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import Releases
from apigateway.reception import CallerRequest
from apigateway.signatures.caller import STAGE
from apigateway.stages.routing import environment_of

Table = tuple[str, Environment]
"""The routes of a group, by its id, in an environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """`changed` are the APIs that the candidate serves otherwise, `removed` those that are
    released and not declared any more, as group/API; `touched` is where calls may end otherwise.
    """

    live: Catalog
    candidate: Catalog
    environment: Environment
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    touched: frozenset[Table]

    def may_differ(self, request: CallerRequest) -> bool:
        """Whether the request is for a group and an environment that the candidate touches. Any
        other meets the same APIs on both sides."""
        bound = self.live.domains.get(request.host)
        if bound is None:
            return False
        group = bound.group.id
        if request.method == "OPTIONS" and ASKED_METHOD in request.headers:
            return any(touched == group for touched, _ in self.touched)  # it names no environment
        try:
            asked_for = environment_of(bound, request.headers.first(STAGE))
        except Refusal:
            return False
        return (group, asked_for) in self.touched


def drafts_released(
    project: Project,
    current: Sequence[Release],
    environment: Environment,
    chosen: Collection[str],
) -> list[Release]:
    """What a release of the drafts with these ids would make: nothing for a draft that means what
    is served."""
    return [
        Release.of_draft(one.draft, environment)
        for one in compare_all(project, current, environment)
        if one.draft is not None and one.draft.id in chosen and one.state is not State.SAME
    ]


def version_switched_to(
    releases: Releases, apis: Iterable[Api], environment: Environment, version: str
) -> list[Release]:
    """That version of each API that has it."""
    found = (releases.at(api.id, environment, version) for api in apis)
    return [release for release in found if release is not None]


def sides_of(
    project: Project,
    current: Sequence[Release],
    changes: Sequence[Release],
    environment: Environment,
    *,
    withdrawn: Collection[str] = (),
    with_removed: bool,
) -> Sides:
    """`current` is all that is served, `changes` what `environment` would serve in its place.

    With `with_removed`, an API that is released there and declared no more is taken to be live,
    with a grant for every app: its own grants are gone.

    Raises:
        DefinitionError: a released document that this version cannot read.
    """
    removed = _removed(project, current, environment) if with_removed else []
    before = _with_removed(project, removed, environment) if removed else project
    live = compile_catalog(before, current, withdrawn=withdrawn)
    changing = {one.api_id for one in changes}
    kept = [
        one for one in current if one.environment is not environment or one.api_id not in changing
    ]
    candidate = compile_catalog(project, [*kept, *changes], live, withdrawn)
    served = {(one.api_id, one.environment): one.version for one in current}
    return Sides(
        live=live,
        candidate=candidate,
        environment=environment,
        changed=tuple(
            f"{one.group}/{one.api}"
            for one in changes
            if served.get((one.api_id, environment)) != one.version
        ),
        removed=tuple(f"{api.group}/{api.name}" for api in removed),
        touched=frozenset(_touched(live, candidate)),
    )


def _touched(live: Catalog, candidate: Catalog) -> Iterable[Table]:
    tables = live.routes.keys() | candidate.routes.keys()
    for table in tables:
        _, environment = table
        same_keys = live.key_rings[environment] is candidate.key_rings[environment]
        if not same_keys or live.routes.get(table) is not candidate.routes.get(table):
            yield table


def _removed(project: Project, current: Iterable[Release], environment: Environment) -> list[Api]:
    """The APIs that are released and declared no more, of groups that there still are."""
    declared = {api.id for api in project.apis}
    groups = {group.name: group for group in project.groups}
    found = []
    for release in current:
        group = groups.get(release.group)
        if release.environment is environment and release.api_id not in declared and group:
            try:
                api = parse_api(release.document, group=group, account=project.settings.account)
            except DefinitionError:  # nor could a gateway of this version have served it
                continue
            found.append(replace(api, id=release.api_id))
    return found


def _with_removed(project: Project, removed: Sequence[Api], environment: Environment) -> Project:
    granted = [
        Grant(app=app.name, group=api.group, api=api.name, environment=environment)
        for api in removed
        for app in project.apps
    ]
    return replace(project, apis=(*project.apis, *removed), grants=(*project.grants, *granted))
