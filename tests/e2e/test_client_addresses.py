"""Whose address a call has, through proxies and without, and what it decides."""

import contextlib
import sqlite3
from typing import Any

import pytest
from e2e.lab import Lab, Strange, error_of
from e2e.running import Backend, Gateway, until


def client_ip(lab: Lab, *forwarded: str) -> str:
    """What the backend is told of the client."""
    fields = [("X-Forwarded-For", value) for value in forwarded]
    reply = lab.call(target="/forecast/hangzhou", fields=fields)
    assert reply.status == 200, reply
    told = [v for name, v in reply.json["headers"] if name.lower() == "x-forwarded-for"]
    found = dict(reply.json["headers"])["X-Client-Ip"]
    assert told == [found]
    return str(found)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["192.0.2.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (["192.0.2.1, 203.0.113.7", "10.1.2.3", "10.0.0.2"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8:1::7]:4711, 2001:db8:ffff::1"], "2001:db8:1::7"),
        (["2001:DB8:1::0007"], "2001:db8:1::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, nonsense"], "127.0.0.1"),
        (["203.0.113.7, 1.2.3.4.5, 10.0.0.2"], "10.0.0.2"),
        ([""], "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_hop_that_is_no_trusted_proxy(
    lab: Lab, forwarded: list[str], client: str
) -> None:
    assert client_ip(lab, *forwarded) == client


def test_what_a_peer_that_is_not_trusted_says_of_the_client_is_ignored(
    demo_gateway: Gateway, demo_backend: Backend
) -> None:
    untrusting = Lab(demo_gateway, demo_backend, Strange(0))
    assert client_ip(untrusting, "203.0.113.7") == "127.0.0.1"
    assert client_ip(untrusting, "203.0.113.7, 127.0.0.1") == "127.0.0.1"


def test_an_address_on_the_blacklist_calls_nothing(lab: Lab) -> None:
    denied = (403, "A403IP", "Access denied by IP Control Policy")
    with lab.no_backend_is_asked():
        for forwarded in ("198.51.100.7", "::ffff:198.51.100.7", "1.1.1.1, 198.51.100.7, 10.0.0.2"):
            fields = [("X-Forwarded-For", forwarded)]
            assert error_of(lab.call(fields=fields)) == denied
            assert error_of(lab.send("GET", "/own/200", fields)) == denied
            assert error_of(lab.send("GET", "/status", fields)) == denied
    assert lab.send("GET", "/own/200", [("X-Forwarded-For", "198.51.100.7, 1.1.1.1")]).status == 200


@pytest.mark.parametrize(
    ("forwarded", "may"),
    [
        ("127.0.0.1", True),
        ("203.0.113.8", True),
        ("203.0.113.9", False),
        ("::ffff:203.0.113.9", False),
        ("192.0.2.1", False),
        ("2001:db8:1::1", True),
        ("2001:db8:2::1", False),
        ("::ffff:127.0.0.1", True),
    ],
)
def test_ip_control_denies_before_it_allows(lab: Lab, forwarded: str, may: bool) -> None:
    before = lab.echo.hits
    reply = lab.send("GET", "/guarded", [("X-Forwarded-For", forwarded)])
    if may:
        assert (reply.status, lab.echo.hits) == (200, before + 1)
    else:
        assert error_of(reply) == (403, "A403IP", "Access denied by IP Control Policy")
        assert lab.echo.hits == before


def test_a_trusted_proxy_may_say_that_it_took_the_call_over_https(lab: Lab) -> None:
    assert lab.send("GET", "/only-https", [("X-Forwarded-Proto", "https")]).status == 200
    with lab.no_backend_is_asked():
        for fields in ([], [("X-Forwarded-Proto", "http")], [("X-Forwarded-Proto", "x")]):
            assert error_of(lab.send("GET", "/only-https", fields)) == (
                403,
                "I403PT",
                "Invalid protocol HTTP unsupported",
            )


def test_the_call_record_has_the_clients_address_and_not_the_proxys(lab: Lab) -> None:
    reply = lab.call(fields=[("X-Forwarded-For", "203.0.113.7")])
    request_id = reply.headers["x-ca-request-id"]

    def recorded() -> Any:
        with contextlib.closing(sqlite3.connect(lab.gateway.project.database)) as store:
            return store.execute(
                "select client_ip from calls where request_id = ?", (request_id,)
            ).fetchone()

    assert until(recorded, "the call is recorded") == ("203.0.113.7",)
