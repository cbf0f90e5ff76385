"""Which domains are served, by what is declared, what is on record and what time it is."""

from dataclasses import replace

import pytest
from unit.domains.declared import API, DAY, HOUR, NOW_MS, SHOP, group, project

from apigateway.definition.compile import compile_catalog
from apigateway.definition.project import Project
from apigateway.domains.states import DomainStanding, DomainState, standings, withdrawn_domains
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Group
from apigateway.model.settings import DomainProof, DomainSettings

WEATHER = group("weather", API)
ACCOUNTS = group("accounts")
PENDING = DomainBinding(domain=API, group_id=WEATHER.id, bound_ms=NOW_MS, finding="no CNAME")
VERIFIED = replace(PENDING, verified_ms=NOW_MS + 1)
MOVED = project(group("weather"), group("accounts", API))


def one(declared: Project, *bindings: DomainBinding, now_ms: int = NOW_MS) -> DomainStanding:
    (standing,) = standings(declared, bindings, now_ms)
    return standing


def test_a_verified_domain_is_bound_for_good() -> None:
    standing = one(project(WEATHER), VERIFIED, now_ms=NOW_MS + 999 * DAY)
    assert (standing.state, standing.lapses_ms) == (DomainState.BOUND, 0)
    assert standing.finding == "no CNAME"
    assert withdrawn_domains(project(WEATHER), [VERIFIED], NOW_MS + 999 * DAY) == frozenset()


def test_what_was_declared_just_now_is_being_bound_and_served() -> None:
    standing = one(project(WEATHER))
    assert (standing.state, standing.lapses_ms) == (DomainState.BINDING, NOW_MS + DAY)
    assert (standing.binding, standing.finding) == (None, "")
    assert withdrawn_domains(project(WEATHER), [], NOW_MS) == frozenset()


@pytest.mark.parametrize(
    ("after_ms", "state"),
    [
        (0, DomainState.BINDING),
        (DAY - 1, DomainState.BINDING),
        (DAY, DomainState.LAPSED),
        (DAY + 1, DomainState.LAPSED),
    ],
)
def test_a_binding_has_a_day_to_be_verified(after_ms: int, state: DomainState) -> None:
    standing = one(project(WEATHER), PENDING, now_ms=NOW_MS + after_ms)
    assert standing.state is state
    assert standing.lapses_ms == (NOW_MS + DAY if state is DomainState.BINDING else 0)
    withdrawn = withdrawn_domains(project(WEATHER), [PENDING], NOW_MS + after_ms)
    assert withdrawn == (frozenset({API}) if state is DomainState.LAPSED else frozenset())


def test_how_long_is_a_setting() -> None:
    settings = DomainSettings(verify=DomainProof.CNAME, lapse_hours=2)
    declared = project(WEATHER, settings=settings)
    assert one(declared, PENDING, now_ms=NOW_MS + 2 * HOUR - 1).state is DomainState.BINDING
    assert one(declared, PENDING, now_ms=NOW_MS + 2 * HOUR).state is DomainState.LAPSED


def test_what_was_withdrawn_stays_so_when_more_time_is_given_later() -> None:
    settings = DomainSettings(verify=DomainProof.CNAME, lapse_hours=999)
    withdrawn = replace(PENDING, lapsed_ms=NOW_MS + DAY)
    assert one(project(WEATHER, settings=settings), withdrawn).state is DomainState.LAPSED


def test_a_domain_that_another_group_holds_is_taken() -> None:
    standing = one(MOVED, VERIFIED)
    assert (standing.state, standing.holder) == (DomainState.TAKEN, "weather")
    assert standing.group.name == "accounts"
    assert withdrawn_domains(MOVED, [VERIFIED], NOW_MS) == {API}


def test_moved_back_it_is_bound_as_before() -> None:
    assert one(project(WEATHER, ACCOUNTS), VERIFIED).state is DomainState.BOUND


@pytest.mark.parametrize(
    "binding", [PENDING, replace(PENDING, lapsed_ms=NOW_MS + DAY)], ids=["pending", "lapsed"]
)
def test_a_group_that_never_verified_it_does_not_hold_it(binding: DomainBinding) -> None:
    standing = one(MOVED, binding, now_ms=NOW_MS + 9 * DAY)
    assert (standing.state, standing.holder) == (DomainState.BINDING, "")
    assert (standing.binding, standing.lapses_ms) == (None, NOW_MS + 10 * DAY)


def test_a_group_that_is_no_longer_declared_holds_nothing() -> None:
    standing = one(project(group("accounts", API)), VERIFIED)
    assert (standing.state, standing.binding) == (DomainState.BINDING, None)


@pytest.mark.parametrize("binding", [PENDING, VERIFIED, replace(PENDING, lapsed_ms=NOW_MS)])
@pytest.mark.parametrize("groups", [(WEATHER, ACCOUNTS), MOVED.groups], ids=["same", "moved"])
def test_without_verification_what_is_declared_is_bound(
    groups: tuple[Group, ...], binding: DomainBinding
) -> None:
    declared = project(*groups, verify=DomainProof.OFF)
    assert one(declared, binding, now_ms=NOW_MS + 9 * DAY).state is DomainState.BOUND
    assert withdrawn_domains(declared, [binding], NOW_MS + 9 * DAY) == frozenset()


def test_every_independent_domain_stands_in_the_order_of_the_files() -> None:
    declared = project(group("weather", SHOP, API), group("accounts", "a.example.com"))
    found = [(one.group.name, one.domain.name) for one in standings(declared, [], NOW_MS)]
    assert found == [("weather", SHOP), ("weather", API), ("accounts", "a.example.com")]


def test_a_withdrawn_domain_leads_nowhere_and_the_groups_own_one_still_does() -> None:
    declared = replace(project(WEATHER), apis=(), apps=(), grants=(), bindings=())
    withdrawn = withdrawn_domains(declared, [PENDING], NOW_MS + DAY)
    catalog = compile_catalog(declared, [], withdrawn=withdrawn)
    assert set(catalog.domains) == {WEATHER.subdomain}
    assert set(compile_catalog(declared, []).domains) == {WEATHER.subdomain, API}
