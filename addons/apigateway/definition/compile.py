"""From what is declared and what was released to the one Catalog that calls are decided by.

A catalog that follows another takes over what is the same in both: a reload that touches one API
compiles one API, and connections to backends go on under the same TLS context.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import is_

from apigateway.backend_names import own_names
from apigateway.backend_tls import tls_profile
from apigateway.definition.check_variables import settle
from apigateway.definition.parse import parse_api
from apigateway.definition.project import Project
from apigateway.documents import DocumentSchema
from apigateway.matching import PathPattern, RouteTable, parse_pattern
from apigateway.model.api import Api, MockBackend
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi, TlsProfile
from apigateway.model.group import Environment, Group
from apigateway.model.openid import TokenIssuer
from apigateway.model.policy import (
    BackendTls,
    IpControl,
    PolicyKind,
    SignatureKey,
    ThrottlingPolicy,
)
from apigateway.model.release import Release
from apigateway.openid import KeyRing
from apigateway.parameters import compile_rule

Place = tuple[str, str, Environment]
"""An API in an environment: (group name, API name, environment)."""

_Bound = tuple[frozenset[str], ThrottlingPolicy | None, SignatureKey | None, IpControl | None]

Tables = dict[tuple[str, Environment], RouteTable[ServedApi]]


def compile_catalog(
    project: Project,
    releases: Iterable[Release],
    before: Catalog | None = None,
    withdrawn: Collection[str] = (),
) -> Catalog:
    """The catalog of what is released, with today's grants, bindings, keys and policies.

    A release of an API that is no longer declared is not served: its grants, bindings and
    policies went with the declaration, and without them it would be open. Nor are the `withdrawn`
    domains. What is the same in `before`, a catalog of the same store, is taken from there.

    Raises:
        DefinitionError: a released document that this version cannot read.
    """
    last = _Last.of(before, project)
    groups = {group.name: group for group in project.groups}
    drafts = {api.id: api for api in project.apis}
    bindings = _Bindings(project)
    served: list[ServedApi] = []
    for release in releases:
        group = groups.get(release.group)
        draft = drafts.get(release.api_id)
        if group is None or draft is None:
            continue
        one = last.served(release)
        if one is not None:
            served.append(_bound_anew(one, bindings.on(group, one.api, one.environment)))
        else:
            served.append(_compiled(release, draft, group, project.settings.account, bindings))
    return Catalog(
        settings=project.settings,
        domains={
            domain.name: BoundDomain(domain=domain, group=group)
            for group in project.groups
            for domain in group.hosts
            if domain.name not in withdrawn
        },
        routes=_routes(served, before),
        apps={app.key: app for app in project.apps},
        apps_by_code={app.code.reveal(): app for app in project.apps if app.code is not None},
        key_rings=_key_rings(served, before),
        vpc_accesses={access.name: access for access in project.vpc_accesses},
        tls_profiles={
            declared.name: last.tls_profile(declared) for declared in project.backend_tls
        },
        served=tuple(served),
    )


@dataclass(slots=True)
class _Last:
    """The catalog before, as far as it can be taken over.

    A version is one document for ever, and what it was compiled to depends on nothing else but its
    group and the account.
    """

    catalog: Catalog | None
    served_then: dict[tuple[str, Environment], ServedApi] = field(default_factory=dict)
    same_groups: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, catalog: Catalog | None, project: Project) -> "_Last":
        last = cls(catalog)
        if catalog is not None and catalog.settings.account == project.settings.account:
            last.served_then = {(one.api.id, one.environment): one for one in catalog.served}
            then = {one.group.name: one.group for one in catalog.served}
            last.same_groups = {
                group.name for group in project.groups if then.get(group.name) == group
            }
        return last

    def served(self, release: Release) -> ServedApi | None:
        one = self.served_then.get((release.api_id, release.environment))
        if one is None or one.version != release.version:
            return None
        return one if release.group in self.same_groups else None

    def tls_profile(self, declared: BackendTls) -> TlsProfile:
        then = self.catalog.tls_profiles.get(declared.name) if self.catalog is not None else None
        return then if then is not None and then.declared == declared else tls_profile(declared)


def _compiled(
    release: Release, draft: Api, group: Group, account: str, bindings: "_Bindings"
) -> ServedApi:
    api, unresolved = draft, ""
    if api.document != release.document:
        api = parse_api(release.document, group=group, account=account)
    if api.variables:
        api, unresolved = settle(api, group, release.environment)
    backend, body = api.backend, api.request.body
    granted, throttling, signature_key, ip_control = bindings.on(group, api, release.environment)
    return ServedApi(
        api=api,
        group=group,
        environment=release.environment,
        version=release.version,
        rules=tuple(compile_rule(parameter) for parameter in api.request.parameters),
        body_schema=DocumentSchema(body.schema) if body.schema is not None else None,
        backend_path=None if isinstance(backend, MockBackend) else parse_pattern(backend.path),
        own_names=own_names(api),
        granted=granted,
        throttling=throttling,
        signature_key=signature_key,
        ip_control=ip_control,
        unresolved=unresolved,
    )


def _bound_anew(one: ServedApi, bound: _Bound) -> ServedApi:
    """`one` with what is bound to it now; itself where that is what it has."""
    if bound == (one.granted, one.throttling, one.signature_key, one.ip_control):
        return one
    granted, throttling, signature_key, ip_control = bound
    return replace(
        one,
        granted=granted,
        throttling=throttling,
        signature_key=signature_key,
        ip_control=ip_control,
    )


def _routes(served: Iterable[ServedApi], before: Catalog | None) -> Tables:
    """One table a group and environment; that of `before` where every API in it is the very one."""
    then = _by_table(before.served) if before is not None else {}
    tables: Tables = {}
    for key, now in _by_table(served).items():
        if before is not None and _are_the_very(now, then.get(key, [])):
            tables[key] = before.routes[key]
            continue
        table = tables[key] = RouteTable()
        for one in now:
            table.add(one.api.request.method, _pattern_of(one.api, one.group), one)
    return tables


def _by_table(served: Iterable[ServedApi]) -> dict[tuple[str, Environment], list[ServedApi]]:
    found: dict[tuple[str, Environment], list[ServedApi]] = defaultdict(list)
    for one in served:
        found[one.group.id, one.environment].append(one)
    return found


def _are_the_very(now: Sequence[object], then: Sequence[object]) -> bool:
    return len(now) == len(then) and all(map(is_, now, then))


def _pattern_of(api: Api, group: Group) -> PathPattern:
    """The base path `/v1` and the path `/` are `/v1`."""
    path = group.base_path + api.request.path
    return parse_pattern(path.rstrip("/") or "/")


def _key_rings(served: Iterable[ServedApi], before: Catalog | None) -> dict[Environment, KeyRing]:
    """The keys of the released authorization APIs: none acts before its release, nor in another
    environment (guide, "Configure an API in the API gateway")."""
    then = _issuers(before.served) if before is not None else {}
    return {
        environment: (
            before.key_rings[environment]
            if before is not None and _are_the_very(issuers, then[environment])
            else KeyRing(issuers)
        )
        for environment, issuers in _issuers(served).items()
    }


def _issuers(served: Iterable[ServedApi]) -> dict[Environment, list[TokenIssuer]]:
    found: dict[Environment, list[TokenIssuer]] = {environment: [] for environment in Environment}
    for one in served:
        if isinstance(one.api.auth.openid, TokenIssuer):
            found[one.environment].append(one.api.auth.openid)
    return found


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

    def on(self, group: Group, api: Api, environment: Environment) -> _Bound:
        place = (group.name, api.name, environment)
        throttling = self._bound.get((PolicyKind.THROTTLING, place))
        signature_key = self._bound.get((PolicyKind.SIGNATURE_KEY, place))
        ip_control = self._bound.get((PolicyKind.IP_CONTROL, place))
        return (
            frozenset(self._granted.get(place, ())),
            None if throttling is None else self._throttling[throttling],
            None if signature_key is None else self._signature_keys[signature_key],
            None if ip_control is None else self._ip_controls[ip_control],
        )
