"""What the stages ask of the world, answered without spending, waiting or asking anybody."""

from collections.abc import Sequence
from ipaddress import ip_address

from apigateway.model.policy import IpNetwork
from apigateway.ports import Counters, Limit, Tally
from apigateway.protocol.client_address import normal_address

DISPLAY_ADDRESS = "192.0.2.1"
"""Of the network for documentation (RFC 5737): it stands for an address that nobody looked up."""


async def no_sleep(seconds: float) -> None:
    """A call whose limit has a queue would wait here."""


class AnyNonce:
    """Nonces that are always new."""

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        return True


class NoCounters:
    """Counters that never refuse and know of nothing."""

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return Tally(())

    look = take


class StandingCounters:
    """Counters as they stand in a store that serves: asked, and not charged."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._counters.look(limits, now_ms)

    look = take


class DisplayResolver:
    """Addresses that are never connected to: a literal is its own, `.localhost` the loopback
    (RFC 6761), and any other name is taken to lead to where backends may be."""

    def __init__(self, networks: Sequence[IpNetwork] = ()) -> None:
        """`networks` are those that backends may be in; empty for any."""
        self._address = _address_within(networks)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        if normal_address(host) is not None:
            return (host,)
        if host == "localhost" or host.endswith(".localhost"):
            return ("127.0.0.1",)
        return (self._address,)


def _address_within(networks: Sequence[IpNetwork]) -> str:
    shown = ip_address(DISPLAY_ADDRESS)
    if not networks or any(shown in network for network in networks):
        return DISPLAY_ADDRESS
    return str(networks[0][0])
