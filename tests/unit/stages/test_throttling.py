"""Which limits count a call, how they are charged, and what a full one answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from unit.build import (
    APP,
    GROUP,
    NOW_MS,
    SETTINGS,
    FreshNonces,
    OpenCounters,
    a_catalog,
    a_pass,
    an_api,
    no_sleep,
    refusal_of,
    serve,
)
from unit.build import (
    DOMAIN as DOMAIN_NAME,
)

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled
from apigateway.ledgers import SeparateLedger
from apigateway.model.app import App
from apigateway.model.catalog import ServedApi
from apigateway.model.group import Domain, DomainKind, Environment
from apigateway.model.policy import SecondMode, SpecialLimit, ThrottlingPolicy
from apigateway.model.settings import GatewaySettings, StandingLimits
from apigateway.model.windows import UTC_ZONE, WindowUnit, Zone
from apigateway.ports import (
    Counters,
    Dimension,
    Limit,
    NonceClaim,
    Nonces,
    Standing,
    StoreUnavailable,
    Tally,
)
from apigateway.stages.throttling import (
    CALLERS_KEPT,
    Throttling,
    limits_of,
    policy_limits,
    rate_limit_headers,
    remaining_headers,
)
from apigateway.store.memory import MemoryStore

Sleep = Callable[[float], Awaitable[object]]

PLACE = f"{'a' * 32}:RELEASE"
DOMAIN = Domain(name=DOMAIN_NAME, kind=DomainKind.INDEPENDENT)


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


def limits(policy: ThrottlingPolicy, app: App | None = APP, zone: Zone = UTC_ZONE) -> list[Limit]:
    return list(policy_limits(policy, PLACE, app, zone))


def named(policy: ThrottlingPolicy, app: App | None = APP) -> dict[Dimension, int]:
    return {limit.dimension: limit.ceiling for limit in limits(policy, app)}


def standing(
    served: ServedApi | None = None,
    *,
    client_ip: str | None = "192.0.2.7",
    domain: Domain | None = DOMAIN,
    settings: GatewaySettings = SETTINGS,
) -> list[Limit]:
    """What holds for a call although no policy is bound."""
    served = served or serve(an_api())
    return list(limits_of(settings, served, app=None, client_ip=client_ip, domain=domain))


def throttling(
    counters: Counters, nonces: Nonces | None = None, sleep: Sleep = no_sleep
) -> Throttling:
    return Throttling(SeparateLedger(counters, nonces or FreshNonces()), sleep)


def take(call: Authorized, counters: Counters) -> Throttled:
    return asyncio.run(throttling(counters)(call))


def test_every_call_is_counted_by_address_and_group() -> None:
    assert standing() == [
        Limit(f"ip:{PLACE}:192.0.2.7", 100, WindowUnit.SECOND, Dimension.CLIENT_IP),
        Limit(f"group:{GROUP.id}", 500, WindowUnit.SECOND, Dimension.GROUP),
    ]


def test_who_only_looks_may_leave_out_address_and_domain() -> None:
    assert [limit.dimension for limit in standing(client_ip=None, domain=None)] == [Dimension.GROUP]


def test_a_second_level_domain_has_1000_calls_a_day_of_the_zone() -> None:
    shanghai = Zone("Asia/Shanghai")
    domain = Domain(name=GROUP.subdomain, kind=DomainKind.SECOND_LEVEL)
    assert standing(domain=domain, settings=replace(SETTINGS, zone=shanghai))[1] == Limit(
        f"domain:{GROUP.subdomain}", 1000, WindowUnit.DAY, Dimension.DOMAIN, zone=shanghai
    )


def test_addresses_apis_and_environments_are_counted_apart() -> None:
    keys = [
        standing()[0].key,
        standing(client_ip="192.0.2.8")[0].key,
        standing(serve(an_api(), environment=Environment.TEST))[0].key,
        standing(serve(an_api(id="b" * 32)))[0].key,
    ]
    assert len(set(keys)) == 4


def test_a_policy_limits_api_user_and_app() -> None:
    assert limits(policy()) == [
        Limit(f"api:{PLACE}:minute", 100, WindowUnit.MINUTE, Dimension.API),
        Limit(f"user:{PLACE}:minute:1001", 50, WindowUnit.MINUTE, Dimension.USER),
        Limit(f"app:{PLACE}:minute:100", 10, WindowUnit.MINUTE, Dimension.APP),
    ]


def test_what_the_stage_takes_is_what_limits_of_says() -> None:
    served = serve(an_api(), throttling=policy())
    counters = OpenCounters()
    take(a_pass(Authorized, served, app=APP), counters)
    assert counters.taken == list(
        limits_of(SETTINGS, served, app=APP, client_ip="192.0.2.7", domain=DOMAIN)
    )


@pytest.mark.parametrize("unit", [WindowUnit.HOUR, WindowUnit.DAY])
def test_a_policy_counts_in_the_zone_of_the_settings(unit: WindowUnit) -> None:
    shanghai = Zone("Asia/Shanghai")
    served = serve(an_api(), throttling=policy(unit=unit))
    settings = replace(SETTINGS, zone=shanghai)
    of_policy = [
        limit
        for limit in limits_of(settings, served, app=APP, client_ip=None, domain=None)
        if limit.dimension is not Dimension.GROUP
    ]
    assert {limit.zone for limit in of_policy} == {shanghai}


@pytest.mark.parametrize(
    ("changes", "queues"),
    [
        pytest.param({}, [100, 50, 10], id="queue as long as the limit"),
        pytest.param({"queue": 7}, [7, 7, 7], id="queue of its own"),
        pytest.param({"queue": 0}, [0, 0, 0], id="no place in the queue"),
        pytest.param({"second_mode": SecondMode.REFUSE}, [0, 0, 0], id="refuse"),
        pytest.param({"second_mode": SecondMode.WINDOW}, [None, None, None], id="window"),
        pytest.param({"unit": WindowUnit.MINUTE}, [None, None, None], id="another unit"),
    ],
)
def test_limits_a_second_are_kept_as_their_mode_says(
    changes: dict[str, Any], queues: list[int | None]
) -> None:
    own = limits(policy(**{"unit": WindowUnit.SECOND, **changes}))
    assert [limit.queue for limit in own] == queues
    assert len({limit.key for limit in own}) == 3


def test_a_bucket_and_a_window_never_share_a_key() -> None:
    modes = [
        limits(policy(unit=WindowUnit.SECOND, second_mode=mode))
        for mode in (SecondMode.QUEUE, SecondMode.WINDOW)
    ]
    assert not {limit.key for limit in modes[0]} & {limit.key for limit in modes[1]}


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
        async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
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
    class FullCounters(OpenCounters):
        async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
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
    served = serve(an_api())
    few = StandingLimits(client_ip_per_second=50)
    catalog = a_catalog(served, settings=replace(SETTINGS, limits=few))
    call = a_pass(Authorized, served, catalog=catalog)
    stage = throttling(counters)

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


def waited(call: Authorized, counters: Counters) -> list[float]:
    """How long the stage sleeps for a call that it lets through."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asyncio.run(throttling(counters, sleep=sleep)(call))
    return slept


