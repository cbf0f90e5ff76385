"""What does nothing: grants of APIs that are not released, policies that nothing uses, and APIs
that are released and nobody can call."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from apigateway.definition.project import Project
from apigateway.definition.variables import names_in, put_in, values_of
from apigateway.lifecycle.breaking.finding import Finding, Severity, listed
from apigateway.model.api import Api, VpcBackend
from apigateway.model.group import Environment
from apigateway.model.openid import TokenIssuer, TokenRules
from apigateway.model.policy import PolicyKind
from apigateway.model.release import Release

_FEW = 3
"""APIs that are named one by one."""


def _notice(subject: str, what: str, field: str = "") -> Finding:
    return Finding(severity=Severity.NOTICE, subject=subject, what=what, field=field)


def idle_grants(
    project: Project, served: Iterable[Api], environment: Environment
) -> Iterator[Finding]:
    """Grants of an app in a group for APIs that are not `served` in the environment."""
    names = {(api.group, api.name) for api in served}
    idle: dict[tuple[str, str], list[str]] = defaultdict(list)
    for grant in project.grants:
        if grant.environment is environment and (grant.group, grant.api) not in names:
            idle[grant.app, grant.group].append(grant.api)
    for (app, group), found in idle.items():
        apis = sorted(set(found))
        few = apis if len(apis) <= _FEW + 1 else [*apis[:_FEW], f"{len(apis) - _FEW} more"]
        what = f"is granted what is not released to {environment}: {listed(few)} of {group}"
        yield _notice(f"app {app}", what)


def unused_policies(project: Project, releases: Iterable[Release]) -> Iterator[Finding]:
    """Policies that are bound to nothing, and VPC accesses and TLS profiles that neither a draft
    nor a released definition names."""
    bound = {(binding.kind, binding.policy) for binding in project.bindings}
    for kind, called, policies in (
        (PolicyKind.THROTTLING, "throttling policy", project.throttling_policies),
        (PolicyKind.SIGNATURE_KEY, "signature key", project.signature_keys),
        (PolicyKind.IP_CONTROL, "IP control", project.ip_controls),
    ):
        for policy in policies:
            if (kind, policy.name) not in bound:
                yield _notice(f"{called} {policy.name}", "is bound to no API in policies/bindings")
    documents = [api.document for api in project.apis]
    documents += [release.document for release in releases]
    backends = [part for one in documents if isinstance(part := one.get("backend"), Mapping)]
    accesses = {name for part in backends for name in _accesses(project, str(part.get("access")))}
    for access in project.vpc_accesses:
        if access.name not in accesses:
            yield _notice(f"VPC access {access.name}", "is no API's backend")
    profiles = {part.get("tls") for part in backends}
    profiles |= {access.tls for access in project.vpc_accesses}
    for profile in project.backend_tls:
        if profile.name not in profiles:
            yield _notice(f"backend TLS profile {profile.name}", "is named by no backend")


def _accesses(project: Project, written: str) -> set[str]:
    """The VPC accesses that a backend may name; its stage variables have a value each."""
    if not names_in(written):
        return {written}
    return {
        put_in(written, values_of(group, environment))
        for group in project.groups
        for environment in Environment
    }


def out_of_reach(
    project: Project, served: Collection[Api], chosen: frozenset[str], environment: Environment
) -> Iterator[Finding]:
    """Of the `chosen` (ids), those that nobody can call in the environment, or whose calls are
    refused for want of something that acts without a release."""
    granted = {
        (grant.group, grant.api) for grant in project.grants if grant.environment is environment
    }
    accesses = {access.name for access in project.vpc_accesses}
    has_keys = any(isinstance(api.auth.openid, TokenIssuer) for api in served)
    https_groups = {
        group.name
        for group in project.groups
        if any(host.certificate is not None for host in group.hosts)
    }
    for api in served:
        if api.id not in chosen:
            continue
        subject = f"{api.group}/{api.name}"
        if api.auth.type.asks_for_app and (api.group, api.name) not in granted:
            what = f"no app has a grant in {environment}: nobody can call it"
            yield _notice(subject, what, "auth.type")
        if isinstance(api.auth.openid, TokenRules) and not has_keys:
            what = f"no API that gives tokens is released to {environment}: every token is refused"
            yield _notice(subject, what, "auth.openid")
        if api.request.protocols == {"https"} and api.group not in https_groups:
            what = f"no domain of {api.group} has a certificate: nobody can call it"
            yield _notice(subject, what, "request.protocols")
        if not isinstance(api.backend, VpcBackend) or names_in(api.backend.access):
            continue
        if api.backend.access not in accesses:
            what = f'there is no VPC access "{api.backend.access}": its calls are refused'
            yield _notice(subject, what, "backend.access")


def undeclared(
    project: Project, releases: Iterable[Release], environment: Environment
) -> Iterator[Finding]:
    """Releases of APIs whose definition is gone: they are not served until it is back."""
    declared = {api.id for api in project.apis}
    for release in releases:
        if release.environment is environment and release.api_id not in declared:
            what = (
                f"version {release.version} is released to {environment} but not served: the API "
                "is not declared any more; abolish it, or put its definition back"
            )
            yield _notice(f"{release.group}/{release.api}", what)
