"""Host to group and environment, method and path to the API."""

from typing import Any

import pytest
from unit.build import (
    DOMAIN,
    GROUP,
    a_catalog,
    a_pass,
    an_api,
    refusal_of,
    serve,
)

from apigateway.errors import Fault
from apigateway.exchange import Received, Routed
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi
from apigateway.model.group import Domain, DomainKind, Environment
from apigateway.stages.routing import Routing, environment_of

STAGE = "X-Ca-Stage"


def catalog_with(*patterns: str, environment: Environment = Environment.RELEASE) -> Catalog:
    return a_catalog(*(served(pattern, environment) for pattern in patterns))


def served(path: str, environment: Environment = Environment.RELEASE) -> ServedApi:
    return serve(an_api(path=path, name=f"{environment}{path}"), environment=environment)


def route(catalog: Catalog, *headers: tuple[str, str], **changes: Any) -> Routed:
    return Routing()(a_pass(Received, catalog=catalog, headers=headers, **changes))


def test_a_call_is_routed_by_host_method_and_path() -> None:
    routed = route(catalog_with("/f/[city]/*"), path="/f/h%2Fz/a/b")
    assert routed.bound.group is GROUP
    assert routed.environment is Environment.RELEASE
    assert routed.served.api.request.path == "/f/[city]/*"
    assert routed.path_values == {"city": "h/z"}
    assert routed.path_rest == ("a", "b")


def test_the_second_level_domain_leads_to_the_group_too() -> None:
    routed = route(catalog_with("/f"), path="/f", host=GROUP.subdomain)
    assert routed.bound.domain.kind is DomainKind.SECOND_LEVEL


def test_an_unknown_host_is_an_invalid_domain() -> None:
    refusal = refusal_of(
        lambda: route(catalog_with("/f"), path="/f", host="x.test"), Fault.INVALID_DOMAIN
    )
    assert refusal.parts == {"domain": "x.test"}


@pytest.mark.parametrize(
    ("asked", "environment"),
    [
        (None, Environment.RELEASE),
        ("RELEASE", Environment.RELEASE),
        ("test", Environment.TEST),
        (" Pre ", Environment.PRE),
    ],
)
def test_the_stage_header_chooses_the_environment_in_any_case(
    asked: str | None, environment: Environment
) -> None:
    bound = BoundDomain(domain=Domain(name=DOMAIN, kind=DomainKind.INDEPENDENT), group=GROUP)
    assert environment_of(bound, asked) is environment


@pytest.mark.parametrize("asked", ["", "prod", "RELEASE,TEST"])
def test_a_stage_that_is_none_is_refused(asked: str) -> None:
    refusal_of(lambda: route(catalog_with("/f"), (STAGE, asked), path="/f"), Fault.INVALID_STAGE)


def test_a_domain_bound_to_one_environment_serves_only_that() -> None:
    domain = Domain(name=DOMAIN, kind=DomainKind.INDEPENDENT, environment=Environment.TEST)
    both = [served("/f", environment) for environment in (Environment.TEST, Environment.RELEASE)]
    catalog = a_catalog(*both, domains=[domain])
    routed = route(catalog, (STAGE, "RELEASE"), path="/f")
    assert routed.environment is Environment.TEST
    assert routed.served.environment is Environment.TEST


def test_an_api_is_not_found_in_an_environment_it_was_not_released_to() -> None:
    catalog = catalog_with("/f", environment=Environment.TEST)
    refusal = refusal_of(lambda: route(catalog, path="/f"), Fault.API_NOT_FOUND)
    assert refusal.parts == {"method": "GET", "path": "/f"}
    assert route(catalog, (STAGE, "TEST"), path="/f").environment is Environment.TEST


def test_another_method_or_path_is_not_found() -> None:
    catalog = catalog_with("/f")
    refusal_of(lambda: route(catalog, path="/f", method="POST"), Fault.API_NOT_FOUND)
    refusal_of(lambda: route(catalog, path="/f/"), Fault.API_NOT_FOUND)
    refusal_of(lambda: route(catalog, path="/"), Fault.API_NOT_FOUND)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "ANY", "HEADER", "PROPFIND", ""])
def test_other_methods_than_an_apis_are_unsupported_even_where_any_is_declared(method: str) -> None:
    catalog = a_catalog(serve(an_api(method="ANY", path="/f")))
    refusal = refusal_of(lambda: route(catalog, path="/f", method=method), Fault.UNSUPPORTED_METHOD)
    assert refusal.parts == {"method": method}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
def test_an_api_of_any_method_takes_every_method_of_an_api(method: str) -> None:
    catalog = a_catalog(serve(an_api(method="ANY", path="/f")))
    assert route(catalog, path="/f", method=method).method == method


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("*", "does not start with /"),
        ("//deny", "empty segment"),
        ("/x/../deny", "dot segment"),
        ("/./deny", "dot segment"),
        ("/%2e%2e/deny", "dot segment"),
        ("/%00", "control character"),
        ("/%zz", "broken percent escape"),
        ("/a\\b", "a backslash"),
        ("/%C0%AF", "not UTF-8"),
    ],
)
def test_a_path_that_can_be_read_in_two_ways_is_invalid(path: str, reason: str) -> None:
    refusal = refusal_of(lambda: route(catalog_with("/*"), path=path), Fault.INVALID_PATH)
    assert refusal.parts == {"reason": reason}


@pytest.mark.parametrize("raw", [b"/\xff", b"/f%20\xff"])
def test_a_path_with_bytes_that_are_not_utf8_is_invalid(raw: bytes) -> None:
    path = raw.decode("utf-8", "surrogateescape")
    refusal_of(lambda: route(catalog_with("/*"), path=path), Fault.INVALID_PATH)


def test_an_encoded_letter_is_the_letter() -> None:
    assert route(catalog_with("/deny"), path="/%64eny").served.api.request.path == "/deny"
