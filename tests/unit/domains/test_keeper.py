"""The rounds of the keeper: what it asks and records, and that it writes nothing for nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from dns_server import NOTHING, dns_server
from unit.domains.declared import (
    API,
    DAY,
    ELSEWHERE,
    HERE,
    HOUR,
    NOW_MS,
    SECOND,
    SHOP,
    UNKNOWN,
    Dns,
    group,
    project,
)

from apigateway.definition.project import Project
from apigateway.domains.keeper import RECHECK_MS, DomainKeeper
from apigateway.domains.states import DomainState, standings
from apigateway.domains.verify import Finding, Question
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.settings import DomainProof, DomainSettings
from apigateway.ports import StoreUnavailable
from apigateway.store.memory import MemoryStore
from apigateway.store.sqlite import SqliteStore

MINUTE = 60 * SECOND
DECLARED = project(group("weather", API), group("accounts"))
MOVED = project(group("weather"), group("accounts", API))


class House:
    """A keeper with its store, and DNS as a test tells it."""

    def __init__(self, declared: Project = DECLARED) -> None:
        self.project = declared
        self.store = MemoryStore()
        self.dns = Dns()
        self.keeper = self.another()

    def another(self) -> DomainKeeper:
        return DomainKeeper(self.store.domain_bindings, self.store.audit, self.dns.verify)

    def look(self, now_ms: int, declared: Project | None = None) -> None:
        self.project = declared or self.project
        asyncio.run(self.keeper.look(self.project, now_ms))

    def state(self, now_ms: int, domain: str = API) -> DomainState:
        found = standings(self.project, self.store.domain_bindings.all(), now_ms)
        return {one.domain.name: one.state for one in found}[domain]

    @property
    def actions(self) -> list[str]:
        """The audit log, oldest first."""
        return [f"{one.action} {one.subject}" for one in reversed(self.store.audit.entries())]

    @property
    def recorded(self) -> DomainBinding:
        (binding,) = self.store.domain_bindings.all()
        return binding


def test_what_is_declared_is_put_on_record_and_asked_about() -> None:
    house = House()
    house.look(NOW_MS)
    assert house.dns.asked == [API]
    assert (house.recorded.bound_ms, house.recorded.verified_ms) == (NOW_MS, 0)
    assert house.recorded.finding == ELSEWHERE.text
    assert house.state(NOW_MS) is DomainState.BINDING
    assert house.actions == [f"bind-domain {API}"]


def test_a_domain_is_verified_when_its_cname_comes() -> None:
    house = House()
    house.look(NOW_MS)
    house.dns.says[API] = "weather"
    house.look(NOW_MS + MINUTE)
    assert house.state(NOW_MS + MINUTE) is DomainState.BOUND
    assert (house.recorded.bound_ms, house.recorded.verified_ms) == (NOW_MS, NOW_MS + MINUTE)
    assert house.actions == [f"bind-domain {API}", f"verify-domain {API}"]
    entry = house.store.audit.entries()[0]
    assert (entry.by, entry.note, entry.at_ms) == ("gateway", HERE.text, NOW_MS + MINUTE)
    assert entry.before == {"group": "weather", "verified": False, "lapsed": False}
    assert entry.after == {"group": "weather", "verified": True, "lapsed": False}


def test_a_pending_domain_is_asked_about_every_minute_and_a_verified_one_every_day() -> None:
    house = House()
    for now_ms in range(NOW_MS, NOW_MS + 3 * MINUTE, 5 * SECOND):
        house.look(now_ms)
    assert len(house.dns.asked) == 3
    house.dns.says[API] = "weather"
    house.look(verified_ms := NOW_MS + 3 * MINUTE)
    house.dns.asked.clear()
    for now_ms in range(verified_ms, verified_ms + 2 * RECHECK_MS + MINUTE, HOUR):
        house.look(now_ms)
    assert len(house.dns.asked) == 2


def test_how_often_is_a_setting() -> None:
    settings = DomainSettings(verify=DomainProof.CNAME, every_seconds=7)
    house = House(project(group("weather", API), settings=settings))
    for now_ms in range(NOW_MS, NOW_MS + 14 * SECOND + 1, SECOND):
        house.look(now_ms)
    assert len(house.dns.asked) == 3


def test_a_clock_that_goes_back_does_not_silence_the_keeper() -> None:
    house = House()
    house.look(NOW_MS)
    house.look(NOW_MS - HOUR)
    assert len(house.dns.asked) == 2


@pytest.mark.parametrize("says", ["weather", ELSEWHERE, UNKNOWN])
def test_rounds_that_find_the_same_write_nothing(says: "str | Finding") -> None:
    house = House()
    house.dns.says[API] = says
    house.look(NOW_MS)
    changes = house.store.releases.changes()
    for now_ms in range(NOW_MS, NOW_MS + HOUR, MINUTE):
        house.look(now_ms)
    house.keeper = house.another()  # as after a restart
    house.look(NOW_MS + HOUR)
    assert house.store.releases.changes() == changes
    assert len(house.actions) == 1


def test_servers_that_fail_now_and_then_write_nothing() -> None:
    house = House()
    for minute in range(20):
        house.dns.says[API] = UNKNOWN if minute % 2 else ELSEWHERE
        house.look(NOW_MS + minute * MINUTE)
    assert house.store.releases.changes() == 1


def test_a_binding_that_nobody_verified_is_withdrawn_after_a_day() -> None:
    house = House()
    for now_ms in range(NOW_MS, NOW_MS + DAY + MINUTE, MINUTE):
        house.look(now_ms)
    assert house.recorded.lapsed_ms == NOW_MS + DAY
    assert house.state(NOW_MS + DAY) is DomainState.LAPSED
    assert house.actions == [f"bind-domain {API}", f"lapse-domain {API}"]
    house.dns.asked.clear()
    house.dns.says[API] = "weather"
    for now_ms in range(NOW_MS + 2 * DAY, NOW_MS + 2 * DAY + HOUR, MINUTE):
        house.look(now_ms)
    assert house.dns.asked == []
    assert house.state(NOW_MS + 3 * DAY) is DomainState.LAPSED


def test_dns_is_asked_once_more_before_a_binding_is_withdrawn() -> None:
    house = House()
    house.look(NOW_MS)
    house.dns.says[API] = "weather"
    house.keeper = house.another()  # the gateway was off meanwhile
    house.look(NOW_MS + 3 * DAY)
    assert house.state(NOW_MS + 3 * DAY) is DomainState.BOUND
    assert house.recorded.lapsed_ms == 0


@pytest.mark.parametrize("says", [ELSEWHERE, UNKNOWN])
def test_a_verified_domain_is_never_withdrawn(says: Finding) -> None:
    house = House()
    house.dns.says[API] = "weather"
    house.look(NOW_MS)
    house.dns.says[API] = says
    for now_ms in range(NOW_MS, NOW_MS + 5 * DAY, HOUR):
        house.look(now_ms)
    assert house.state(NOW_MS + 5 * DAY) is DomainState.BOUND
    assert house.recorded.finding == (ELSEWHERE.text if says is ELSEWHERE else HERE.text)
    assert house.actions == [f"bind-domain {API}"]


def test_a_cname_that_changed_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.dns.says[API] = "weather"
    house.look(NOW_MS)
    house.dns.says[API] = ELSEWHERE
    with caplog.at_level("INFO"):
        house.look(NOW_MS + RECHECK_MS)
        house.look(NOW_MS + 2 * RECHECK_MS)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (f"domain {API} of the group weather: bound; {ELSEWHERE.text}")


def test_a_domain_moves_to_the_group_that_its_cname_leads_to() -> None:
    house = House()
    house.dns.says[API] = "weather"
    house.look(NOW_MS)
    house.look(NOW_MS + MINUTE, MOVED)
    assert house.state(NOW_MS + MINUTE) is DomainState.TAKEN
    assert house.recorded.group_id == DECLARED.groups[0].id
    house.dns.says[API] = "accounts"
    house.look(NOW_MS + 2 * MINUTE)
    assert house.state(NOW_MS + 2 * MINUTE) is DomainState.BOUND
    assert house.recorded.group_id == MOVED.groups[1].id
    assert house.actions == [f"bind-domain {API}", f"bind-domain {API}"]
    entry = house.store.audit.entries()[0]
    assert (entry.before["group"], entry.after["group"]) == ("weather", "accounts")


def test_a_domain_that_is_taken_is_told_with_who_has_it(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.dns.says[API] = "weather"
    house.look(NOW_MS)
    with caplog.at_level("INFO"):
        house.look(NOW_MS + MINUTE, MOVED)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"domain {API} of the group accounts: taken by weather; {ELSEWHERE.text}"
    )


def test_an_unverified_domain_that_moves_begins_anew() -> None:
    house = House()
    house.look(NOW_MS)
    house.look(NOW_MS + 2 * DAY, MOVED)
    assert (house.recorded.group_id, house.recorded.bound_ms) == (
        MOVED.groups[1].id,
        NOW_MS + 2 * DAY,
    )
    assert house.state(NOW_MS + 2 * DAY) is DomainState.BINDING


def test_what_is_no_longer_declared_is_forgotten_and_begins_anew_when_it_is_back() -> None:
    house = House()
    house.look(NOW_MS)
    house.look(NOW_MS + DAY)
    assert house.recorded.lapsed_ms
    house.look(NOW_MS + DAY + MINUTE, project(group("weather"), group("accounts")))
    assert house.store.domain_bindings.all() == []
    assert house.actions[-1] == f"unbind-domain {API}"
    house.look(NOW_MS + DAY + 2 * MINUTE, DECLARED)
    assert house.state(NOW_MS + DAY + 2 * MINUTE) is DomainState.BINDING
    assert house.dns.asked == [API] * 3


def test_without_verification_nothing_is_asked_and_nothing_recorded() -> None:
    house = House(project(group("weather", API), verify=DomainProof.OFF))
    house.look(NOW_MS)
    assert (house.dns.asked, house.store.releases.changes()) == ([], 0)


def test_one_round_is_one_record_of_all_that_changed() -> None:
    domains = [f"{number}.example.com" for number in range(5)]
    house = House(project(group("weather", *domains)))
    house.look(NOW_MS)
    assert len(house.store.domain_bindings.all()) == 5
    assert house.store.releases.changes() == 1


def test_what_somebody_recorded_while_dns_was_asked_stays() -> None:
    house = House()
    theirs = DomainBinding(domain=API, group_id="b" * 32, bound_ms=NOW_MS, verified_ms=NOW_MS)

    async def slow(questions: Sequence[Question], settings: DomainSettings) -> Sequence[Finding]:
        house.store.domain_bindings.record([theirs])
        return await house.dns.verify(questions, settings)

    keeper = DomainKeeper(house.store.domain_bindings, house.store.audit, slow)
    asyncio.run(keeper.look(house.project, NOW_MS))
    assert house.recorded == theirs
    assert house.actions == []


def test_a_store_that_fails_is_asked_again_in_the_next_round() -> None:
    house = House()
    house.dns.says[API] = "weather"

    class Broken(type(house.store.domain_bindings)):  # type: ignore[misc]
        def record(self, bindings: Sequence[DomainBinding]) -> None:
            raise StoreUnavailable("locked")

    broken = Broken(house.store.releases)
    keeper = DomainKeeper(broken, house.store.audit, house.dns.verify)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            asyncio.run(keeper.look(house.project, NOW_MS))
    assert house.dns.asked == [API, API]


def test_a_real_cname_verifies_a_real_store_from_pending_to_bound(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    store.open()
    try:
        with dns_server({API: NOTHING, SHOP: "CNAME accounts.gateway.test"}) as server:
            settings = DomainSettings(verify=DomainProof.CNAME, resolvers=(server.address,))
            declared = project(group("weather", API), group("accounts", SHOP), settings=settings)
            keeper = DomainKeeper(store.domain_bindings, store.audit)

            def states(now_ms: int) -> list[DomainState]:
                asyncio.run(keeper.look(declared, now_ms))
                found = standings(declared, store.domain_bindings.all(), now_ms)
                return [one.state for one in found]

            assert states(NOW_MS) == [DomainState.BINDING, DomainState.BOUND]
            server.names[API] = "CNAME www.example.com"
            server.names["www.example.com"] = "CNAME weather.gateway.test"
            assert states(NOW_MS + MINUTE) == [DomainState.BOUND, DomainState.BOUND]
            assert store.domain_bindings.all()[0].finding == (
                f"CNAME: {API} -> www.example.com -> weather.gateway.test"
            )
            server.names.clear()
            assert states(NOW_MS + 2 * DAY) == [DomainState.BOUND, DomainState.BOUND]
            assert [one.action for one in store.audit.entries(subject=API)] == [
                "verify-domain",
                "bind-domain",
            ]
            moved = replace(declared, groups=(group("weather"), group("accounts", API, SHOP)))
            asyncio.run(keeper.look(moved, NOW_MS + 2 * DAY))
            found = standings(moved, store.domain_bindings.all(), NOW_MS + 2 * DAY)
            assert [one.state for one in found] == [DomainState.TAKEN, DomainState.BOUND]
    finally:
        store.close()
