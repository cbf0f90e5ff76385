"""Ports that spend nothing."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from unit.build import NOW_MS

from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit
from apigateway.replay.unspent import (
    DISPLAY_ADDRESS,
    AnyNonce,
    DisplayResolver,
    NoCounters,
    StandingCounters,
    no_sleep,
)
from apigateway.store.memory import MemoryStore

ONE_A_DAY = (Limit("key", 1, WindowUnit.DAY, Dimension.API),)


def resolved(host: str, *networks: str) -> Sequence[str]:
    resolver = DisplayResolver(tuple(ip_network(text) for text in networks))
    return asyncio.run(resolver.resolve(host, 80))


def test_a_nonce_is_new_however_often() -> None:
    nonces = AnyNonce()
    assert all(asyncio.run(nonces.claim("key", "nonce", NOW_MS, 1)) for _ in range(2))


def test_without_counters_nothing_is_ever_full() -> None:
    counters = NoCounters()
    for _ in range(2):
        assert asyncio.run(counters.take(ONE_A_DAY, NOW_MS)).refused is None
        assert asyncio.run(counters.look(ONE_A_DAY, NOW_MS)).standings == ()


def test_a_standing_limit_is_looked_at_and_not_charged() -> None:
    live = MemoryStore().counters
    standing = StandingCounters(live)
    for _ in range(3):
        assert asyncio.run(standing.take(ONE_A_DAY, NOW_MS)).refused is None
    asyncio.run(live.take(ONE_A_DAY, NOW_MS))
    for ask in (standing.take, standing.look):
        refused = asyncio.run(ask(ONE_A_DAY, NOW_MS)).refused
        assert refused is not None
        assert refused.used == 1


def test_nobody_sleeps() -> None:
    asyncio.run(asyncio.wait_for(no_sleep(1e9), 5))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("a.localhost", "127.0.0.1"),
        ("backend.test", DISPLAY_ADDRESS),
    ],
)
def test_a_literal_is_its_own_address_and_no_name_is_looked_up(host: str, address: str) -> None:
    assert resolved(host) == (address,)


def test_a_name_leads_to_where_backends_may_be() -> None:
    assert resolved("backend.test", "10.0.0.0/8", "fd00::/8") == ("10.0.0.0",)
    assert resolved("backend.test", "10.0.0.0/8", "192.0.2.0/24") == (DISPLAY_ADDRESS,)
