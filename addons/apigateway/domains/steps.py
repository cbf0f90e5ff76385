"""What time and an answer of DNS make of a binding: from one record to the next."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from apigateway.definition.project import Project
from apigateway.domains.states import DomainStanding, DomainState
from apigateway.domains.verify import Finding, Lead
from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Group

Record = Mapping[str, DomainBinding]
"""What is on record, by domain."""

Changes = Mapping[str, DomainBinding | None]
"""What is to be on record, by domain; None: nothing any more."""


def begun(domain: str, group: Group, now_ms: int) -> DomainBinding:
    """A binding that was asked for at `now_ms`."""
    return DomainBinding(domain=domain, group_id=group.id, bound_ms=now_ms)


def after_finding(standing: DomainStanding, finding: Finding, now_ms: int) -> DomainBinding:
    """What is on record when DNS was asked whether the domain leads to the standing's group.

    A domain that leads there is verified, whatever it was before, and one whose time is over is
    withdrawn. Any other stays what it was, a verified one too: only the finding is another. DNS
    that says nothing changes no finding, so that a server that fails now and then makes nobody
    load again.
    """
    binding = standing.binding or begun(standing.domain.name, standing.group, now_ms)
    if finding.lead is Lead.HERE and standing.state is not DomainState.BOUND:
        if standing.state is not DomainState.BINDING:
            binding = begun(standing.domain.name, standing.group, now_ms)
        return replace(binding, verified_ms=now_ms, checked_ms=now_ms, finding=finding.text)
    if standing.state is DomainState.LAPSED and not binding.lapsed_ms:
        binding = replace(binding, lapsed_ms=now_ms)
    if binding.finding == finding.text or (finding.lead is Lead.UNKNOWN and binding.finding):
        return binding
    return replace(binding, checked_ms=now_ms, finding=finding.text)


def audit_entries(
    project: Project, before: Record, changes: Changes, by: str, now_ms: int
) -> Iterator[AuditEntry]:
    """A finding that is another one changes nothing of what is served, and has no entry."""
    names = {group.id: group.name for group in project.groups}
    for name, after in changes.items():
        if action := _action(before.get(name), after):
            yield AuditEntry(
                at_ms=now_ms,
                by=by,
                action=action,
                subject=name,
                note="no longer declared" if after is None else after.finding,
                before=_plain(before.get(name), names),
                after=_plain(after, names),
            )


def _action(before: DomainBinding | None, after: DomainBinding | None) -> str:
    if after is None:
        return "unbind-domain"
    if before is None or before.group_id != after.group_id:
        return "bind-domain"
    if after.lapsed_ms and not before.lapsed_ms:
        return "lapse-domain"
    return "verify-domain" if after.verified_ms and not before.verified_ms else ""


def _plain(binding: DomainBinding | None, names: Mapping[str, str]) -> Any:
    if binding is None:
        return None
    return {
        "group": names.get(binding.group_id, binding.group_id),
        "verified": bool(binding.verified_ms),
        "lapsed": bool(binding.lapsed_ms),
    }
