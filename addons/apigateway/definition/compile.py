"""From what is declared and what was released to the one Catalog that calls are decided by.

A catalog that follows another takes over what is the same in both: a reload that touches one API
compiles one API, and connections to backends go on under the same TLS context.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_

from apigateway.backends.tls import tls_profile
from apigateway.definition.bindings import Bindings, Bound
from apigateway.definition.check_variables import settle
from apigateway.definition.parse import parse_api
from apigateway.definition.project import Project
from apigateway.id_tokens.verification import KeyRing
from apigateway.json_schema.judging import DocumentSchema
from apigateway.model.api import Api, MockBackend
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi, TlsProfile
from apigateway.model.group import Environment, Group
from apigateway.model.openid import TokenIssuer
from apigateway.model.policy import (
    BackendTls,
)
from apigateway.model.release import Release
from apigateway.outbound.names import own_names
from apigateway.outbound.values import backend_values
from apigateway.protocol.matching import PathPattern, RouteTable, parse_pattern
from apigateway.protocol.parameters import compile_rule
from apigateway.steps import step

TableKey = tuple[str, Environment]
Tables = Mapping[TableKey, Sequence[ServedApi]]


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
    bindings = Bindings(project)
    served: list[ServedApi] = []
    by_release: dict[int, ServedApi] = {}
    releases = tuple(releases)
    for release in releases:
        step()
        group, draft = groups.get(release.group), drafts.get(release.api_id)
        if group is None or draft is None:
            continue
        one = last.served(release)
        if one is None:
            one = _compiled(release, draft, group, project.settings.account, bindings)
        elif not last.is_bound_alike:
            one = _bound_anew(one, bindings.on(group, one.api, one.environment))
        by_release[id(release)] = one
        served.append(one)
    tables = _by_table(served)
    return Catalog(
        settings=project.settings,
        domains={
            domain.name: BoundDomain(domain=domain, group=group)
            for group in project.groups
            for domain in group.hosts
            if domain.name not in withdrawn
        },
        routes={key: last.table(key, listed) for key, listed in tables.items()},
        apps={app.key: app for app in project.apps},
        apps_by_code={app.code.reveal(): app for app in project.apps if app.code is not None},
        key_rings=_key_rings(served, before),
        vpc_accesses={access.name: access for access in project.vpc_accesses},
        tls_profiles={
            declared.name: last.tls_profile(declared) for declared in project.backend_tls
        },
        served=tuple(served),
        made_of=_MadeOf(project, releases, by_release, tables),
    )


@dataclass(frozen=True, slots=True)
class _MadeOf:
    """What a catalog was compiled from. `by_release` has the `id` of each release of `releases`."""

    project: Project
    releases: Sequence[Release]
    by_release: Mapping[int, ServedApi]
    tables: Tables


def replaced_parts(before: Catalog, after: Catalog) -> list[object]:
    """What of `before` is in `after` no more: all of it that is large."""
    found: list[object] = []
    for old, new in zip(_parts_of(before), _parts_of(after), strict=False):
        if old is not new:
            kept = set(map(id, new))
            found += [part for part in old if id(part) not in kept]
    return found


def _parts_of(catalog: Catalog) -> Iterator[Sequence[object]]:
    yield catalog.served
    yield tuple(catalog.routes.values())
    if isinstance(catalog.made_of, _MadeOf):
        yield catalog.made_of.releases
        yield catalog.made_of.project.apis
        yield catalog.made_of.project.grants
        yield catalog.made_of.project.bindings


_BOUND = (
    *("apps", "grants", "bindings"),
    *("throttling_policies", "signature_keys", "ip_controls"),
)
"""The parts of a project that say what is bound to its APIs."""


@dataclass(slots=True)
class _Last:
    """The catalog before, as far as it can be taken over.

    A version is one document for ever, and what it was compiled to depends on nothing else but its
    group and the account. With `is_bound_alike` the same is bound to every API as was before.
    """

    catalog: Catalog | None = None
    made_of: _MadeOf | None = None
    same_groups: frozenset[str] = frozenset()
    is_bound_alike: bool = False
    _by_place: dict[tuple[str, Environment], ServedApi] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog | None, project: Project) -> "_Last":
        if catalog is None or not isinstance(catalog.made_of, _MadeOf):
            return cls()
        then = catalog.made_of.project
        if then.settings.account != project.settings.account:
            return cls(catalog, catalog.made_of)
        groups = {group.name: group for group in then.groups}
        return cls(
            catalog,
            catalog.made_of,
            frozenset(one.name for one in project.groups if groups.get(one.name) == one),
            all(getattr(project, part) is getattr(then, part) for part in _BOUND),
        )

    def served(self, release: Release) -> ServedApi | None:
        if self.made_of is None or release.group not in self.same_groups:
            return None
        if (one := self.made_of.by_release.get(id(release))) is not None:
            return one
        if not self._by_place:
            releases = self.made_of.by_release.values()
            self._by_place = {(one.api.id, one.environment): one for one in releases}
        one = self._by_place.get((release.api_id, release.environment))
        return one if one is not None and one.version == release.version else None

    def table(self, key: TableKey, served: Sequence[ServedApi]) -> RouteTable[ServedApi]:
        """That of before where every API in it is the very one."""
        then = self.made_of.tables.get(key, ()) if self.made_of is not None else ()
        if self.catalog is not None and _are_the_very(served, then):
            return self.catalog.routes[key]
        table: RouteTable[ServedApi] = RouteTable()
        for one in served:
            table.add(one.api.request.method, _pattern_of(one.api, one.group), one)
        return table

    def tls_profile(self, declared: BackendTls) -> TlsProfile:
        then = self.catalog.tls_profiles.get(declared.name) if self.catalog is not None else None
        return then if then is not None and then.declared == declared else tls_profile(declared)


def _compiled(
    release: Release, draft: Api, group: Group, account: str, bindings: Bindings
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
        backend_values=backend_values(api),
        granted=granted,
        throttling=throttling,
        signature_key=signature_key,
        ip_control=ip_control,
        unresolved=unresolved,
    )


def _bound_anew(one: ServedApi, bound: Bound) -> ServedApi:
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


def _by_table(served: Iterable[ServedApi]) -> Tables:
    found: dict[TableKey, list[ServedApi]] = defaultdict(list)
    for one in served:
        step()
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