def test_a_call_over_the_limit_waits_its_turn_and_then_passes() -> None:
    counters = MemoryStore().counters
    a_second = policy(unit=WindowUnit.SECOND, api=4, user=None, app=None, queue=2)
    call = a_pass(Authorized, serve(an_api(), throttling=a_second))
    assert [waited(call, counters) for _ in range(6)] == [[], [], [], [], [0.25], [0.5]]
    refusal = refusal_of(lambda: take(call, counters), Fault.THROTTLED_BY_API)
    assert refusal.retry_after_s == 1


def test_a_call_waits_as_long_as_its_slowest_limit() -> None:
    counters = MemoryStore().counters
    a_second = policy(unit=WindowUnit.SECOND, api=10, user=None, app=2)
    call = a_pass(Authorized, serve(an_api(), throttling=a_second), app=APP)
    assert [waited(call, counters) for _ in range(3)] == [[], [], [0.5]]


def test_a_call_that_another_limit_refuses_waits_for_nothing_and_takes_no_turn() -> None:
    counters = MemoryStore().counters
    a_second = policy(unit=WindowUnit.SECOND, api=1, user=None, app=None, queue=9)
    served = serve(an_api(), throttling=a_second)
    none_left = replace(SETTINGS, limits=StandingLimits(client_ip_per_second=1))
    call = a_pass(Authorized, served, catalog=a_catalog(served, settings=none_left))
    take(call, counters)
    refusal_of(lambda: waited(call, counters), Fault.THROTTLED_BY_CLIENT_IP)
    assert waited(a_pass(Authorized, served), counters) == [1.0]


