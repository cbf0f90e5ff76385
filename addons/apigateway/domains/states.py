"""How the independent domains of the groups stand: which are served, and why the others are not.

Guide, "Domain name and certificate": "Verify the domain name within one day. Otherwise, the
unprocessed binding request is automatically withdrawn"; a domain that is bound to another group
is bound to a new one when it leads to that one's second-level domain, "otherwise, the binding
fails".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from apigateway.definition.project import Project
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Domain, Group
from apigateway.model.settings import DomainProof, DomainSettings


class DomainState(StrEnum):
    """BINDING is declared and served, and not verified yet; LAPSED was not verified in time;
    TAKEN is declared by one group and still verified for another."""

    BOUND = "bound"
    BINDING = "binding"
    LAPSED = "lapsed"
    TAKEN = "taken"


SERVED = frozenset({DomainState.BOUND, DomainState.BINDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainStanding:
    """An independent domain of `group`. `binding` is what is on record of it, None when nothing is.

    `lapses_ms` is when a BINDING is withdrawn, else 0; `holder` the name of the group that a TAKEN
    domain belongs to, else "".
    """

    domain: Domain
    group: Group
    state: DomainState
    binding: DomainBinding | None = None
    lapses_ms: int = 0
    holder: str = ""

    @property
    def finding(self) -> str:
        return "" if self.binding is None else self.binding.finding

    @property
    def advice(self) -> str:
        """The finding, and what a withdrawn binding needs besides the record of DNS."""
        if self.state is DomainState.LAPSED:
            return f"{self.finding}, then run: apigateway domains verify {self.domain.name}"
        return self.finding


def standings(
    project: Project, bindings: Iterable[DomainBinding], now_ms: int
) -> Iterator[DomainStanding]:
    """Every independent domain, in the order of the files.

    What is on record of a group that is no longer declared holds nobody up, and a domain of which
    nothing is on record is one that was declared just now.
    """
    settings = project.settings.domains
    names = {group.id: group.name for group in project.groups}
    recorded = {binding.domain: binding for binding in bindings}
    for group in project.groups:
        for domain in group.domains:
            binding = recorded.get(domain.name)
            if settings.verify is DomainProof.OFF:
                yield DomainStanding(domain=domain, group=group, state=DomainState.BOUND)
            else:
                yield _standing(domain, group, binding, names, settings, now_ms)


def _standing(
    domain: Domain,
    group: Group,
    binding: DomainBinding | None,
    names: dict[str, str],
    settings: DomainSettings,
    now_ms: int,
) -> DomainStanding:
    state, lapses_ms, holder = DomainState.BINDING, now_ms + settings.lapse_ms, ""
    if binding is not None and binding.group_id != group.id:
        holder = names.get(binding.group_id, "") if binding.verified_ms else ""
        if holder:
            state = DomainState.TAKEN
        else:  # it was never theirs, or they are gone: it begins anew
            binding = None
    elif binding is not None and binding.verified_ms:
        state = DomainState.BOUND
    elif binding is not None:
        lapses_ms = binding.bound_ms + settings.lapse_ms
        if binding.lapsed_ms or lapses_ms <= now_ms:
            state = DomainState.LAPSED
    return DomainStanding(
        domain=domain,
        group=group,
        state=state,
        binding=binding,
        lapses_ms=lapses_ms if state is DomainState.BINDING else 0,
        holder=holder,
    )


def withdrawn_domains(
    project: Project, bindings: Iterable[DomainBinding], now_ms: int
) -> frozenset[str]:
    """The declared domains that are not served: a call to one is a call to no domain."""
    return frozenset(
        standing.domain.name
        for standing in standings(project, bindings, now_ms)
        if standing.state not in SERVED
    )
