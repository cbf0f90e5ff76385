"""Whether the gateway may connect, and to which checked address."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from unit.build import SETTINGS, UPSTREAM, FixedResolver, a_catalog, a_pass, refusal_of

from apigateway.errors import Fault
from apigateway.exchange import HttpUpstream, MockUpstream, Permitted, Resolved
from apigateway.model.policy import VpcAccess
from apigateway.stages.vpc_allow_list import NEVER_A_BACKEND, VpcAllowList

ACCESS = VpcAccess(
    name="office", region="r", vpc_id="vpc-1", instance_id="i-1", port=8080, host="10.0.0.5"
)
VPC = HttpUpstream(scheme="http", host="10.0.0.5", port=8080, timeout_ms=1, vpc_access="office")


def permit(
    *addresses: str,
    upstream: Any = UPSTREAM,
    networks: tuple[str, ...] = (),
    accesses: tuple[VpcAccess, ...] = (),
    resolver: FixedResolver | None = None,
) -> Permitted:
    settings = replace(SETTINGS, backend_networks=tuple(ip_network(text) for text in networks))
    call = a_pass(
        Resolved, upstream=upstream, catalog=a_catalog(settings=settings, vpc_accesses=accesses)
    )
    stage = VpcAllowList(resolver or FixedResolver(*addresses))
    return asyncio.run(stage(call))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "203.0.113.1", "::1", "2001:db8::1"])
def test_an_address_where_backends_live_is_pinned(address: str) -> None:
    assert permit(address).pinned == address


def test_the_name_is_resolved_once_and_the_first_address_is_pinned() -> None:
    resolver = FixedResolver("203.0.113.1", "203.0.113.2")
    assert permit(resolver=resolver).pinned == "203.0.113.1"
    assert resolver.asked == [("backend.test", 9000)]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
    ],
)
def test_an_address_of_no_backend_is_refused(address: str) -> None:
    refusal_of(lambda: permit(address), Fault.BACKEND_ADDRESS)
    refusal_of(lambda: permit(address, upstream=VPC, accesses=(ACCESS,)), Fault.VPC_ACCESS_DENIED)


def test_metadata_services_are_on_the_list_of_no_backends() -> None:
    assert ip_network("100.100.100.200/32") in NEVER_A_BACKEND
    assert ip_network("169.254.0.0/16") in NEVER_A_BACKEND


def test_a_name_without_an_address_is_refused() -> None:
    refusal_of(lambda: permit(), Fault.BACKEND_ADDRESS)


def test_where_networks_are_named_only_those_are_permitted() -> None:
    networks = ("10.0.0.0/8", "2001:db8::/32")
    assert permit("10.1.2.3", networks=networks).pinned == "10.1.2.3"
    assert permit("2001:db8::1", networks=networks).pinned == "2001:db8::1"
    permit("::ffff:10.1.2.3", networks=networks)
    for address in ("203.0.113.1", "::1", "::ffff:203.0.113.1"):
        refusal_of(lambda a=address: permit(a, networks=networks), Fault.BACKEND_ADDRESS)  # type: ignore[misc]


def test_a_network_does_not_make_a_metadata_service_a_backend() -> None:
    refusal_of(lambda: permit("169.254.169.254", networks=("0.0.0.0/0",)), Fault.BACKEND_ADDRESS)


def test_an_authorized_instance_and_port_are_permitted_beyond_the_networks() -> None:
    call = permit("10.0.0.5", upstream=VPC, accesses=(ACCESS,), networks=("192.0.2.0/24",))
    assert call.pinned == "10.0.0.5"


@pytest.mark.parametrize(
    "changed",
    [{"port": 22}, {"host": "10.0.0.6"}, {"name": "other"}],
    ids=["port", "host", "name"],
)
def test_another_port_or_instance_than_the_authorized_is_refused(changed: dict[str, Any]) -> None:
    access = replace(ACCESS, **changed)
    resolver = FixedResolver("10.0.0.5")
    refusal_of(
        lambda: permit(upstream=VPC, accesses=(access,), resolver=resolver),
        Fault.VPC_ACCESS_DENIED,
    )
    assert resolver.asked == []


def test_a_mock_has_no_address_and_asks_nobody() -> None:
    resolver = FixedResolver()
    mock = MockUpstream(status=200, headers=(), body=b"")
    assert permit(upstream=mock, resolver=resolver).pinned == ""
    assert resolver.asked == []
