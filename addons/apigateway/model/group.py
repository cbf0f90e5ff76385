"""API groups: the unit that owns a region, domain names and up to 200 APIs (guide, "API group")."""

from dataclasses import dataclass
from enum import StrEnum


class Environment(StrEnum):
    """Where a release is served. The value is the spelling of `X-Ca-Stage` and of `StageName`."""

    TEST = "TEST"
    PRE = "PRE"
    RELEASE = "RELEASE"


class DomainKind(StrEnum):
    """A second-level domain is given with the group and for testing; independent ones are bound."""

    SECOND_LEVEL = "second-level"
    INDEPENDENT = "independent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A host name that leads to a group.

    `name` is lower case, without a port. `environment` is set when the binding serves one
    environment only; otherwise `X-Ca-Stage` chooses.
    """

    name: str
    kind: DomainKind
    environment: Environment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An API group. `base_path` stands before the path of each of its APIs ("" or "/v1").

    `traffic_limit` is the group's calls a second over all its APIs (500 unless declared).
    """

    id: str
    name: str
    region: str
    description: str = ""
    base_path: str = ""
    traffic_limit: int = 500
    subdomain: str
    domains: tuple[Domain, ...] = ()

    @property
    def hosts(self) -> tuple[Domain, ...]:
        """The second-level domain first, then the independent ones."""
        return (Domain(name=self.subdomain, kind=DomainKind.SECOND_LEVEL), *self.domains)
