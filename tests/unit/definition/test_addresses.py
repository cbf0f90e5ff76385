"""Backend addresses, host names, networks."""

from ipaddress import ip_network

import pytest

from apigateway.definition.addresses import (
    address_of,
    is_host,
    parse_address,
    parse_networks,
    plain_host,
)
from apigateway.definition.document import Document
from apigateway.definition.problems import Report


def parsed(text: str) -> tuple[tuple[str, str, int], list[str]]:
    report = Report()
    found = parse_address(text, report.on(Document("a", {})), "address")
    return found, [problem.what for problem in report.errors]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:9000", ("http", "127.0.0.1", 9000)),
        ("https://Backend.Example.com", ("https", "backend.example.com", 443)),
        ("http://my_service", ("http", "my_service", 80)),
        ("http://[::1]:8080", ("http", "::1", 8080)),
    ],
)
def test_an_address_is_scheme_host_and_port(text: str, address: tuple[str, str, int]) -> None:
    assert parsed(text) == (address, [])
    assert parsed(address_of(*address)) == (address, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1:9000", "does not start with http:// or https://"),
        ("ftp://a", "does not start with http:// or https://"),
        ("http://", "does not start with http:// or https://"),
        ("http://u:p@a", "holds a user name"),
        ("http://a/", "holds more than scheme, host and port"),
        ("http://a?b", "holds more than scheme, host and port"),
        ("http://a#", 'holds a "#" that is not part of a variable such as #backend_host#'),
        ("http://#1#", 'holds a "#" that is not part of a variable such as #backend_host#'),
        ("http://a b", "names no host"),
        ("http://a:0", "names no port"),
        ("http://a:", "names no port"),
        ("http://a:99999", "is not an address"),
        ("http://[::1", "is not an address"),
        ("http://127.1", "names no host"),
        ("http://0x7f000001", "names no host"),
    ],
)
def test_anything_else_is_none(text: str, why: str) -> None:
    assert parsed(text)[1] == [f'the address "{text}" {why}']


@pytest.mark.parametrize("host", ["a", "a-b.c", "127.0.0.1", "::1", "a_b"])
def test_names_and_ip_addresses_are_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", ["", "-a", "a..b", "1.2.3", "[::1]", "a:80", "fe80::1%eth0", "a" * 254]
)
def test_what_is_no_host_is_told_apart(host: str) -> None:
    assert not is_host(host)


def test_hosts_have_one_form_to_be_compared_in() -> None:
    assert plain_host("API.Example.com.") == "api.example.com"
    assert plain_host("0:0::1") == "::1"


def test_networks_are_read_and_what_is_none_is_pointed_at() -> None:
    report = Report()
    texts = ["10.0.0.0/8", "10.0.0.1/8", "x", "::1"]
    found = parse_networks(texts, report.on(Document("a", {})), "allow")
    assert found == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert [(problem.what, problem.mend) for problem in report.errors] == [
        ('allow[1] "10.0.0.1/8" has bits below its mask', 'write "10.0.0.0/8"'),
        ('allow[2] "x" is not a network', "write one such as 10.0.0.0/8"),
    ]
