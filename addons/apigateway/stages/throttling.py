"""How often: every limit that counts this call is charged at once, or none.

Guide, "What is throttling policy" and "Limits": API, user and app limits of the bound policy,
special limits that replace the basic ones, 100 calls a second from one address to one API, the
group's calls a second, 1000 calls a day on a second-level domain. Reference: protocol 4.

The nonce that Authentication found is spent in the same step, before the charge: a used one is told
before a full limit, and charges nothing.

What a call is counted by is said by `limits_of`, for those too who only want to look.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled
from apigateway.model.app import App
from apigateway.model.catalog import ServedApi
from apigateway.model.catalog_memo import CatalogMemo
from apigateway.model.group import Domain, DomainKind
from apigateway.model.policy import SecondMode, ThrottlingPolicy
from apigateway.model.settings import GatewaySettings
from apigateway.model.windows import WindowUnit, Zone
from apigateway.nonces import nonce_used
from apigateway.ports import Dimension, Ledger, Limit, NonceUsed, Standing

_FAULTS = {
    Dimension.API: Fault.THROTTLED_BY_API,
    Dimension.USER: Fault.THROTTLED_BY_USER,
    Dimension.APP: Fault.THROTTLED_BY_APP,
    Dimension.CLIENT_IP: Fault.THROTTLED_BY_CLIENT_IP,
    Dimension.GROUP: Fault.THROTTLED_BY_GROUP,
    Dimension.DOMAIN: Fault.THROTTLED_BY_DOMAIN,
}

_OF_A_POLICY = (Dimension.API, Dimension.USER, Dimension.APP)

CALLERS_KEPT = 5_000
"""Of so many (of an API, an app, an address and a domain each) the limits are remembered."""


def limits_of(
    settings: GatewaySettings,
    served: ServedApi,
    *,
    app: App | None,
    client_ip: str | None = None,
    domain: Domain | None = None,
) -> Iterator[Limit]:
    """Every limit that counts a call, in the order in which one is named that refuses it.

    Without an address or a domain, the limits of these are left out.
    """
    place = f"{served.api.id}:{served.environment}"
    yield from standing_limits(settings, served, place, client_ip, domain)
    if served.throttling is not None:
        yield from policy_limits(served.throttling, place, app, settings.zone)


def standing_limits(
    settings: GatewaySettings,
    served: ServedApi,
    place: str,
    client_ip: str | None,
    domain: Domain | None,
) -> Iterator[Limit]:
    """The limits that hold whatever is bound."""
    limits, group = settings.limits, served.group
    if client_ip is not None:
        yield Limit(
            f"ip:{place}:{client_ip}",
            limits.client_ip_per_second,
            WindowUnit.SECOND,
            Dimension.CLIENT_IP,
        )
    if domain is not None and domain.kind is DomainKind.SECOND_LEVEL:
        yield Limit(
            f"domain:{domain.name}",
            limits.subdomain_per_day,
            WindowUnit.DAY,
            Dimension.DOMAIN,
            zone=settings.zone,
        )
    yield Limit(f"group:{group.id}", group.traffic_limit, WindowUnit.SECOND, Dimension.GROUP)


def policy_limits(
    policy: ThrottlingPolicy, place: str, app: App | None, zone: Zone
) -> Iterator[Limit]:
    """The bound policy's limits for a caller; a special one replaces the basic app or user one.

    `place` names API and environment: counts are kept for each bound API separately.
    """
    unit = policy.unit

    def limit(key: str, ceiling: int, dimension: Dimension) -> Limit:
        queue = None
        if unit is WindowUnit.SECOND and policy.second_mode is not SecondMode.WINDOW:
            key = f"{key}:bucket"
            waiting = ceiling if policy.queue is None else policy.queue
            queue = waiting if policy.second_mode is SecondMode.QUEUE else 0
        return Limit(key, ceiling, unit, dimension, queue, zone)

    yield limit(f"api:{place}:{unit}", policy.api, Dimension.API)
    if app is None:
        return
    special_user = special_app = None
    for special in policy.special:
        if special.user == app.owner:
            special_user = special.limit
        if special.app == app.name:
            special_app = special.limit
    user = policy.user if special_user is None else special_user
    if user is not None:
        yield limit(f"user:{place}:{unit}:{app.owner}", user, Dimension.USER)
    own = policy.app if special_app is None else special_app
    if own is not None:
        yield limit(f"app:{place}:{unit}:{app.id}", own, Dimension.APP)


def rate_limit_headers(standing: Standing, now_ms: int) -> tuple[tuple[str, str], ...]:
    """RateLimit fields (IETF draft-ietf-httpapi-ratelimit-headers) of the limit that was hit."""
    limit = standing.limit
    name, policy = _policy_field(limit.dimension, limit.ceiling, limit.unit)
    left = f"{name};r={standing.remaining};t={_seconds_until(standing, now_ms)}"
    return (policy, ("RateLimit", left))


@lru_cache(maxsize=1_000)
def _policy_field(
    dimension: Dimension, ceiling: int, unit: WindowUnit
) -> tuple[str, tuple[str, str]]:
    """The name of a limit, and the field that describes it."""
    name = f'"{dimension.value.lower().replace(" ", "-")}"'
    return name, ("RateLimit-Policy", f"{name};q={ceiling};w={unit.milliseconds // 1000}")


def remaining_headers(call: Throttled) -> tuple[tuple[str, str], ...]:
    """RateLimit fields of a call that was let through: of the bound policy's limit that has the
    least left; () where no policy is bound."""
    tightest, least = None, 0
    for standing in call.tally.standings:
        if standing.limit.dimension in _OF_A_POLICY:
            left = standing.remaining
            if tightest is None or left < least:
                tightest, least = standing, left
    return () if tightest is None else rate_limit_headers(tightest, call.received_ms)


def _seconds_until(standing: Standing, now_ms: int) -> int:
    return max(1, -((now_ms - standing.resets_ms) // 1000))


class Throttling:
    """Authorized -> Throttled. Spends the call's nonce and charges the call; where its limit has a
    queue, it waits its turn."""

    def __init__(self, ledger: Ledger, sleep: Callable[[float], Awaitable[object]]) -> None:
        """`sleep` waits for so many seconds."""
        self._ledger = ledger
        self._sleep = sleep
        self._limits: CatalogMemo[tuple[int, int, int, str], tuple[Limit, ...]] = CatalogMemo()

    async def __call__(self, call: Authorized) -> Throttled:
        try:
            tally = await self._ledger.spend(call.nonce, self._limits_of(call), call.received_ms)
        except NonceUsed:
            raise nonce_used(call.app) from None
        if (full := tally.refused) is not None:
            raise Refusal(
                _FAULTS[full.limit.dimension],
                f"{full.limit.key}: {full.used} of {full.limit.ceiling} a {full.limit.unit}",
                retry_after_s=_seconds_until(full, call.received_ms),
                headers=rate_limit_headers(full, call.received_ms),
                evidence=tally,
                client_ip=call.client_ip,
                domain=call.host,
                ceiling=str(full.limit.ceiling),
            )
        if tally.wait_ms:
            await self._sleep(tally.wait_ms / 1000)
        return Throttled.after(call, tally=tally)

    def _limits_of(self, call: Authorized) -> tuple[Limit, ...]:
        """Those of a caller, who is likely to come again."""
        served, app, domain = call.served, call.app, call.bound.domain
        known = self._limits.of(call.catalog)
        caller = id(served), id(app), id(domain), call.client_ip
        limits = known.get(caller)
        if limits is None:
            if len(known) >= CALLERS_KEPT:
                known.clear()
            found = limits_of(
                call.catalog.settings, served, app=app, client_ip=call.client_ip, domain=domain
            )
            limits = known[caller] = tuple(found)
        return limits
