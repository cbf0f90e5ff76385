"""How often: every limit that counts this call is charged at once, or none.

Guide, "What is throttling policy" and "Limits": API, user and app limits of the bound policy,
special limits that replace the basic ones, 100 calls a second from one address to one API, the
group's calls a second, 1000 calls a day on a second-level domain. Reference: protocol 4.

What a call is counted by is said by `limits_of`, for those too who only want to look.
"""

import math
from collections.abc import Awaitable, Callable, Iterator

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled
from apigateway.model.app import App
from apigateway.model.catalog import ServedApi
from apigateway.model.group import Domain, DomainKind
from apigateway.model.policy import SecondMode, ThrottlingPolicy
from apigateway.model.settings import GatewaySettings
from apigateway.ports import Counters, Dimension, Limit, Standing
from apigateway.windows import WindowUnit, Zone

_FAULTS = {
    Dimension.API: Fault.THROTTLED_BY_API,
    Dimension.USER: Fault.THROTTLED_BY_USER,
    Dimension.APP: Fault.THROTTLED_BY_APP,
    Dimension.CLIENT_IP: Fault.THROTTLED_BY_CLIENT_IP,
    Dimension.GROUP: Fault.THROTTLED_BY_GROUP,
    Dimension.DOMAIN: Fault.THROTTLED_BY_DOMAIN,
}

_OF_A_POLICY = (Dimension.API, Dimension.USER, Dimension.APP)


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
    name = limit.dimension.value.lower().replace(" ", "-")
    window_s = limit.unit.milliseconds // 1000
    return (
        ("RateLimit-Policy", f'"{name}";q={limit.ceiling};w={window_s}'),
        ("RateLimit", f'"{name}";r={standing.remaining};t={_seconds_until(standing, now_ms)}'),
    )


def remaining_headers(call: Throttled) -> tuple[tuple[str, str], ...]:
    """RateLimit fields of a call that was let through: of the bound policy's limit that has the
    least left; () where no policy is bound."""
    own = [one for one in call.tally.standings if one.limit.dimension in _OF_A_POLICY]
    if not own:
        return ()
    tightest = min(own, key=lambda standing: standing.remaining)
    return rate_limit_headers(tightest, call.received_ms)


def _seconds_until(standing: Standing, now_ms: int) -> int:
    return max(1, math.ceil((standing.resets_ms - now_ms) / 1000))


class Throttling:
    """Authorized -> Throttled. Charges the call; where its limit has a queue, it waits its turn."""

    def __init__(self, counters: Counters, sleep: Callable[[float], Awaitable[object]]) -> None:
        """`sleep` waits for so many seconds."""
        self._counters = counters
        self._sleep = sleep

    async def __call__(self, call: Authorized) -> Throttled:
        limits = tuple(
            limits_of(
                call.catalog.settings,
                call.served,
                app=call.app,
                client_ip=call.client_ip,
                domain=call.bound.domain,
            )
        )
        tally = await self._counters.take(limits, call.received_ms)
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
