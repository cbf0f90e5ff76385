"""API groups: the unit that owns a region, domain names and up to 200 APIs (guide, "API group")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from apigateway.model.cors import Cors
from apigateway.model.secret import Secret


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
class Certificate:
    """What a domain shows over HTTPS (guide, "Bind the SSL certificate").

    `chain` and `key` are PEM, the domain's own certificate first. The files are where they were
    read from and are looked at again; `key_file` is None for a key of the environment.
    """

    name: str
    chain: str = field(repr=False)
    key: Secret
    chain_file: Path
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A host name that leads to a group.

    `name` is lower case, without a port. `environment` is set when the binding serves one
    environment only; otherwise `X-Ca-Stage` chooses. Without a `certificate` it is served over
    HTTP only.
    """

    name: str
    kind: DomainKind
    environment: Environment | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An API group. `base_path` stands before the path of each of its APIs ("" or "/v1").

    `traffic_limit` is the group's calls a second over all its APIs (500 unless declared).
    `variables` are the stage variables of each environment that declares any.
    """

    id: str
    name: str
    region: str
    description: str = ""
    base_path: str = ""
    traffic_limit: int = 500
    cors: Cors = field(default_factory=Cors)
    variables: Mapping[Environment, Mapping[str, str]] = field(default_factory=dict)
    subdomain: str
    subdomain_certificate: Certificate | None = None
    domains: tuple[Domain, ...] = ()

    @property
    def hosts(self) -> tuple[Domain, ...]:
        """The second-level domain first, then the independent ones."""
        own = Domain(
            name=self.subdomain,
            kind=DomainKind.SECOND_LEVEL,
            certificate=self.subdomain_certificate,
        )
        return (own, *self.domains)
