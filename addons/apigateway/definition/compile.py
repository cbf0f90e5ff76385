"""From what is declared and what was released to the one Catalog that calls are decided by."""

from collections import defaultdict
from collections.abc import Iterable

from apigateway.backend_names import own_names
from apigateway.backend_tls import tls_profile
from apigateway.definition.parse import parse_api
from apigateway.definition.project import Project
from apigateway.documents import DocumentSchema
from apigateway.matching import PathPattern, RouteTable, parse_pattern
from apigateway.model.api import Api, MockBackend
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi
from apigateway.model.group import Environment, Group
from apigateway.model.openid import TokenIssuer
from apigateway.model.policy import PolicyKind
from apigateway.model.release import Release
from apigateway.openid import KeyRing
from apigateway.parameters import compile_rule

Place = tuple[str, str, Environment]
"""An API in an environment: (group name, API name, environment)."""


def compile_catalog(project: Project, releases: Iterable[Release]) -> Catalog:
    """The catalog of what is released, with today's grants, bindings, keys and policies.

    A release of an API that is no longer declared is not served: its grants, bindings and
    policies went with the declaration, and without them it would be open.

    Raises:
        DefinitionError: a released document that this version cannot read.
    """
    groups = {group.name: group for group in project.groups}
    drafts = {api.id: api for api in project.apis}
    bindings = _Bindings(project)
    routes: dict[tuple[str, Environment], RouteTable[ServedApi]] = {}
    served: list[ServedApi] = []
    for release in releases:
        group = groups.get(release.group)
        api = drafts.get(release.api_id)
        if group is None or api is None:
            continue
        if api.document != release.document:
            api = parse_api(release.document, group=group, account=project.settings.account)
        one = bindings.serve(api, group, release)
        table = routes.setdefault((group.id, release.environment), RouteTable())
        table.add(api.request.method, _pattern_of(api, group), one)
        served.append(one)
    return Catalog(
        settings=project.settings,
        domains={
            domain.name: BoundDomain(domain=domain, group=group)
            for group in project.groups
            for domain in group.hosts
        },
        routes=routes,
        apps={app.key: app for app in project.apps},
        apps_by_code={app.code.reveal(): app for app in project.apps if app.code is not None},
        key_rings=_key_rings(served),
        vpc_accesses={access.name: access for access in project.vpc_accesses},
        tls_profiles={declared.name: tls_profile(declared) for declared in project.backend_tls},
        served=tuple(served),
    )


def _pattern_of(api: Api, group: Group) -> PathPattern:
    """The base path `/v1` and the path `/` are `/v1`."""
    path = group.base_path + api.request.path
    return parse_pattern(path.rstrip("/") or "/")


def _key_rings(served: Iterable[ServedApi]) -> dict[Environment, KeyRing]:
    """The keys of the released authorization APIs: none acts before its release, nor in another
    environment (guide, "Configure an API in the API gateway")."""
    issuers: dict[Environment, list[TokenIssuer]] = {environment: [] for environment in Environment}
    for one in served:
        if isinstance(one.api.auth.openid, TokenIssuer):
            issuers[one.environment].append(one.api.auth.openid)
    return {environment: KeyRing(found) for environment, found in issuers.items()}


class _Bindings:
    """What acts at once on an API in an environment; of two bindings of a kind the last wins."""

    def __init__(self, project: Project) -> None:
        app_ids = {app.name: app.id for app in project.apps}
        self._granted: dict[Place, set[str]] = defaultdict(set)
        for grant in project.grants:
            place = (grant.group, grant.api, grant.environment)
            self._granted[place].add(app_ids[grant.app])
        self._bound: dict[tuple[PolicyKind, Place], str] = {
            (binding.kind, (binding.group, binding.api, binding.environment)): binding.policy
            for binding in project.bindings
        }
        self._throttling = {policy.name: policy for policy in project.throttling_policies}
        self._signature_keys = {key.name: key for key in project.signature_keys}
        self._ip_controls = {control.name: control for control in project.ip_controls}

    def serve(self, api: Api, group: Group, release: Release) -> ServedApi:
        place = (group.name, api.name, release.environment)
        backend, body = api.backend, api.request.body
        throttling = self._bound.get((PolicyKind.THROTTLING, place))
        signature_key = self._bound.get((PolicyKind.SIGNATURE_KEY, place))
        ip_control = self._bound.get((PolicyKind.IP_CONTROL, place))
        return ServedApi(
            api=api,
            group=group,
            environment=release.environment,
            version=release.version,
            rules=tuple(compile_rule(parameter) for parameter in api.request.parameters),
            body_schema=DocumentSchema(body.schema) if body.schema is not None else None,
            backend_path=None if isinstance(backend, MockBackend) else parse_pattern(backend.path),
            own_names=own_names(api),
            granted=frozenset(self._granted.get(place, ())),
            throttling=None if throttling is None else self._throttling[throttling],
            signature_key=None if signature_key is None else self._signature_keys[signature_key],
            ip_control=None if ip_control is None else self._ip_controls[ip_control],
        )
