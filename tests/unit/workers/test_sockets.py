"""Who gets a port, alone or with others."""

import errno
import socket
import sys
from collections.abc import Iterator

import pytest
from unit.workers.ipv6 import needs_ipv6

from apigateway.workers.sockets import (
    Claim,
    addresses,
    close_all,
    open_all,
    why_not_free,
    why_not_spread,
)

LOOPBACK = "127.0.0.1"


@pytest.fixture
def port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        free: int = server.getsockname()[1]
        return free


@pytest.fixture
def claim(port: int) -> Iterator[Claim]:
    claim = Claim(LOOPBACK, port)
    yield claim
    claim.release()


def test_linux_spreads_connections() -> None:
    assert why_not_spread() == ""


@pytest.mark.parametrize("system", ["darwin", "freebsd14"])
def test_other_systems_say_that_they_do_not(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert "need Linux" in why_not_spread()


@needs_ipv6
def test_no_host_means_every_address_of_both_families() -> None:
    assert set(addresses("", 80)) == {
        (socket.AF_INET, ("0.0.0.0", 80)),
        (socket.AF_INET6, ("::", 80)),
    }
    assert addresses(LOOPBACK, 80) == [(socket.AF_INET, (LOOPBACK, 80))]


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_has_sixteen_bits(port: int) -> None:
    assert why_not_free(LOOPBACK, port) == "a port is a number up to 65535"


def test_a_host_that_is_not_here_cannot_be_listened_on(port: int) -> None:
    assert why_not_free("192.0.2.1", port) == "Cannot assign requested address"
    assert why_not_free("no-such-host.invalid", port)


@needs_ipv6
def test_shared_sockets_stand_side_by_side_on_both_families(port: int) -> None:
    first, second = open_all("", port, shared=True), open_all("", port, shared=True)
    try:
        for one in [*first, *second]:
            one.listen()
        assert {one.family for one in first} == {socket.AF_INET, socket.AF_INET6}
        for host in (LOOPBACK, "::1"):
            socket.create_connection((host, port)).close()
    finally:
        close_all([*first, *second])


def test_nothing_is_accepted_on_sockets_that_nobody_listens_on(claim: Claim) -> None:
    opened = claim.open()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, claim.port))
    close_all(opened)


@pytest.mark.parametrize("shared", [True, False], ids=["shares it", "has it alone"])
def test_a_port_that_a_stranger_listens_on_cannot_be_claimed(port: int, shared: bool) -> None:
    (stranger,) = open_all(LOOPBACK, port, shared=shared)
    stranger.listen()
    with pytest.raises(OSError) as refused:
        Claim(LOOPBACK, port)
    assert refused.value.errno == errno.EADDRINUSE
    assert refused.value.strerror == "Address already in use"
    stranger.close()
    Claim(LOOPBACK, port).release()


def test_a_port_is_claimed_once_even_while_nobody_listens(claim: Claim) -> None:
    with pytest.raises(OSError) as refused:
        Claim(LOOPBACK, claim.port)
    assert refused.value.errno == errno.EADDRINUSE
    claim.release()
    Claim(LOOPBACK, claim.port).release()


def test_a_claim_gives_each_worker_sockets_of_its_own(claim: Claim) -> None:
    opened = [*claim.open(), *claim.open(), *claim.open()]
    for one in opened:
        one.listen()
        one.setblocking(False)
    clients = [socket.create_connection((LOOPBACK, claim.port)) for _ in range(100)]
    accepted = []
    for one in opened:
        got = 0
        while True:
            try:
                one.accept()[0].close()
            except BlockingIOError:
                break
            got += 1
        accepted.append(got)
    close_all([*opened, *clients])
    assert sum(accepted) == 100
    assert min(accepted) > 5  # a third, give or take


def test_port_0_is_any_port() -> None:
    claim = Claim(LOOPBACK, 0)
    first, second = [one.getsockname() for _ in range(2) for one in claim.open()]
    assert first == second == (LOOPBACK, claim.port)
    claim.release()
