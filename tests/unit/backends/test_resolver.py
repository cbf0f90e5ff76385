"""Names of backends: literals and localhost without asking, the rest from the system."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import pytest

from apigateway.backends.resolver import SystemResolver


def resolve(resolver: SystemResolver, *hosts: str) -> list[tuple[str, ...]]:
    async def all_of() -> list[tuple[str, ...]]:
        return [tuple(await resolver.resolve(host, 80)) for host in hosts]

    return asyncio.run(all_of())


@pytest.fixture
def no_system(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were looked up in the system; each has the same three addresses."""
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        asked.append(host)
        if host.endswith(".invalid"):
            raise socket.gaierror("no such name")
        found = ["2001:db8::1", "192.0.2.1", "192.0.2.1"]
        return [(0, 0, 0, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"])
def test_a_literal_address_is_its_own_answer(host: str, no_system: list[str]) -> None:
    assert resolve(SystemResolver(), host) == [(host,)]
    assert no_system == []


@pytest.mark.parametrize("host", ["1.2.3", "999.1.1.1", "2130706433", "0177.0.0.1", "1:2"])
def test_what_only_looks_like_a_literal_never_becomes_an_address(
    host: str, no_system: list[str]
) -> None:
    for address in resolve(SystemResolver(), host)[0]:
        ip_address(address)


@pytest.mark.parametrize("host", ["localhost", "backend.localhost", "a.b.localhost"])
def test_a_name_under_localhost_is_the_loopback(host: str, no_system: list[str]) -> None:
    assert resolve(SystemResolver(), host) == [("127.0.0.1",)]
    assert no_system == []


@pytest.mark.parametrize("host", ["localhost.evil.test", "notlocalhost"])
def test_a_name_that_only_mentions_localhost_is_looked_up(host: str, no_system: list[str]) -> None:
    resolve(SystemResolver(), host)
    assert no_system == [host]


def test_ipv4_comes_before_ipv6_and_each_address_once(no_system: list[str]) -> None:
    assert resolve(SystemResolver(), "a.test") == [("192.0.2.1", "2001:db8::1")]


def test_a_name_that_has_none_has_no_addresses(no_system: list[str]) -> None:
    assert resolve(SystemResolver(), "x.invalid") == [()]


def test_an_answer_is_used_again_for_a_while(no_system: list[str]) -> None:
    assert len(set(resolve(SystemResolver(), "a.test", "a.test"))) == 1
    assert no_system == ["a.test"]
    resolve(SystemResolver(keep_s=-1), "b.test", "b.test")
    assert no_system == ["a.test", "b.test", "b.test"]


def test_a_lookup_that_takes_too_long_has_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", never)
    assert resolve(SystemResolver(patience_s=0.01), "slow.test") == [()]
