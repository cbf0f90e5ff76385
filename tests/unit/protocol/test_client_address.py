"""Whose call it is, with proxies in between that are trusted or not."""

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apigateway.protocol.client_address import client_address, client_scheme, is_any, normal_address
from apigateway.protocol.wire import Headers

TRUSTED = ("10.0.0.0/8", "2001:db8:ffff::/48")


def address(peer: str, *forwarded: str, trusted: Sequence[str] = TRUSTED) -> str:
    headers = Headers([("X-Forwarded-For", value) for value in forwarded])
    return client_address(peer, headers, [ip_network(text) for text in trusted])


def test_without_proxies_the_peer_is_the_client() -> None:
    assert address("192.0.2.7") == "192.0.2.7"
    assert address("2001:DB8::0007") == "2001:db8::7"
    assert address("::ffff:192.0.2.7") == "192.0.2.7"


def test_what_is_too_long_for_an_address_is_not_remembered() -> None:
    before = normal_address.cache_info().currsize
    for number in range(50):
        assert address("10.0.0.2", f"{number}{'9' * 1000}") == "10.0.0.2"
    assert normal_address.cache_info().currsize <= before + 1


@pytest.mark.parametrize("trusted", [(), TRUSTED])
def test_what_a_peer_that_is_not_trusted_says_is_ignored(trusted: tuple[str, ...]) -> None:
    assert address("192.0.2.7", "203.0.113.9", trusted=trusted) == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.3 ,10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["10.0.0.9, 203.0.113.9"], "203.0.113.9"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        (["203.0.113.9,"], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["_hidden, 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.9.1"], "10.0.0.1"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711, 10.0.0.2:80"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["2001:db8::1, 2001:db8:ffff::2"], "2001:db8::1"),
        (["::1"], "::1"),
        (["::ffff:203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
        (['"203.0.113.9"'], "203.0.113.9"),
        (['"[2001:db8::1]:80"'], "2001:db8::1"),
        (["fe80::1%eth0"], "fe80::1"),
        (["203.0.113.9:http"], "10.0.0.1"),
    ],
)
def test_from_the_right_the_first_address_that_is_no_trusted_proxy_is_the_client(
    forwarded: list[str], client: str
) -> None:
    assert address("10.0.0.1", *forwarded) == client


def test_a_proxy_in_its_mapped_form_is_the_trusted_one() -> None:
    assert address("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert address("10.0.0.1", "203.0.113.9", trusted=["::ffff:10.0.0.0/104"]) == "203.0.113.9"


def test_all_of_ipv6_is_not_all_of_ipv4() -> None:
    assert address("10.0.0.1", "203.0.113.9", trusted=["::/0"]) == "10.0.0.1"
    assert address("2001:db8::1", "203.0.113.9", trusted=["::/0"]) == "203.0.113.9"


def test_a_peer_without_an_address_is_nobodys_proxy() -> None:
    assert address("", "203.0.113.9", trusted=["0.0.0.0/0", "::/0"]) == ""
    assert address("/run/sock", "203.0.113.9", trusted=["0.0.0.0/0"]) == "/run/sock"


@given(value=st.text(max_size=40))
def test_whatever_is_forwarded_the_client_is_an_address(value: str) -> None:
    assert normal_address(address("10.0.0.1", value)) is not None


@given(hops=st.lists(st.ip_addresses().map(str), max_size=5))
def test_no_hops_move_the_client_of_a_peer_that_is_not_trusted(hops: list[str]) -> None:
    assert address("192.0.2.7", ", ".join(hops)) == "192.0.2.7"


def test_nobody_is_on_no_list() -> None:
    assert not is_any(None, [ip_network("0.0.0.0/0")])


# --- the scheme


def scheme(peer: str, *said: str, own: str = "http") -> str:
    headers = Headers([("x-forwarded-proto", value) for value in said])
    return client_scheme(peer, own, headers, [ip_network(text) for text in TRUSTED])


def test_a_trusted_proxy_says_over_what_it_took_the_call() -> None:
    assert scheme("10.0.0.1", "https") == "https"
    assert scheme("10.0.0.1", " HTTPS ") == "https"
    assert scheme("10.0.0.1", "http", own="https") == "http"


@pytest.mark.parametrize("said", ["", "wss", "https;", "on", "https,"])
def test_a_scheme_that_is_none_is_ignored(said: str) -> None:
    assert scheme("10.0.0.1", said) == "http"


def test_a_peer_that_is_not_trusted_cannot_say_https() -> None:
    assert scheme("192.0.2.7", "https") == "http"
    assert scheme("", "https") == "http"


def test_of_several_schemes_the_last_is_the_proxys_own() -> None:
    assert scheme("10.0.0.1", "https", "http") == "http"
    assert scheme("10.0.0.1", "https, http") == "http"
    assert scheme("10.0.0.1", "http,https") == "https"
