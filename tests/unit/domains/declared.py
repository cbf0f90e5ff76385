"""Projects with domains, made by hand, and what DNS says of them."""

from collections.abc import Sequence
from dataclasses import replace

from unit.definition.sample import sample_project

from apigateway.definition.project import Project
from apigateway.domains.verify import Finding, Lead, Question
from apigateway.model.group import Domain, DomainKind, Group
from apigateway.model.settings import DomainProof, DomainSettings

NOW_MS = 1_700_000_000_000
SECOND = 1000
HOUR = 3_600_000
DAY = 24 * HOUR

API, SHOP = "api.example.com", "shop.example.com"
HERE = Finding(Lead.HERE, "CNAME: it leads there")
ELSEWHERE = Finding(Lead.ELSEWHERE, "it has no CNAME; make a CNAME record")
UNKNOWN = Finding(Lead.UNKNOWN, "DNS server 10.0.0.2: SERVFAIL")

_SAMPLE = sample_project()


def group(name: str, *domains: str) -> Group:
    return Group(
        id=name[0] * 32,
        name=name,
        region="cn-hangzhou",
        subdomain=f"{name}.gateway.test",
        domains=tuple(Domain(name=one, kind=DomainKind.INDEPENDENT) for one in domains),
    )


def project(
    *groups: Group, verify: DomainProof = DomainProof.CNAME, settings: DomainSettings | None = None
) -> Project:
    """The sample with other groups; `settings` instead of `verify` says more."""
    domains = settings or DomainSettings(verify=verify)
    return replace(_SAMPLE, groups=groups, settings=replace(_SAMPLE.settings, domains=domains))


class Dns:
    """What DNS is told to say: of each domain the group that it leads to, or a finding."""

    def __init__(self) -> None:
        self.says: dict[str, str | Finding] = {}
        self.asked: list[str] = []

    async def verify(
        self, questions: Sequence[Question], settings: DomainSettings
    ) -> Sequence[Finding]:
        self.asked += [question.domain for question in questions]
        return [self._finding(question) for question in questions]

    def _finding(self, question: Question) -> Finding:
        said = self.says.get(question.domain, ELSEWHERE)
        if isinstance(said, Finding):
            return said
        return HERE if question.subdomain == f"{said}.gateway.test" else ELSEWHERE
