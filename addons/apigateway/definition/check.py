"""The rules between definitions: names, ids, domains, regions, counts."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Generic, TypeVar

from apigateway.definition.check_group import check_group, names_taken
from apigateway.definition.document import Key
from apigateway.definition.openid import place_of_key
from apigateway.definition.paths import faults_of_base_path
from apigateway.definition.placed import Loaded, Placed
from apigateway.definition.problems import DocumentReport, Report
from apigateway.definition.variables import names_in
from apigateway.definition.wording import did_you_mean
from apigateway.id_tokens.verification import is_same_key
from apigateway.model.api import Api, MockBackend, VpcBackend
from apigateway.model.app import App
from apigateway.model.group import Group
from apigateway.model.openid import PublicKey, TokenIssuer
from apigateway.model.policy import (
    BackendTls,
    IpControl,
    SecondMode,
    SignatureKey,
    ThrottlingPolicy,
    VpcAccess,
)
from apigateway.model.windows import WindowUnit
from apigateway.steps import step

MAX_WAIT_S = 30  # as long as a backend may take at most
MAX_GROUPS = 50
MAX_DOMAINS = 5

T = TypeVar("T")
Keys = tuple[Key, ...]


def check_project(loaded: Loaded, report: Report) -> None:
    """Put everything that is wrong between the documents on `report`, which is that of all that was
    loaded."""
    _check_groups(loaded)
    _check_domains(loaded)
    _check_api_ids(loaded)
    _check_apis(loaded, report)
    _check_key_ids(loaded)
    check_vpc_backends(loaded, chain.from_iterable(one.vpc for one in loaded.of_groups))
    _check_tls(loaded)
    _check_apps(loaded)
    _check_policies(loaded)


@dataclass(frozen=True)
class _Own(Generic[T]):
    """What no two objects of a kind share. `shown` is False where it is a secret.

    A `derived` value follows from the name when it is not written: two of one name share it too,
    which is not told again.
    """

    called: str
    value: Callable[[T], Hashable]
    key: str
    shown: bool = True
    derived: bool = False


def _check_unique(
    called: str, placed: Iterable[Placed[T]], *rules: _Own[T], told: set[int] | None = None
) -> set[int]:
    """Report what two share; returns which objects were told of (`told` and more), by `id`."""
    told = set() if told is None else told
    for rule in rules:
        first: dict[Hashable, Placed[T]] = {}
        for item in placed:
            value = rule.value(item.object)
            if value is None or (rule.derived and id(item) in told):
                continue
            other = first.setdefault(value, item)
            if other is not item:
                told.add(id(item))
                shown = f' "{value}"' if rule.shown else ""
                where = other.report.document.path
                what = f"the {rule.called}{shown} is already that of the {called} in {where}"
                item.report.error(what, "give one of them another", rule.key)
    return told


def _check_groups(loaded: Loaded) -> None:
    _check_unique(
        "group",
        loaded.groups,
        _Own[Group]("name", lambda group: group.name, "name"),
        _Own[Group]("GroupId", lambda group: group.id, "id", derived=True),
    )
    for item in loaded.groups[MAX_GROUPS:]:
        what = f"an account has at most {MAX_GROUPS} groups, and this one is beyond them"
        item.report.error(what, "put its APIs into another group", "name")
    for item in loaded.groups:
        for what, mend in faults_of_base_path(item.object.base_path):
            item.report.error(what, mend, "base_path")
        if len(item.object.domains) > MAX_DOMAINS:
            what = f"a group has at most {MAX_DOMAINS} independent domains"
            item.report.error(what, "remove the others", "domains", MAX_DOMAINS)


def _check_domains(loaded: Loaded) -> None:
    """A host name leads to one group."""
    first: dict[str, str] = {}
    for item in loaded.groups:
        for index, domain in enumerate(item.object.hosts):
            keys: Keys = ("subdomain",) if index == 0 else ("domains", index - 1)
            if domain.name in first:
                what = f'the domain "{domain.name}" already belongs to {first[domain.name]}'
                item.report.error(what, "bind a domain once", *keys)
            first.setdefault(domain.name, item.report.document.path)


def _check_api_ids(loaded: Loaded) -> None:
    """Two APIs of one name in one group share the id that follows from these: that is told as a
    name that is taken."""
    if len({item.object.id for item in loaded.apis}) == len(loaded.apis):
        return
    told = {id(item) for one in loaded.of_groups for item, _ in names_taken(one.apis)}
    by_id = _Own[Api]("ApiId", lambda api: api.id, "id", derived=True)
    _check_unique("API", loaded.apis, by_id, told=told)


def _check_apis(loaded: Loaded, report: Report) -> None:
    able = {
        item.object.name: any(domain.certificate for domain in item.object.hosts)
        for item in loaded.groups
    }
    for one in loaded.of_groups:
        step()
        has_certificate = able.get(one.name, True)  # of a group that cannot be read was told
        look = partial(check_group, one.apis, has_certificate=has_certificate)
        one.find_once("between its APIs", has_certificate, report, look)


def _check_key_ids(loaded: Loaded) -> None:
    """A key id leads to one key (guide: the KeyId must be unique); two APIs may share both."""
    first: dict[str, tuple[PublicKey, DocumentReport]] = {}
    for item in chain.from_iterable(one.issuers for one in loaded.of_groups):
        openid = item.object.auth.openid
        if not isinstance(openid, TokenIssuer):
            continue
        for index, public in enumerate(openid.keys):
            other, there = first.setdefault(public.key_id, (public, item.report))
            # twice in one API is told where that API is checked, as is a key that cannot be read
            told = there is item.report or not (public.jwk and other.jwk)
            if not told and not is_same_key(public.jwk, other.jwk):
                where = there.document.path
                what = f'the key id "{public.key_id}" is already that of another key in {where}'
                keys = place_of_key(item.report, index, "key_id")
                item.report.error(what, "give one of them another", *keys)


def check_vpc_backends(loaded: Loaded, apis: Iterable[Placed[Api]]) -> None:
    """Put what is wrong between these APIs and the VPC accesses on the reports of the APIs; not
    of those whose access holds a stage variable."""
    accesses = {item.object.name: item.object for item in loaded.vpc_accesses}
    known = loaded.names.get("vpc-access", set())
    regions = {item.object.name: item.object.region for item in loaded.groups}
    for item in apis:
        backend = item.object.backend
        if not isinstance(backend, VpcBackend) or names_in(backend.access):
            continue
        keys = ("backend", "access")
        if backend.access not in known:
            mend = did_you_mean(backend.access, sorted(known), "declare it in policies/vpc-access")
            what = f'there is no VPC access "{backend.access}": its calls are refused'
            item.report.warn(what, mend, *keys)
        elif access := accesses.get(backend.access):
            region = regions.get(item.object.group)
            if region is not None and access.region != region:
                what = (
                    f'the VPC access "{access.name}" is in {access.region}, the group in {region}'
                )
                item.report.error(what, "use one of the same region", *keys)
            if access.tls is not None and backend.scheme != "https":
                what = f'the VPC access "{access.name}" names a TLS profile, and this is plain HTTP'
                item.report.warn(what, "write scheme: https", *keys)


def _check_tls(loaded: Loaded) -> None:
    """A profile that is named must be there: without it a backend would be known by nothing."""
    known = loaded.names.get("backend-tls", set())
    named: list[tuple[str | None, DocumentReport, Keys]] = []
    for item in chain.from_iterable(one.tls for one in loaded.of_groups):
        if not isinstance(item.object.backend, MockBackend):
            named.append((item.object.backend.tls, item.report, ("backend", "tls")))
    for access in loaded.vpc_accesses:
        named.append((access.object.tls, access.report, ("tls",)))
    for name, report, keys in named:
        if name is not None and name not in known:
            mend = did_you_mean(name, sorted(known), "declare it in policies/backend-tls")
            report.error(f'there is no backend TLS profile "{name}"', mend, *keys)


def _check_apps(loaded: Loaded) -> None:
    _check_unique(
        "app",
        loaded.apps,
        _Own[App]("name", lambda app: app.name, "name"),
        _Own[App]("AppId", lambda app: app.id, "id", derived=True),
        _Own[App]("AppKey", lambda app: app.key, "key"),
        _Own[App]("AppCode", lambda app: app.code, "code", shown=False),
    )


def _check_policies(loaded: Loaded) -> None:
    _check_names("throttling policy", loaded.throttling)
    _check_names("signature key", loaded.signature_keys)
    _check_names("IP control", loaded.ip_controls)
    _check_unique(
        "VPC access",
        loaded.vpc_accesses,
        _Own[VpcAccess]("name", lambda access: access.name, "name"),
        _Own[VpcAccess]("instance and port", _target_of, "instance_id"),
    )
    _check_unique(
        "backend TLS profile",
        loaded.backend_tls,
        _Own[BackendTls]("name", lambda profile: profile.name, "name"),
    )
    owners = {item.object.owner for item in loaded.apps}
    for item in loaded.throttling:
        _check_throttling(item, loaded.names.get("app", set()), owners)


_Policy = TypeVar("_Policy", ThrottlingPolicy, SignatureKey, IpControl)


def _check_names(called: str, placed: list[Placed[_Policy]]) -> None:
    by_name = _Own[_Policy]("name", lambda policy: policy.name, "name")
    by_id = _Own[_Policy]("id", lambda policy: policy.id, "id", derived=True)
    _check_unique(called, placed, by_name, by_id)


def _target_of(access: VpcAccess) -> str:
    return f"{access.vpc_id} {access.instance_id} {access.port}"


def _check_throttling(item: Placed[ThrottlingPolicy], apps: set[str], owners: set[str]) -> None:
    policy, report = item.object, item.report
    for key in ("second_mode", "queue"):
        if key in report.document.data and policy.unit is not WindowUnit.SECOND:
            what = f"{key} is for the unit second, and this is {policy.unit}"
            report.error(what, "remove it, or write unit: second", key, at_key=True)
    if policy.queue is not None and policy.second_mode is not SecondMode.QUEUE:
        what = f"nobody waits in mode {policy.second_mode}"
        report.error(what, "remove queue, or write second_mode: queue", "queue", at_key=True)
    elif policy.queue is not None:
        limits = (policy.api, policy.user, policy.app, *(one.limit for one in policy.special))
        most = MAX_WAIT_S * min(limit for limit in limits if limit is not None)
        if policy.queue > most:
            what = f"the last of {policy.queue} would wait more than {MAX_WAIT_S} seconds"
            report.error(what, f"write at most {most}", "queue")
    user = policy.user if policy.user is not None else policy.api
    if policy.user is not None and policy.user > policy.api:
        what = f"the user limit {policy.user} is more than the API limit {policy.api}"
        report.error(what, f"write at most {policy.api}", "user")
    if policy.app is not None and policy.app > user:
        name = "user" if policy.user is not None else "API"
        what = f"the app limit {policy.app} is more than the {name} limit {user}"
        report.error(what, f"write at most {user}", "app")
    subjects: set[tuple[str | None, str | None]] = set()
    for index, special in enumerate(policy.special):
        keys = ("special", index)
        if (special.app is None) == (special.user is None):
            report.error(
                "a special limit is for one app or one user", "write one of the two", *keys
            )
        elif special.app is not None and special.app not in apps:
            mend = did_you_mean(special.app, sorted(apps), "declare it in definitions/apps")
            report.error(f'there is no app "{special.app}"', mend, *keys, "app")
        elif special.user is not None and special.user not in owners:
            what = f'no app belongs to the user "{special.user}"'
            report.warn(what, "check the account", *keys, "user")
        if (special.app, special.user) in subjects:
            report.error("this app or user has a special limit already", "remove one", *keys)
        subjects.add((special.app, special.user))
        if special.limit > policy.api:
            what = f"the special limit {special.limit} is more than the API limit {policy.api}"
            report.error(what, f"write at most {policy.api}", *keys, "limit")
