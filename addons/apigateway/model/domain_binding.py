"""The binding of an independent domain to a group (guide, "Domain name and certificate")."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainBinding:
    """A domain that was seen bound to the group `group_id`. Times in milliseconds since the epoch.

    `verified_ms` is when its CNAME was first found to lead to the group's second-level domain, 0
    while it was not; `checked_ms` when that was last asked; `finding` what was found then, for
    people. `lapsed_ms` is when the binding was withdrawn because nobody verified it in time.
    """

    domain: str
    group_id: str
    bound_ms: int
    verified_ms: int = 0
    checked_ms: int = 0
    finding: str = ""
    lapsed_ms: int = 0
