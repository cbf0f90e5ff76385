"""Which limits count a call, how they are charged, and what a full one answers."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from unit.build import (
    APP,
    GROUP,
    NOW_MS,
    SETTINGS,
    OpenCounters,
    a_catalog,
    a_pass,
    an_api,
    refusal_of,
    serve,
)

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled
from apigateway.model.catalog import BoundDomain
from apigateway.model.group import Domain, DomainKind, Environment
from apigateway.model.policy import SpecialLimit, ThrottlingPolicy, WindowUnit
from apigateway.model.settings import StandingLimits
from apigateway.ports import Counters, Dimension, Limit, Standing, StoreUnavailable, Tally
from apigateway.stages.throttling import (
    Throttling,
    policy_limits,
    rate_limit_headers,
    remaining_headers,
    standing_limits,
)
from apigateway.store.memory import MemoryStore

PLACE = f"{'a' * 32}:RELEASE"


def policy(**changes: Any) -> ThrottlingPolicy:
    return ThrottlingPolicy(
        **{
            "id": "p",
            "name": "basic",
            "region": "cn-hangzhou",
            "unit": WindowUnit.MINUTE,
            "api": 100,
            "user": 50,
            "app": 10,
            **changes,
        }
    )


def named(policy: ThrottlingPolicy, app: Any = APP) -> dict[Dimension, int]:
    return {limit.dimension: limit.ceiling for limit in policy_limits(policy, PLACE, app)}


def take(call: Authorized, counters: Counters) -> Throttled:
    return asyncio.run(Throttling(counters)(call))


def test_every_call_is_counted_by_address_and_group() -> None:
    limits = list(standing_limits(a_pass(Authorized)))
    assert limits == [
        Limit(f"ip:{PLACE}:192.0.2.7", 100, WindowUnit.SECOND, Dimension.CLIENT_IP),
        Limit(f"group:{GROUP.id}", 500, WindowUnit.SECOND, Dimension.GROUP),
    ]


def test_a_second_level_domain_has_1000_calls_a_day() -> None:
    domain = Domain(name=GROUP.subdomain, kind=DomainKind.SECOND_LEVEL)
    call = a_pass(Authorized, bound=BoundDomain(domain=domain, group=GROUP))
    limit = list(standing_limits(call))[1]
    assert limit == Limit(f"domain:{GROUP.subdomain}", 1000, WindowUnit.DAY, Dimension.DOMAIN)


def test_addresses_apis_and_environments_are_counted_apart() -> None:
    calls = [
        a_pass(Authorized),
        a_pass(Authorized, client_ip="192.0.2.8"),
        a_pass(Authorized, environment=Environment.TEST),
        a_pass(Authorized, serve(an_api(id="b" * 32))),
    ]
    keys = [next(standing_limits(call)).key for call in calls]
    assert len(set(keys)) == 4


def test_a_policy_limits_api_user_and_app() -> None:
    assert list(policy_limits(policy(), PLACE, APP)) == [
        Limit(f"api:{PLACE}:minute", 100, WindowUnit.MINUTE, Dimension.API),
        Limit(f"user:{PLACE}:minute:1001", 50, WindowUnit.MINUTE, Dimension.USER),
        Limit(f"app:{PLACE}:minute:100", 10, WindowUnit.MINUTE, Dimension.APP),
    ]


def test_an_anonymous_caller_counts_for_the_api_only() -> None:
    special = (SpecialLimit(limit=1, app="phone"), SpecialLimit(limit=1, user="1001"))
    assert named(policy(special=special), None) == {Dimension.API: 100}


def test_limits_that_are_not_declared_do_not_count() -> None:
    assert named(policy(user=None, app=None)) == {Dimension.API: 100}


def test_a_special_limit_replaces_its_subjects_own_and_the_api_limit_stays() -> None:
    for_app = policy(special=(SpecialLimit(limit=77, app="phone"),))
    assert named(for_app) == {Dimension.API: 100, Dimension.USER: 50, Dimension.APP: 77}
    for_user = policy(special=(SpecialLimit(limit=88, user="1001"),))
    assert named(for_user) == {Dimension.API: 100, Dimension.USER: 88, Dimension.APP: 10}


def test_a_special_limit_holds_where_no_basic_one_is_declared() -> None:
    special = (SpecialLimit(limit=7, app="phone"), SpecialLimit(limit=8, user="1001"))
    assert named(policy(user=None, app=None, special=special)) == {
        Dimension.API: 100,
        Dimension.USER: 8,
        Dimension.APP: 7,
    }


def test_a_special_limit_of_another_subject_changes_nothing() -> None:
    special = (SpecialLimit(limit=1, app="1001"), SpecialLimit(limit=1, user="phone"))
    assert named(policy(special=special)) == named(policy())


def test_the_counters_are_asked_once_for_all_limits_at_the_calls_time() -> None:
    asked: list[tuple[list[Limit], int]] = []

    class Asked(OpenCounters):
        async def take(self, limits: Any, now_ms: int) -> Tally:
            asked.append((list(limits), now_ms))
            return Tally(())

    take(a_pass(Authorized, serve(an_api(), throttling=policy()), app=APP), Asked())
    assert len(asked) == 1
    assert [limit.dimension for limit in asked[0][0]] == [
        Dimension.CLIENT_IP,
        Dimension.GROUP,
        Dimension.API,
        Dimension.USER,
        Dimension.APP,
    ]
    assert asked[0][1] == NOW_MS


def test_a_tally_is_kept_in_the_pass() -> None:
    call = take(a_pass(Authorized), MemoryStore().counters)
    assert [standing.used for standing in call.tally.standings] == [1, 1]


FULL = {
    Dimension.API: (Fault.THROTTLED_BY_API, "T429PA"),
    Dimension.USER: (Fault.THROTTLED_BY_USER, "T429PR"),
    Dimension.APP: (Fault.THROTTLED_BY_APP, "T429PR"),
    Dimension.CLIENT_IP: (Fault.THROTTLED_BY_CLIENT_IP, "T429MR"),
    Dimension.GROUP: (Fault.THROTTLED_BY_GROUP, "T429GR"),
    Dimension.DOMAIN: (Fault.THROTTLED_BY_DOMAIN, "T429ID"),
}


@pytest.mark.parametrize("dimension", Dimension)
def test_a_full_limit_answers_with_its_own_fault_and_when_to_come_back(
    dimension: Dimension,
) -> None:
    class FullCounters:
        async def take(self, limits: Any, now_ms: int) -> Tally:
            limit = Limit("k", 6, WindowUnit.MINUTE, dimension)
            standing = Standing(limit, 6, now_ms + 12_001)
            return Tally((standing,), standing)

    fault, code = FULL[dimension]
    call = a_pass(Authorized, host="h.test")
    refusal = refusal_of(lambda: take(call, FullCounters()), fault)
    assert fault.value.code == code
    assert refusal.retry_after_s == 13
    assert refusal.parts == {"client_ip": "192.0.2.7", "domain": "h.test", "ceiling": "6"}
    assert dict(refusal.headers)["RateLimit"].endswith(";r=0;t=13")


def test_every_dimension_has_a_fault() -> None:
    assert set(FULL) == set(Dimension)


def test_rate_limit_fields_name_the_limit_its_window_and_what_is_left() -> None:
    limit = Limit("k", 100, WindowUnit.HOUR, Dimension.CLIENT_IP)
    assert rate_limit_headers(Standing(limit, 40, NOW_MS + 1), NOW_MS) == (
        ("RateLimit-Policy", '"client-ip";q=100;w=3600'),
        ("RateLimit", '"client-ip";r=60;t=1'),
    )


@pytest.mark.parametrize("resets_ms", [NOW_MS, NOW_MS - 3_600_000])
def test_a_reset_is_never_negative_even_when_the_clock_moved(resets_ms: int) -> None:
    limit = Limit("k", 1, WindowUnit.SECOND, Dimension.API)
    assert rate_limit_headers(Standing(limit, 5, resets_ms), NOW_MS)[1] == (
        "RateLimit",
        '"api";r=0;t=1',
    )


def test_six_a_minute_lets_six_pass_and_counts_none_of_the_refused() -> None:
    counters = MemoryStore().counters
    served = serve(an_api(), throttling=policy(api=6, user=None, app=None))
    call = a_pass(Authorized, served)
    remaining = [take(call, counters).tally.standings[-1].remaining for _ in range(6)]
    assert remaining == [5, 4, 3, 2, 1, 0]
    with pytest.raises(Refusal) as caught:
        take(call, counters)
    assert caught.value.fault is Fault.THROTTLED_BY_API
    later = replace_time(served, NOW_MS - NOW_MS % 60_000 + 60_000)
    assert take(later, counters).tally.standings[-1].remaining == 5


def replace_time(served: Any, now_ms: int) -> Authorized:
    return a_pass(Authorized, served, received_ms=now_ms)


def test_a_call_that_one_limit_refuses_is_charged_to_none() -> None:
    counters = MemoryStore().counters
    tight = serve(an_api(), throttling=policy(api=1, user=None, app=None))
    loose = serve(an_api(), throttling=policy(api=100, user=None, app=None))
    take(a_pass(Authorized, tight), counters)
    with pytest.raises(Refusal):
        take(a_pass(Authorized, tight), counters)
    tally = take(a_pass(Authorized, loose), counters).tally
    assert [standing.used for standing in tally.standings] == [2, 2, 2]


def test_of_200_parallel_calls_at_50_exactly_50_pass() -> None:
    counters = MemoryStore().counters
    limits = StandingLimits(client_ip_per_second=50)
    served = serve(an_api())
    catalog = a_catalog(served, settings=replace(SETTINGS, limits=limits))
    call = a_pass(Authorized, served, catalog=catalog)
    stage = Throttling(counters)

    async def all_at_once() -> list[object]:
        return await asyncio.gather(*(stage(call) for _ in range(200)), return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 50
    assert sum(isinstance(outcome, Refusal) for outcome in outcomes) == 150


def test_a_store_that_fails_is_no_unlimited_pass() -> None:
    store = MemoryStore()
    store.close()
    with pytest.raises(StoreUnavailable):
        take(a_pass(Authorized), store.counters)


def test_the_limit_with_the_least_left_is_told_to_a_call_that_passes() -> None:
    served = serve(an_api(), throttling=policy(api=100, user=6, app=6))
    store = MemoryStore()
    told = []
    for _ in range(6):
        call = take(a_pass(Authorized, served, app=APP), store.counters)
        told.append(dict(remaining_headers(call)))
    assert [fields["RateLimit"].split(";")[:2] for fields in told] == [
        ['"user"', f"r={left}"] for left in (5, 4, 3, 2, 1, 0)
    ]
    assert {fields["RateLimit-Policy"] for fields in told} == {'"user";q=6;w=60'}


def test_a_call_without_a_policy_is_told_nothing_of_the_standing_limits() -> None:
    call = take(a_pass(Authorized), MemoryStore().counters)
    assert call.tally.standings
    assert remaining_headers(call) == ()
