"""Grants and bindings: the names they use, and what they come to for each API and environment."""

from collections.abc import Iterable
from dataclasses import dataclass

from apigateway.definition.parse_links import Link
from apigateway.definition.placed import Loaded
from apigateway.definition.problems import DocumentReport
from apigateway.definition.wording import did_you_mean
from apigateway.model.app import Grant
from apigateway.model.group import Environment
from apigateway.model.policy import Binding, PolicyKind
from apigateway.steps import step

_KINDS = {
    PolicyKind.THROTTLING: ("throttling", "throttling policy", "policies/throttling"),
    PolicyKind.SIGNATURE_KEY: ("signature-key", "signature key", "policies/signature-keys"),
    PolicyKind.IP_CONTROL: ("ip-control", "IP control", "policies/ip-control"),
}


_Key = tuple[str, str, str, str]
"""All text: there may be a hundred thousand, and an enumeration is slow to hash."""


@dataclass(frozen=True, slots=True)
class Known:
    """What links may name. `apis` lists, by group, the APIs that could be read."""

    names: dict[str, set[str]]
    apis: dict[str, list[str]]
    group_regions: dict[str, str]
    policy_regions: dict[tuple[PolicyKind, str], str]


def known_of(loaded: Loaded) -> Known:
    apis = {one.name: one.names for one in loaded.of_groups}
    regions: dict[tuple[PolicyKind, str], str] = {}
    for throttling in loaded.throttling:
        regions[PolicyKind.THROTTLING, throttling.object.name] = throttling.object.region
    for key in loaded.signature_keys:
        regions[PolicyKind.SIGNATURE_KEY, key.object.name] = key.object.region
    for control in loaded.ip_controls:
        regions[PolicyKind.IP_CONTROL, control.object.name] = control.object.region
    groups = {item.object.name: item.object.region for item in loaded.groups}
    return Known(loaded.names, apis, groups, regions)


def resolve_grants(
    links: Iterable[Link], known: Known, report: DocumentReport
) -> tuple[Grant, ...]:
    """Each grant once, in the order of the file."""
    grants: dict[_Key, Grant] = {}
    for link in links:
        _must_exist(link.subject, "app", "app", "definitions/apps", known, report, link, "app")
        step()
        for api, environment, written in _targets(link, known, report):
            key = (link.subject, link.group, api, written)
            if key not in grants:
                grants[key] = Grant(
                    app=link.subject, group=link.group, api=api, environment=environment
                )
    return tuple(grants.values())


def resolve_bindings(
    links: Iterable[Link], known: Known, report: DocumentReport
) -> tuple[Binding, ...]:
    """One binding of a kind for an API and environment: the last one of the file."""
    bindings: dict[_Key, Binding] = {}
    for link in links:
        assert link.kind is not None
        kind = link.kind
        name, called, home = _KINDS[kind]
        _must_exist(link.subject, name, called, home, known, report, link, "policy")
        _check_region(link, kind, called, known, report)
        replaced: dict[str, str] = {}
        step()
        for api, environment, written in _targets(link, known, report):
            at = (name, link.group, api, written)
            before = bindings.pop(at, None)
            if before is not None and before.policy != link.subject:
                replaced.setdefault(api, before.policy)
            bindings[at] = Binding(
                kind=kind, policy=link.subject, group=link.group, api=api, environment=environment
            )
        if replaced and kind is PolicyKind.SIGNATURE_KEY:
            api, policy = next(iter(replaced.items()))
            what = f'the key "{link.subject}" replaces "{policy}" for the API "{api}"'
            mend = "an API has one signature key; remove one of the two bindings"
            report.warn(what, mend, *link.keys, "policy")
    return tuple(bindings.values())


def _must_exist(
    name: str,
    kind: str,
    called: str,
    home: str,
    known: Known,
    report: DocumentReport,
    link: Link,
    key: str | int,
    *more: int,
) -> bool:
    names = known.names.get(kind, set())
    if name in names:
        return True
    mend = did_you_mean(name, sorted(names), f"declare it in {home}")
    report.error(f'there is no {called} "{name}"', mend, *link.keys, key, *more)
    return False


def _targets(
    link: Link, known: Known, report: DocumentReport
) -> list[tuple[str, Environment, str]]:
    """The APIs and environments a link is for, these as text too; what does not exist goes to the
    report."""
    if not _must_exist(link.group, "group", "group", "definitions", known, report, link, "group"):
        return []
    readable = known.apis.get(link.group, [])
    apis = readable if link.apis is None else list(link.apis)
    if link.apis is not None:
        kind, home = f"api {link.group}", f'the folder of the group "{link.group}"'
        for index, api in enumerate(link.apis):
            _must_exist(api, kind, "API", home, known, report, link, "apis", index)
    environments = [(environment, environment.value) for environment in link.environments]
    return [(api, environment, text) for api in apis for environment, text in environments]


def _check_region(
    link: Link, kind: PolicyKind, called: str, known: Known, report: DocumentReport
) -> None:
    policy = known.policy_regions.get((kind, link.subject))
    group = known.group_regions.get(link.group)
    if policy is not None and group is not None and policy != group:
        what = f'the {called} "{link.subject}" is in {policy}, the group "{link.group}" in {group}'
        report.error(what, "bind one of the same region", *link.keys, "policy")
