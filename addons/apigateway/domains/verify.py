"""Whether DNS leads a domain to its group (guide: "Resolve the CNAME of an independent domain name
to the API second-level domain name of the group").

The texts are for people: what was found, and which record to make. They hold no times and no
order that changes by itself, so the same answer of DNS is always the same text.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.name
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, Answer, ErrorTuple, LifetimeTimeout, NoNameservers

from apigateway.model.settings import DNS_PORT, DomainSettings

MOST_LINKS = 16
"""Of a chain of CNAME records; DNS servers give up about there too."""

_AT_ONCE = 20
_HERE = "CNAME: "


class Lead(StrEnum):
    """HERE is a CNAME, or a chain of them, to the group's second-level domain; UNKNOWN that no
    DNS server said anything."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    lead: Lead
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `domain` leads to `subdomain`, the second-level domain of a group."""

    domain: str
    subdomain: str


def leads_here(text: str) -> bool:
    """Whether a finding of this text is one of a domain that leads to its group."""
    return text.startswith(_HERE)


class _NoAnswer(Exception):
    """No DNS server said anything of use; the text says why."""


async def verify_domains(
    questions: Sequence[Question], settings: DomainSettings
) -> Sequence[Finding]:
    """A finding for each question, in their order; many are asked at a time."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def verify(question: Question) -> Finding:
        async with turns:
            return await verify_domain(question, settings)

    return await asyncio.gather(*map(verify, questions))


async def verify_domain(question: Question, settings: DomainSettings) -> Finding:
    """What DNS says now. It never raises: no answer is a finding too."""
    try:
        return await _look(question, _Names(settings))
    except _NoAnswer as reason:
        return Finding(Lead.UNKNOWN, str(reason))
    except DNSException as problem:  # of a name: a label of more than 63 characters
        return Finding(Lead.UNKNOWN, f"DNS cannot be asked: {problem}")


async def _look(question: Question, names: "_Names") -> Finding:
    """Follow the CNAME records of the domain.

    Raises: _NoAnswer.
    """
    goal = dns.name.from_text(question.subdomain)
    chain = [dns.name.from_text(question.domain)]
    while (target := await names.cname(chain[-1])) is not None:
        chain.append(target)
        if target == goal:
            return Finding(Lead.HERE, f"{_HERE}{_shown(chain)}")
        if target in chain[:-1]:
            return _elsewhere(question, f"its CNAME goes in a circle: {_shown(chain)}")
        if len(chain) > MOST_LINKS:
            what = f"it is led through more than {MOST_LINKS} CNAME records"
            return _elsewhere(question, what)
    if len(chain) > 1:
        return _elsewhere(question, f"its CNAME leads elsewhere: {_shown(chain)}")
    addresses = await names.addresses(chain[0])
    if addresses is None:
        return _elsewhere(question, "DNS does not know it")
    if addresses:
        return _elsewhere(question, f"it has no CNAME, but the address {', '.join(addresses)}")
    return _elsewhere(question, "it has no CNAME")


def _elsewhere(question: Question, what: str) -> Finding:
    mend = f"make a CNAME record: {question.domain} -> {question.subdomain}"
    return Finding(Lead.ELSEWHERE, f"{what}; {mend}")


def _shown(chain: Sequence[dns.name.Name]) -> str:
    return " -> ".join(name.to_text(omit_final_dot=True).lower() for name in chain)


class _Names:
    """DNS, for one domain and at most `settings.timeout_seconds`."""

    def __init__(self, settings: DomainSettings) -> None:
        """Raises: _NoAnswer, there is no DNS server to ask."""
        servers = settings.resolvers or _servers_of_the_system()
        asked = {Do53Nameserver(*server): _shown_server(*server) for server in servers}
        self._shown = {str(server): shown for server, shown in asked.items()}
        self._resolver = Resolver(configure=False)
        self._resolver.nameservers = list(asked)
        self._within_s = settings.timeout_seconds
        # A server that is silent leaves time for the next one.
        self._resolver.timeout = self._within_s / (len(asked) + 1)
        self._end = asyncio.get_running_loop().time() + self._within_s

    async def cname(self, name: dns.name.Name) -> dns.name.Name | None:
        """Where `name` is led to; None when it is led nowhere or does not exist."""
        answer = await self._ask(name, RdataType.CNAME)
        if answer is None or answer.rrset is None:
            return None
        target: dns.name.Name = answer.rrset[0].target
        return target

    async def addresses(self, name: dns.name.Name) -> Sequence[str] | None:
        """The addresses of `name`, in order; None when it does not exist."""
        found: list[str] = []
        for kind in (RdataType.A, RdataType.AAAA):
            answer = await self._ask(name, kind)
            if answer is None:
                return None
            found.extend(sorted(record.address for record in answer.rrset or ()))
        return found

    async def _ask(self, name: dns.name.Name, kind: RdataType) -> Answer | None:
        """None when the name does not exist.

        Raises: _NoAnswer.
        """
        left_s = self._end - asyncio.get_running_loop().time()
        try:
            return await self._resolver.resolve(
                name, kind, raise_on_no_answer=False, search=False, lifetime=max(left_s, 0.001)
            )
        except NXDOMAIN:
            return None
        except (LifetimeTimeout, NoNameservers) as problem:
            raise _NoAnswer(self._said(problem.kwargs["errors"])) from None
        except DNSException as problem:
            raise _NoAnswer(f"DNS gave no answer ({problem})") from None

    def _said(self, errors: Iterable[ErrorTuple]) -> str:
        """Why nobody answered. A server whose last word was a code (SERVFAIL) said that; of any
        other there was nothing to be heard."""
        silent = f"no answer within {self._within_s:g} s"
        said = dict.fromkeys(self._shown, silent)
        for server, _, _, fault, _ in errors:
            if server is not None and isinstance(fault, str):
                said[server] = fault
        return "; ".join(
            f"DNS server {self._shown[server]}: {what}" for server, what in said.items()
        )


def _servers_of_the_system() -> Sequence[tuple[str, int]]:
    """Raises: _NoAnswer, it names none."""
    try:
        named = Resolver().nameservers
    except (DNSException, OSError):
        named = []
    servers = [(server, DNS_PORT) for server in named if isinstance(server, str)]
    if not servers:
        raise _NoAnswer(
            "this system names no DNS server; name one in gateway.yaml, such as "
            "domains: {resolvers: [10.0.0.2]}"
        )
    return servers


def _shown_server(address: str, port: int) -> str:
    if port == DNS_PORT:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
