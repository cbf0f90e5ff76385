"""Protocol, address and sizes."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from unit.build import SETTINGS, a_catalog, a_pass, an_api, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Admitted, Routed
from apigateway.model.catalog import ServedApi
from apigateway.model.policy import IpControl, IpNetwork
from apigateway.model.settings import StandingLimits
from apigateway.protocol.client_address import normal_address
from apigateway.stages.access import Access, may_call


def control(allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> IpControl:
    return IpControl(
        id="1",
        name="office",
        region="cn-hangzhou",
        allow=tuple(ip_network(text) for text in allow),
        deny=tuple(ip_network(text) for text in deny),
    )


def admit(**changes: Any) -> Admitted:
    return Access()(a_pass(Routed, **changes))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    assert normal_address(text) == ip_address(address)


@pytest.mark.parametrize("text", ["", "a.test", "1.2.3", "1.2.3.4:80", "unix:/x"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert normal_address(text) is None


@pytest.mark.parametrize(
    ("allow", "deny", "client", "may"),
    [
        ((), (), "192.0.2.1", True),
        (("192.0.2.0/24",), (), "192.0.2.1", True),
        (("192.0.2.0/24",), (), "198.51.100.1", False),
        ((), ("192.0.2.0/24",), "192.0.2.1", False),
        ((), ("192.0.2.0/24",), "198.51.100.1", True),
        (("192.0.2.0/24",), ("192.0.2.1/32",), "192.0.2.1", False),
        (("192.0.2.0/24",), ("192.0.2.1/32",), "192.0.2.2", True),
        (("::/0",), (), "2001:db8::1", True),
        (("::/0",), (), "192.0.2.1", False),
        ((), ("::/0",), "2001:db8::1", False),
        ((), ("127.0.0.0/8",), "::ffff:127.0.0.1", False),
        (("127.0.0.0/8",), (), "::ffff:127.0.0.1", True),
        ((), ("fe80::/10",), "fe80::1%eth0", False),
        ((), (), "", False),
        ((), (), "nonsense", False),
    ],
)
def test_deny_beats_allow_and_an_allow_list_is_exclusive(
    allow: tuple[str, ...], deny: tuple[str, ...], client: str, may: bool
) -> None:
    assert may_call(control(allow, deny), client) is may


def test_a_denied_network_in_its_mapped_form_denies_too() -> None:
    assert not may_call(control(deny=("::ffff:192.0.2.0/120",)), "192.0.2.1")


def test_the_callers_address_is_the_peers_and_not_what_a_header_says() -> None:
    headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9")]
    assert admit(peer="192.0.2.7", headers=headers).client_ip == "192.0.2.7"


def test_a_mapped_address_is_passed_on_as_ipv4() -> None:
    assert admit(peer="::ffff:192.0.2.7").client_ip == "192.0.2.7"


def test_an_address_that_ip_control_denies_is_refused() -> None:
    served = serve(an_api(), ip_control=control(deny=("192.0.2.0/24",)))
    refusal_of(lambda: admit(served=served), Fault.IP_DENIED)


def test_a_caller_without_an_address_is_refused_where_ip_control_is_bound() -> None:
    served = serve(an_api(), ip_control=control(deny=("192.0.2.0/24",)))
    refusal_of(lambda: admit(served=served, peer=""), Fault.IP_DENIED)


@pytest.mark.parametrize(("scheme", "other"), [("http", "https"), ("https", "http")])
def test_a_protocol_the_api_does_not_serve_is_refused(scheme: str, other: str) -> None:
    served = serve(an_api(request={"protocols": frozenset({other})}))
    refusal = refusal_of(lambda: admit(served=served, scheme=scheme), Fault.PROTOCOL_UNSUPPORTED)
    assert refusal.parts == {"protocol": scheme.upper()}
    assert admit(served=served, scheme=other).scheme == other


SMALL = replace(SETTINGS, limits=StandingLimits(body_bytes=10, head_bytes=40))


def admit_small(**changes: Any) -> Admitted:
    served = serve(an_api())
    return admit(served=served, catalog=a_catalog(served, settings=SMALL), **changes)


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert admit_small(body=b"x" * 10).body == b"x" * 10
    refusal_of(lambda: admit_small(body=b"x" * 11), Fault.BODY_TOO_LARGE)


def test_a_url_may_be_as_large_as_the_limit_and_no_larger() -> None:
    admit_small(path="/" * 20, query="q" * 20)
    refusal_of(lambda: admit_small(path="/" * 20, query="q" * 21), Fault.URL_TOO_LARGE)


def test_header_fields_may_be_as_large_as_the_limit_and_no_larger() -> None:
    admit_small(headers=[("ab", "x" * 34)])
    refusal = refusal_of(
        lambda: admit_small(headers=[("a", "x" * 15), ("b", "x" * 16)]), Fault.INVALID_HEADER
    )
    assert refusal.parts["reason"] == "too large"


def test_a_limit_in_bytes_counts_bytes_and_not_characters() -> None:
    refusal_of(lambda: admit_small(query="中" * 14), Fault.URL_TOO_LARGE)
    refusal_of(lambda: admit_small(headers=[("a", "中" * 14)]), Fault.INVALID_HEADER)


def test_the_limits_of_the_product_are_2_mb_and_128_kb() -> None:
    assert StandingLimits().body_bytes == 2 * 1024 * 1024
    assert StandingLimits().head_bytes == 128 * 1024


@pytest.mark.parametrize(
    "name",
    [
        "X-Ca-Key",
        "X-Ca-Signature",
        "X-Ca-Signature-Method",
        "X-Ca-Signature-Headers",
        "X-Ca-Signed-Content-Type",
        "X-Ca-Timestamp",
        "X-Ca-Nonce",
        "Content-MD5",
        "Content-Type",
        "Date",
        "Authorization",
    ],
)
def test_a_field_of_the_protocol_that_stands_twice_is_refused_on_any_api(name: str) -> None:
    headers = [(name, "1"), (name.lower(), "2")]
    refusal = refusal_of(lambda: admit(headers=headers), Fault.INVALID_HEADER)
    assert refusal.parts["reason"] == "is repeated"


@pytest.mark.parametrize(
    "name",
    [
        "X-Ca-Key",
        "X-Ca-Signature",
        "X-Ca-Signature-Method",
        "X-Ca-Signature-Headers",
        "X-Ca-Signed-Content-Type",
        "X-Ca-Timestamp",
        "X-Ca-Nonce",
        "X-Ca-Stage",
        "Content-MD5",
        "Content-Type",
        "Date",
        "Authorization",
    ],
)
def test_a_field_that_decides_something_must_not_stand_twice(name: str) -> None:
    admit(headers=[(name, "1"), ("Accept", "a"), ("Accept", "b")])
    refusal = refusal_of(
        lambda: admit(headers=[(name, "1"), (name.lower(), "1")]), Fault.INVALID_HEADER
    )
    assert refusal.parts == {"name": name, "reason": "is repeated"}


# --- proxies and the blacklist


def networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


def admit_with(served: ServedApi | None = None, *, settings: Any = (), **changes: Any) -> Admitted:
    served = served or serve(an_api())
    catalog = a_catalog(served, settings=replace(SETTINGS, **dict(settings)))
    return admit(served=served, catalog=catalog, **changes)


def test_a_trusted_proxys_word_is_taken_for_address_and_protocol() -> None:
    served = serve(an_api(request={"protocols": frozenset({"https"})}))
    headers = [("X-Forwarded-For", "203.0.113.9, 192.0.2.8"), ("X-Forwarded-Proto", "https")]
    settings = {"trusted_proxies": networks("192.0.2.0/24")}
    call = admit_with(served, settings=settings, headers=headers)
    assert (call.client_ip, call.scheme, call.peer) == ("203.0.113.9", "https", "192.0.2.7")


def test_the_word_of_a_peer_that_is_not_trusted_is_not_taken() -> None:
    served = serve(an_api(request={"protocols": frozenset({"https"})}))
    headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")]
    settings = {"trusted_proxies": networks("10.0.0.0/8")}
    refusal = refusal_of(
        lambda: admit_with(served, settings=settings, headers=headers), Fault.PROTOCOL_UNSUPPORTED
    )
    assert refusal.parts == {"protocol": "HTTP"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "refused"),
    [
        ("192.0.2.7", "", True),
        ("::ffff:192.0.2.7", "", True),
        ("198.51.100.1", "", False),
        ("198.51.100.1", "192.0.2.7", False),
        ("10.0.0.1", "192.0.2.7", True),
        ("10.0.0.1", "192.0.2.7, 198.51.100.1", False),
        ("2001:db8::1", "", True),
    ],
)
def test_an_address_on_the_blacklist_calls_no_api(peer: str, forwarded: str, refused: bool) -> None:
    settings = {
        "trusted_proxies": networks("10.0.0.0/8"),
        "blacklist": networks("192.0.2.0/24", "2001:db8::/32"),
    }
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    if not refused:
        admit_with(settings=settings, peer=peer, headers=headers)
        return
    refusal = refusal_of(
        lambda: admit_with(settings=settings, peer=peer, headers=headers), Fault.IP_DENIED
    )
    assert refusal.parts == {}


def test_the_blacklist_beats_a_list_that_allows() -> None:
    served = serve(an_api(), ip_control=control(allow=("192.0.2.7",)))
    settings = {"blacklist": networks("192.0.2.0/24")}
    refusal_of(lambda: admit_with(served, settings=settings), Fault.IP_DENIED)


def test_ip_control_looks_at_the_client_and_not_at_the_proxy() -> None:
    served = serve(an_api(), ip_control=control(allow=("203.0.113.0/24",)))
    settings = {"trusted_proxies": networks("192.0.2.7")}
    headers = [("X-Forwarded-For", "203.0.113.9")]
    assert admit_with(served, settings=settings, headers=headers).client_ip == "203.0.113.9"
    refusal_of(lambda: admit_with(served, settings=settings), Fault.IP_DENIED)
