"""What was read, and where it stands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from apigateway.definition.problems import DocumentReport, Problem, Report
from apigateway.model.api import Api, MockBackend, VpcBackend
from apigateway.model.app import App
from apigateway.model.group import Group
from apigateway.model.openid import TokenIssuer
from apigateway.model.policy import (
    BackendTls,
    IpControl,
    SignatureKey,
    ThrottlingPolicy,
    VpcAccess,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """An object with the report of the document it stands in."""

    object: T
    report: DocumentReport


@dataclass(slots=True, eq=False)
class ApisOfGroup:
    """The APIs of a group, by name: of every folder whose group.yaml names it. `in_environments`
    are those with stage variables, once more for each environment that sets all of these.

    As long as all of them are the very same, so is this object, and it knows what was found to be
    wrong between them: a reload that touches one group need not look at the others.
    """

    name: str
    apis: list[Placed[Api]]
    in_environments: list[Placed[Api]]
    names: list[str] = field(init=False)
    issuers: list[Placed[Api]] = field(init=False)
    vpc: list[Placed[Api]] = field(init=False)
    tls: list[Placed[Api]] = field(init=False)
    variables: frozenset[str] = field(init=False)
    _found: dict[str, tuple[object, list[Problem], list[Problem]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        apis = self.apis
        self.names = [one.object.name for one in apis]
        self.issuers = [one for one in apis if isinstance(one.object.auth.openid, TokenIssuer)]
        self.vpc = [one for one in apis if isinstance(one.object.backend, VpcBackend)]
        self.tls = [
            one
            for one in apis
            if not isinstance(one.object.backend, MockBackend) and one.object.backend.tls
        ]
        self.variables = frozenset(name for one in apis for name in one.object.variables)

    def find_once(self, what: str, given: object, report: Report, look: Callable[[], None]) -> None:
        """Put on `report` what `look` puts there. It depends on these APIs and on `given` alone, so
        it looks only once."""
        known = self._found.get(what)
        if known is not None and known[0] == given:
            report.errors.extend(known[1])
            report.warnings.extend(known[2])
            return
        errors, warnings = len(report.errors), len(report.warnings)
        look()
        found = (given, report.errors[errors:], report.warnings[warnings:])
        self._found[what] = found


@dataclass(slots=True)
class Loaded:
    """Everything that was read. `names` also holds the names of what could not be read, by kind
    (an API under "api <group>"), so that one fault does not look like many.
    """

    groups: list[Placed[Group]] = field(default_factory=list)
    apis: list[Placed[Api]] = field(default_factory=list)
    of_groups: list[ApisOfGroup] = field(default_factory=list)
    apps: list[Placed[App]] = field(default_factory=list)
    throttling: list[Placed[ThrottlingPolicy]] = field(default_factory=list)
    signature_keys: list[Placed[SignatureKey]] = field(default_factory=list)
    vpc_accesses: list[Placed[VpcAccess]] = field(default_factory=list)
    ip_controls: list[Placed[IpControl]] = field(default_factory=list)
    backend_tls: list[Placed[BackendTls]] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
