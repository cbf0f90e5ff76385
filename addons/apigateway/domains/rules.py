"""Who may bind a domain (guide, "Domain name and certificate"): what is said before any change."""

from dataclasses import dataclass

from apigateway.definition.check import MAX_DOMAINS
from apigateway.definition.project import Project
from apigateway.definition.shape import misfits
from apigateway.domains.verify import Finding, Lead
from apigateway.model.group import Domain, Group


class NotPermitted(Exception):
    """The text says why, and what to do first."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A domain as a group declares it."""

    group: Group
    domain: Domain


def holding_of(project: Project, name: str) -> Holding | None:
    """Who declares the independent domain `name`; None when nobody does.

    Raises:
        NotPermitted: it is a second-level domain.
    """
    for group in project.groups:
        if group.subdomain == name:
            raise NotPermitted(
                f"{name} is the second-level domain of the group {group.name}: it was given with "
                "the group, and is neither bound nor unbound"
            )
        for domain in group.domains:
            if domain.name == name:
                return Holding(group, domain)
    return None


def refuse_name(name: str) -> None:
    """
    Raises:
        NotPermitted: group.yaml can hold no such domain.
    """
    if any(misfits("group", {"name": "group", "domains": [name]})):
        raise NotPermitted(
            f'"{name}" is no host name; write one such as api.example.com, without scheme, port '
            "or path"
        )


def refuse_more(group: Group) -> None:
    """
    Raises:
        NotPermitted: the group has as many independent domains as a group may have.
    """
    if len(group.domains) >= MAX_DOMAINS:
        listed = ", ".join(domain.name for domain in group.domains)
        raise NotPermitted(
            f"the group {group.name} has {MAX_DOMAINS} independent domains, and none has "
            f"more; unbind one of them first: {listed}"
        )


def refuse_move(holder: str, name: str, group: Group, finding: Finding | None, move: bool) -> None:
    """A domain that another group holds follows its CNAME; where DNS is not asked (no `finding`)
    it follows whoever says so.

    Raises:
        NotPermitted: it does not lead to `group`.
    """
    if finding is None:
        if not move:
            raise NotPermitted(
                f"{name} is bound to the group {holder}; add --move to take it from there"
            )
    elif finding.lead is not Lead.HERE:
        raise NotPermitted(
            f"{name} is bound to the group {holder}, and DNS does not lead it to the group "
            f"{group.name}: {finding.text}"
        )