@pytest.mark.parametrize("mode", [SecondMode.REFUSE, SecondMode.WINDOW])
def test_in_the_other_modes_nobody_waits(mode: SecondMode) -> None:
    counters = MemoryStore().counters
    a_second = policy(unit=WindowUnit.SECOND, api=2, user=None, app=None, second_mode=mode)
    call = a_pass(Authorized, serve(an_api(), throttling=a_second))
    assert [waited(call, counters) for _ in range(2)] == [[], []]
    refusal_of(lambda: waited(call, counters), Fault.THROTTLED_BY_API)


CLAIM = NonceClaim("a-key", "a-nonce", 900_001)


def test_the_nonce_is_spent_with_the_charge_for_as_long_as_was_found() -> None:
    nonces = FreshNonces()
    asyncio.run(throttling(OpenCounters(), nonces)(a_pass(Authorized, nonce=CLAIM)))
    assert nonces.claimed == [("a-key", "a-nonce", NOW_MS, 900_001)]


def test_a_used_nonce_is_told_before_a_full_limit_and_charges_nothing() -> None:
    store = MemoryStore()
    served = serve(an_api(), throttling=policy(api=2, user=None, app=None))
    stage = throttling(store.counters, store.nonces)
    call = a_pass(Authorized, served, app=APP, nonce=CLAIM)
    asyncio.run(stage(call))
    for _ in range(2):
        refusal = refusal_of(lambda: asyncio.run(stage(call)), Fault.NONCE_USED)
        assert refusal.stage == "Authentication"
    unsigned = a_pass(Authorized, served)
    assert take(unsigned, store.counters).tally.standings[-1].used == 2
    refusal_of(lambda: take(unsigned, store.counters), Fault.THROTTLED_BY_API)
    refusal_of(lambda: asyncio.run(stage(call)), Fault.NONCE_USED)


def test_a_call_that_a_limit_refuses_has_spent_its_nonce() -> None:
    store = MemoryStore()
    stage = throttling(store.counters, store.nonces)
    closed = serve(an_api(), throttling=policy(api=0, user=None, app=None))
    call = a_pass(Authorized, closed, app=APP, nonce=CLAIM)
    refusal_of(lambda: asyncio.run(stage(call)), Fault.THROTTLED_BY_API)
    refusal_of(lambda: asyncio.run(stage(call)), Fault.NONCE_USED)


def test_a_caller_who_comes_again_is_counted_by_the_same_limits() -> None:
    served, other = serve(an_api(), throttling=policy()), serve(an_api(id="b" * 32))
    phone = App(id="2", name="phone", owner="1", key="2", secret=APP.secret)
    catalog = a_catalog(served, other, apps=(APP, phone))
    changes: list[dict[str, Any]] = [{}, {"client_ip": "192.0.2.8"}, {"app": phone}, {"app": None}]
    calls = [
        a_pass(Authorized, one, **{"catalog": catalog, "app": APP, **changed})
        for one in (served, other)
        for changed in changes
    ]
    counters = OpenCounters()
    stage = throttling(counters)
    seen: list[list[Limit]] = []
    for call in (*calls, *calls):
        counters.taken.clear()
        asyncio.run(stage(call))
        seen.append(counters.taken.copy())
    expected = [
        list(limits_of(SETTINGS, call.served, app=call.app, client_ip=call.client_ip))
        for call in calls
    ]
    assert seen == expected * 2


def test_limits_of_another_catalog_hold_from_the_first_call_of_it() -> None:
    counters = MemoryStore().counters
    stage = throttling(counters)
    served = serve(an_api())
    for most in (1, 5):
        few = replace(SETTINGS, limits=StandingLimits(client_ip_per_second=most))
        catalog = a_catalog(served, settings=few)
        tally = asyncio.run(stage(a_pass(Authorized, served, catalog=catalog))).tally
        assert tally.standings[0].limit.ceiling == most


def test_no_more_callers_are_remembered_than_are_worth_it() -> None:
    served = serve(an_api())
    catalog = a_catalog(served)
    stage = throttling(OpenCounters())

    async def many() -> None:
        for number in range(CALLERS_KEPT + 10):
            await stage(a_pass(Authorized, served, catalog=catalog, client_ip=f"ip {number}"))

    asyncio.run(many())
    assert len(stage._limits.of(catalog)) == 10
