"""What DNS says of a domain, asked of a real server on loopback."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from dns_server import NOTHING, SILENT, DnsServer, dns_server

from apigateway.domains import verify
from apigateway.domains.verify import (
    MOST_LINKS,
    Finding,
    Lead,
    Question,
    verify_domain,
    verify_domains,
)
from apigateway.model.settings import DomainSettings

DOMAIN, SUBDOMAIN = "api.example.com", "weather.gateway.test"
PATIENCE_S = 40.0
MEND = f"make a CNAME record: {DOMAIN} -> {SUBDOMAIN}"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server({}) as server:
        yield server


def settings(*servers: DnsServer, timeout_s: float = PATIENCE_S) -> DomainSettings:
    resolvers = tuple(server.address for server in servers)
    return DomainSettings(resolvers=resolvers, timeout_seconds=timeout_s)


def found(server: DnsServer, names: dict[str, str], *, timeout_s: float = PATIENCE_S) -> Finding:
    server.names = names
    asked = settings(server, timeout_s=timeout_s)
    return asyncio.run(verify_domain(Question(DOMAIN, SUBDOMAIN), asked))


def test_a_cname_to_the_groups_domain_verifies(server: DnsServer) -> None:
    assert found(server, {DOMAIN: f"CNAME {SUBDOMAIN}"}) == Finding(
        Lead.HERE, f"CNAME: {DOMAIN} -> {SUBDOMAIN}"
    )
    assert server.asked == [f"{DOMAIN} CNAME"]


def test_names_are_the_same_in_any_case(server: DnsServer) -> None:
    finding = found(server, {DOMAIN: "CNAME Weather.GATEWAY.test"})
    assert finding == Finding(Lead.HERE, f"CNAME: {DOMAIN} -> {SUBDOMAIN}")


def test_a_chain_of_cnames_verifies(server: DnsServer) -> None:
    finding = found(
        server,
        {
            DOMAIN: "CNAME shop.cdn.test",
            "shop.cdn.test": "CNAME edge.cdn.test",
            "edge.cdn.test": f"CNAME {SUBDOMAIN}",
        },
    )
    assert finding == Finding(
        Lead.HERE, f"CNAME: {DOMAIN} -> shop.cdn.test -> edge.cdn.test -> {SUBDOMAIN}"
    )


@pytest.mark.parametrize(("links", "lead"), [(16, Lead.HERE), (17, Lead.ELSEWHERE)])
def test_a_chain_has_at_most_sixteen_records(server: DnsServer, links: int, lead: Lead) -> None:
    names = [DOMAIN, *(f"{number}.test" for number in range(links - 1)), SUBDOMAIN]
    records = {name: f"CNAME {target}" for name, target in pairwise(names)}
    assert found(server, records).lead is lead


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({}, "DNS does not know it"),
        ({DOMAIN: NOTHING}, "it has no CNAME"),
        (
            {DOMAIN: "A 203.0.113.9 203.0.113.10"},
            "it has no CNAME, but the address 203.0.113.10, 203.0.113.9",
        ),
        ({DOMAIN: "AAAA 2001:db8::1"}, "it has no CNAME, but the address 2001:db8::1"),
        (
            {DOMAIN: "CNAME other.gateway.test", "other.gateway.test": "A 203.0.113.9"},
            f"its CNAME leads elsewhere: {DOMAIN} -> other.gateway.test",
        ),
        (
            {DOMAIN: "CNAME gone.test"},
            f"its CNAME leads elsewhere: {DOMAIN} -> gone.test",
        ),
        (
            {DOMAIN: f"CNAME x.{SUBDOMAIN}"},
            f"its CNAME leads elsewhere: {DOMAIN} -> x.{SUBDOMAIN}",
        ),
        (
            {DOMAIN: "CNAME a.test", "a.test": "CNAME b.test", "b.test": "CNAME a.test"},
            f"its CNAME goes in a circle: {DOMAIN} -> a.test -> b.test -> a.test",
        ),
        (
            {DOMAIN: f"CNAME {DOMAIN}"},
            f"its CNAME goes in a circle: {DOMAIN} -> {DOMAIN}",
        ),
        (
            {DOMAIN: "CNAME 0.test", **{f"{n}.test": f"CNAME {n + 1}.test" for n in range(99)}},
            f"it is led through more than {MOST_LINKS} CNAME records",
        ),
    ],
)
def test_what_leads_elsewhere_is_told_with_the_record_to_make(
    server: DnsServer, names: dict[str, str], what: str
) -> None:
    assert found(server, names) == Finding(Lead.ELSEWHERE, f"{what}; {MEND}")


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"])
def test_a_server_that_fails_says_nothing_of_the_domain(server: DnsServer, code: str) -> None:
    finding = found(server, {DOMAIN: code})
    assert finding == Finding(Lead.UNKNOWN, f"DNS server {server.text}: {code}")


def test_a_server_that_is_silent_says_nothing_of_the_domain(server: DnsServer) -> None:
    finding = found(server, {DOMAIN: SILENT}, timeout_s=0.2)
    what = f"DNS server {server.text}: no answer within 0.2 s"
    assert finding == Finding(Lead.UNKNOWN, what)


def test_a_chain_that_breaks_off_in_silence_is_no_finding_about_the_domain(
    server: DnsServer,
) -> None:
    finding = found(server, {DOMAIN: "CNAME a.test", "a.test": "SERVFAIL"})
    assert finding.lead is Lead.UNKNOWN


def test_the_next_server_is_asked_when_one_is_silent_or_fails(server: DnsServer) -> None:
    server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    for code in ("SERVFAIL", SILENT):
        with dns_server({DOMAIN: code}) as broken:
            asked = settings(broken, server, timeout_s=6)  # a third of it for one that is silent
            finding = asyncio.run(verify_domain(Question(DOMAIN, SUBDOMAIN), asked))
        assert finding.lead is Lead.HERE


def test_each_server_is_quoted_when_none_helps(server: DnsServer) -> None:
    server.names = {DOMAIN: SILENT}
    with dns_server({DOMAIN: "REFUSED"}) as other:
        asked = settings(other, server, timeout_s=3)
        finding = asyncio.run(verify_domain(Question(DOMAIN, SUBDOMAIN), asked))
        assert finding == Finding(
            Lead.UNKNOWN,
            f"DNS server {other.text}: REFUSED; DNS server {server.text}: no answer within 3 s",
        )


def test_many_domains_are_asked_about_at_a_time_and_told_in_order(server: DnsServer) -> None:
    count = 60
    server.names = {f"{n}.example.com": f"CNAME {n}.gateway.test" for n in range(0, count, 2)}
    questions = [Question(f"{n}.example.com", f"{n}.gateway.test") for n in range(count)]
    findings: Sequence[Finding] = asyncio.run(verify_domains(questions, settings(server)))
    leads = [finding.lead for finding in findings]
    assert leads == [Lead.HERE, Lead.ELSEWHERE] * (count // 2)


def test_the_systems_servers_are_asked_when_none_are_named(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_servers_of_the_system", lambda: [server.address])
    server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    asked = DomainSettings(timeout_seconds=PATIENCE_S)
    finding = asyncio.run(verify_domain(Question(DOMAIN, SUBDOMAIN), asked))
    assert finding.lead is Lead.HERE


def test_a_system_without_dns_servers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        nameservers: Sequence[str] = ()

    monkeypatch.setattr(verify, "Resolver", Nowhere)
    finding = asyncio.run(verify_domain(Question(DOMAIN, SUBDOMAIN), DomainSettings()))
    assert finding == Finding(
        Lead.UNKNOWN,
        "this system names no DNS server; name one in gateway.yaml, such as "
        "domains: {resolvers: [10.0.0.2]}",
    )


def test_a_name_that_dns_cannot_hold_is_told(server: DnsServer) -> None:
    question = Question(DOMAIN, f"{'a' * 64}.gateway.test")
    finding = asyncio.run(verify_domain(question, settings(server)))
    assert finding.lead is Lead.UNKNOWN
    assert finding.text.startswith("DNS cannot be asked: ")
