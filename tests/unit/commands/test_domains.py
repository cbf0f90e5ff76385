"""`apigateway domains`: what is shown of domains, and what asking DNS by hand records."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dns_server import NOTHING, SILENT
from unit.commands.domain_place import DAY_MS, DOMAIN, OTHER, SUBDOMAIN, Place, now_ms, open_place

from apigateway.model.domain_binding import DomainBinding


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_place(tmp_path) as place:
        yield place


def test_every_domain_is_listed_with_its_kind_and_its_group(place: Place) -> None:
    rows = place.shown("list")
    assert [(row["domain"], row["kind"], row["group"]) for row in rows] == [
        ("accounts.apigw.localhost", "second-level", "accounts"),
        (OTHER, "independent", "accounts"),
        (SUBDOMAIN, "second-level", "weather"),
        (DOMAIN, "independent", "weather"),
    ]


def test_what_was_not_verified_yet_has_a_day(place: Place) -> None:
    (row,) = (row for row in place.shown("list") if row["domain"] == DOMAIN)
    assert (row["state"], row["served"], row["finding"]) == ("binding", True, "")
    assert row["seconds_left"] == 86_400


def test_the_table_says_what_to_do(place: Place) -> None:
    place.run("verify")
    table = place.run("list", "--group", "weather").stdout
    assert f"{SUBDOMAIN}" in table
    assert "1000 calls a day" in table
    assert re.search(r"binding, (24 h 00|23 h 59) min", table)
    assert f"{DOMAIN}: DNS does not know it; make a CNAME record: {DOMAIN} -> {SUBDOMAIN}" in table
    assert "accounts" not in table


def test_the_table_says_nothing_more_of_what_is_verified(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    assert place.run("verify", "API.weather.localhost.").exit_code == 0
    table = place.run("list").stdout
    assert "bound" in table
    assert "CNAME:" not in table


def test_a_withdrawn_and_a_taken_domain_are_told_apart(place: Place) -> None:
    group, long_ago = place.group(), now_ms() - 2 * DAY_MS
    place.record(
        DomainBinding(
            domain=DOMAIN,
            group_id=group.id,
            bound_ms=long_ago,
            lapsed_ms=long_ago,
            finding="it has no CNAME",
        ),
        DomainBinding(domain=OTHER, group_id=group.id, bound_ms=long_ago, verified_ms=long_ago),
    )
    rows = {row["domain"]: row for row in place.shown("list")}
    assert (rows[DOMAIN]["state"], rows[DOMAIN]["served"]) == ("lapsed", False)
    assert (rows[OTHER]["state"], rows[OTHER]["served"]) == ("taken", False)
    assert (rows[OTHER]["holder"], rows[DOMAIN]["holder"]) == ("weather", None)
    table = place.run("list").stdout
    assert "taken by weather" in table
    assert f"{DOMAIN}: it has no CNAME, then run: apigateway domains verify {DOMAIN}\n" in table


def test_a_certificate_is_shown_with_its_end(place: Place) -> None:
    place.certify()
    (row,) = (row for row in place.shown("list") if row["domain"] == DOMAIN)
    assert row["environment"] == "TEST"
    assert row["certificate_until"][:10] in place.run("list").stdout


def test_without_verification_everything_is_bound_and_the_list_says_why(place: Place) -> None:
    place.settings(verify="off")
    done = place.run("list")
    assert {row["state"] for row in place.shown("list")} == {"bound"}
    assert done.stdout.rstrip().endswith(
        "domains are not verified: gateway.yaml does not say domains: {verify: cname}"
    )


def test_asking_dns_verifies_and_records_with_who_asked(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    done = place.run("verify", DOMAIN, "--by", "ann")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{DOMAIN} of weather: bound; CNAME: {DOMAIN} -> {SUBDOMAIN}\n"
    assert place.recorded()[DOMAIN].verified_ms
    assert [(entry.action, entry.by) for entry in place.audit()] == [("bind-domain", "ann")]
    place.server.names.clear()
    (row,) = (row for row in place.shown("list") if row["domain"] == DOMAIN)
    assert (row["state"], row["seconds_left"]) == ("bound", None)


def test_what_does_not_lead_here_ends_the_command_with_1(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}", OTHER: NOTHING}
    done = place.run("verify")
    assert done.exit_code == 1
    assert f"{OTHER} of accounts: binding; it has no CNAME; make a CNAME record" in done.stdout
    assert {name: bool(one.verified_ms) for name, one in place.recorded().items()} == {
        DOMAIN: True,
        OTHER: False,
    }


def test_a_verified_domain_stays_so_when_dns_is_gone(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    place.run("verify", DOMAIN)
    place.settings(verify="cname", timeout_seconds=0.5)
    place.server.names = {DOMAIN: SILENT}
    (row,) = place.shown("verify", DOMAIN)
    assert (row["state"], row["leads_here"]) == ("bound", False)
    assert row["finding"] == f"DNS server {place.server.text}: no answer within 0.5 s"
    assert place.recorded()[DOMAIN].finding == f"CNAME: {DOMAIN} -> {SUBDOMAIN}"


def test_a_withdrawn_binding_begins_anew_when_it_is_asked_about_and_leads_here(
    place: Place,
) -> None:
    group, long_ago = place.group(), now_ms() - 2 * DAY_MS
    place.record(
        DomainBinding(domain=DOMAIN, group_id=group.id, bound_ms=long_ago, lapsed_ms=long_ago)
    )
    assert place.shown("verify", DOMAIN)[0]["state"] == "lapsed"
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    assert place.shown("verify", DOMAIN)[0]["state"] == "bound"


def test_without_verification_dns_is_asked_and_nothing_recorded(place: Place) -> None:
    place.settings(verify="off")
    done = place.run("verify", DOMAIN)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{DOMAIN} of weather: bound; DNS does not know it; ")
    assert (place.recorded(), place.audit()) == ({}, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["verify", "api.wether.localhost"],
            f'no group has the domain "api.wether.localhost"; did you mean "{DOMAIN}"?',
        ),
        (["verify", SUBDOMAIN], f'"{SUBDOMAIN}" is a second-level domain'),
        (["list", "--group", "wether"], 'there is no group "wether"; did you mean "weather"?'),
    ],
)
def test_a_name_that_is_not_there_is_told(place: Place, words: list[str], message: str) -> None:
    done = place.run(*words)
    assert done.exit_code == 2
    assert message in done.output
