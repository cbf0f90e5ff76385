"""What Routing and Access say of a call: where it led and why, and where it came from."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from unit.build import DOMAIN, GROUP, SETTINGS, a_catalog, an_api, parameter, serve
from unit.trail.walked import decided, refused

from apigateway.model.api import Location
from apigateway.model.catalog import Catalog
from apigateway.model.cors import Cors
from apigateway.model.group import Domain, DomainKind, Environment
from apigateway.model.policy import IpControl
from apigateway.model.settings import StandingLimits

STAGE = "X-Ca-Stage"
BOUND = Domain(name="test.example.test", kind=DomainKind.INDEPENDENT, environment=Environment.TEST)


def released(*environments: Environment, method: str = "GET", path: str = "/forecast") -> Catalog:
    api = an_api(method=method, path=path)
    served = [serve(api, environment=one) for one in environments]
    return a_catalog(*served, domains=(*GROUP.hosts, BOUND))


def routed(**changes: Any) -> dict[str, Any]:
    return {
        "host": DOMAIN,
        "domain": "independent",
        "group": "weather",
        "environment": "RELEASE",
        "environment_from": "default",
        "method": "GET",
        "path": "/forecast",
        "api": "GetForecast",
        "pattern": "GET /forecast",
        "version": "20231114221320000",
        **changes,
    }


# --- Routing


def test_a_call_is_routed_with_its_host_environment_api_and_version() -> None:
    assert decided("Routing") == routed()


def test_the_second_level_domain_is_told_as_one() -> None:
    found = decided("Routing", host=GROUP.subdomain)
    assert found == routed(host=GROUP.subdomain, domain="second-level")


def test_what_chose_the_environment_is_said() -> None:
    both = released(Environment.TEST, Environment.RELEASE)
    found = decided("Routing", catalog=both, headers=[(STAGE, "test")])
    assert found == routed(environment="TEST", environment_from=STAGE)
    found = decided("Routing", catalog=both, host=BOUND.name, headers=[(STAGE, "RELEASE")])
    assert found == routed(host=BOUND.name, environment="TEST", environment_from="domain")


def test_path_values_and_the_rest_are_told_decoded() -> None:
    served = serve(
        an_api(
            method="ANY",
            path="/f/[city]/*",
            backend_path="/b/[city]/*",
            request={"parameters": (parameter("city", Location.PATH),)},
        )
    )
    path = "/f/%E4%B8%AD/a%2Fb/c"
    assert decided("Routing", served, path=path) == routed(
        path=path,
        pattern="ANY /f/[city]/*",
        path_values={"city": "中"},
        path_rest=["a/b", "c"],
    )


def test_a_secret_in_the_path_is_masked_in_both_places() -> None:
    served = serve(
        an_api(
            path="/login/[pass_word]/end",
            backend_path="/b/[pass_word]",
            request={"parameters": (parameter("pass_word", Location.PATH),)},
        )
    )
    found = decided("Routing", served, path="/login/hunter2/end")
    assert found["path"] == "/login/…/end"
    assert found["path_values"] == {"pass_word": "…"}


def test_a_host_that_is_no_domain_is_told() -> None:
    assert refused("Routing", host="other.test") == {
        "fault": "INVALID_DOMAIN",
        "host": "other.test",
        "method": "GET",
        "path": "/forecast",
    }


def known(**changes: Any) -> dict[str, Any]:
    """What is known of a call whose host is known and no more."""
    found = {"host": DOMAIN, "domain": "independent", "group": "weather"}
    return {**found, "method": "GET", "path": "/forecast", **changes}


def test_a_connection_for_another_domain_is_told() -> None:
    found = refused("Routing", scheme="https", sni="other.test")
    assert found == known(fault="MISDIRECTED", handshake_for="other.test")


def test_a_stage_that_is_none_is_told() -> None:
    found = refused("Routing", headers=[(STAGE, "prod")])
    assert found == known(fault="INVALID_STAGE", asked_for="prod")


def test_a_method_and_a_path_that_are_none_are_told() -> None:
    assert refused("Routing", method="BREW") == known(fault="UNSUPPORTED_METHOD", method="BREW")
    assert refused("Routing", path="/a/../b") == known(fault="INVALID_PATH", path="/a/../b")


def test_of_a_call_to_no_api_the_near_misses_are_told() -> None:
    catalog = released(Environment.TEST, Environment.PRE)
    found = known(fault="API_NOT_FOUND", environment="RELEASE", environment_from="default")
    assert refused("Routing", catalog=catalog) == {
        **found,
        "other_methods": [],
        "other_environments": ["TEST", "PRE"],
    }
    catalog = released(Environment.RELEASE, method="PUT")
    assert refused("Routing", catalog=catalog) == {
        **found,
        "other_methods": ["PUT"],
        "other_environments": [],
    }


def preflight(**changes: Any) -> dict[str, Any]:
    fields = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    return {"method": "OPTIONS", "headers": fields, **changes}


def test_a_preflight_is_told_with_what_the_group_allows() -> None:
    cors = Cors()
    assert decided("Routing", **preflight()) == known(
        method="OPTIONS",
        preflight_for="GET",
        origin="https://app.test",
        allowed_methods=list(cors.methods),
        allowed_origins=list(cors.origins),
    )
    found = refused("Routing", **preflight(path="/none"))
    assert (found["fault"], found["path"], found["preflight_for"]) == (
        "CORS_NOT_FOUND",
        "/none",
        "GET",
    )


# --- Access


def arrived(**changes: Any) -> dict[str, Any]:
    return {
        "protocol": "http",
        "client_ip": "192.0.2.7",
        "client_ip_from": "connection",
        "ip_control": None,
        "url_bytes": 9,
        "head_bytes": 0,
        "body_bytes": 0,
        **changes,
    }


OFFICE = IpControl(id="1", name="office", region="r", allow=(ip_network("192.0.2.0/24"),))
BEHIND = replace(SETTINGS, trusted_proxies=(ip_network("192.0.2.7"),))


def test_a_call_comes_from_an_address_with_its_sizes() -> None:
    assert decided("Access") == arrived()
    headers = [("Host", DOMAIN), ("X-Name", "caf\udcc3\udca9")]
    served = serve(an_api(method="POST"), ip_control=OFFICE)
    found = decided("Access", served, method="POST", query="q=中", headers=headers, body=b"a=1")
    head_bytes = len("Host") + len(DOMAIN) + len("X-Name") + len("café".encode()) + 2 * 4
    assert found == arrived(
        ip_control="office",
        url_bytes=len("/forecast") + len("q=中".encode()),
        head_bytes=head_bytes,
        body_bytes=3,
    )


def test_who_said_the_address_and_the_protocol_is_told() -> None:
    catalog = a_catalog(serve(an_api()), settings=BEHIND)
    forwarded = ("X-Forwarded-For", "10.9.9.9, 198.51.100.4")
    found = decided("Access", catalog=catalog, headers=[forwarded])
    assert found == arrived(
        client_ip="198.51.100.4",
        client_ip_from="X-Forwarded-For",
        proxy="192.0.2.7",
        head_bytes=found["head_bytes"],
    )
    found = decided("Access", catalog=catalog, headers=[("X-Forwarded-Proto", "https")])
    assert found == arrived(
        protocol="https",
        protocol_from="X-Forwarded-Proto",
        proxy="192.0.2.7",
        head_bytes=found["head_bytes"],
    )


def test_a_field_that_nobody_believes_is_not_told() -> None:
    forwarded = [("X-Forwarded-For", "198.51.100.4"), ("X-Forwarded-Proto", "https")]
    found = decided("Access", headers=forwarded)
    assert found == arrived(head_bytes=found["head_bytes"])


def test_who_denied_an_address_is_told() -> None:
    listed = replace(SETTINGS, blacklist=(ip_network("192.0.2.7"),))
    found = refused("Access", catalog=a_catalog(serve(an_api()), settings=listed))
    assert found == arrived(fault="IP_DENIED", denied_by="blacklist")
    found = refused("Access", serve(an_api(), ip_control=OFFICE), peer="198.51.100.4")
    assert found == arrived(
        fault="IP_DENIED", client_ip="198.51.100.4", ip_control="office", denied_by="office"
    )


def test_a_protocol_that_the_api_does_not_take_is_told() -> None:
    served = serve(an_api(request={"protocols": frozenset({"https"})}))
    assert refused("Access", served) == arrived(fault="PROTOCOL_UNSUPPORTED", protocols=["https"])


def test_a_repeated_field_is_told() -> None:
    found = refused("Access", headers=[("Date", "a"), ("Date", "b")])
    head_bytes = 2 * (len("Datea") + 4)
    assert found == arrived(
        fault="INVALID_HEADER",
        header="Date",
        rule="is repeated",
        head_bytes=head_bytes,
    )


@pytest.mark.parametrize(
    ("fault", "changes", "sizes"),
    [
        ("URL_TOO_LARGE", {"query": "a" * 30}, {"url_bytes": 39, "allowed_bytes": 20}),
        ("BODY_TOO_LARGE", {"body": b"12345"}, {"body_bytes": 5, "allowed_bytes": 4}),
        (
            "INVALID_HEADER",
            {"headers": [("X-A", "a" * 20)]},
            {"head_bytes": 27, "allowed_bytes": 20, "header": "*", "rule": "too large"},
        ),
    ],
)
def test_what_is_too_large_is_told_with_what_is_allowed(
    fault: str, changes: dict[str, Any], sizes: dict[str, Any]
) -> None:
    limits = StandingLimits(head_bytes=20, body_bytes=4)
    catalog = a_catalog(serve(an_api()), settings=replace(SETTINGS, limits=limits))
    assert refused("Access", catalog=catalog, **changes) == arrived(fault=fault, **sizes)
