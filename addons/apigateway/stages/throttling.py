"""How often: every limit that counts this call is charged at once, or none.

Guide, "What is throttling policy" and "Limits": API, user and app limits of the bound policy,
special limits that replace the basic ones, 100 calls a second from one address to one API, the
group's calls a second, 1000 calls a day on a second-level domain. Reference: protocol 4.
"""

import math
from collections.abc import Iterator

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Authorized, Throttled
from apigateway.model.app import App
from apigateway.model.group import DomainKind
from apigateway.model.policy import ThrottlingPolicy, WindowUnit
from apigateway.ports import Counters, Dimension, Limit, Standing

_FAULTS = {
    Dimension.API: Fault.THROTTLED_BY_API,
    Dimension.USER: Fault.THROTTLED_BY_USER,
    Dimension.APP: Fault.THROTTLED_BY_APP,
    Dimension.CLIENT_IP: Fault.THROTTLED_BY_CLIENT_IP,
    Dimension.GROUP: Fault.THROTTLED_BY_GROUP,
    Dimension.DOMAIN: Fault.THROTTLED_BY_DOMAIN,
}

_OF_A_POLICY = (Dimension.API, Dimension.USER, Dimension.APP)


def standing_limits(call: Authorized) -> Iterator[Limit]:
    """The limits that hold whatever is bound."""
    limits, group = call.catalog.settings.limits, call.bound.group
    place = f"{call.served.api.id}:{call.environment}"
    yield Limit(
        f"ip:{place}:{call.client_ip}",
        limits.client_ip_per_second,
        WindowUnit.SECOND,
        Dimension.CLIENT_IP,
    )
    if call.bound.domain.kind is DomainKind.SECOND_LEVEL:
        yield Limit(
            f"domain:{call.bound.domain.name}",
            limits.subdomain_per_day,
            WindowUnit.DAY,
            Dimension.DOMAIN,
        )
    yield Limit(f"group:{group.id}", group.traffic_limit, WindowUnit.SECOND, Dimension.GROUP)


def policy_limits(policy: ThrottlingPolicy, place: str, app: App | None) -> Iterator[Limit]:
    """The bound policy's limits for a caller; a special one replaces the basic app or user one.

    `place` names API and environment: counts are kept for each bound API separately.
    """
    unit = policy.unit
    yield Limit(f"api:{place}:{unit}", policy.api, unit, Dimension.API)
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
        yield Limit(f"user:{place}:{unit}:{app.owner}", user, unit, Dimension.USER)
    own = policy.app if special_app is None else special_app
    if own is not None:
        yield Limit(f"app:{place}:{unit}:{app.id}", own, unit, Dimension.APP)


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
    """Authorized -> Throttled. Charges the call."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def __call__(self, call: Authorized) -> Throttled:
        limits = list(standing_limits(call))
        if (policy := call.served.throttling) is not None:
            place = f"{call.served.api.id}:{call.environment}"
            limits.extend(policy_limits(policy, place, call.app))
        tally = await self._counters.take(limits, call.received_ms)
        if (full := tally.refused) is not None:
            raise Refusal(
                _FAULTS[full.limit.dimension],
                f"{full.limit.key}: {full.used} of {full.limit.ceiling} a {full.limit.unit}",
                retry_after_s=_seconds_until(full, call.received_ms),
                headers=rate_limit_headers(full, call.received_ms),
                client_ip=call.client_ip,
                domain=call.host,
                ceiling=str(full.limit.ceiling),
            )
        return Throttled(**vars(call), tally=tally)
