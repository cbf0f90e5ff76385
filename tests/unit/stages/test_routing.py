"""Host to group and environment, method and path to the API."""

from dataclasses import replace
from functools import partial
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
from apigateway.exchange import Answer, Received, Reply, Routed
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi
from apigateway.model.cors import Cors
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


def test_a_host_of_another_group_than_the_handshakes_is_misdirected() -> None:
    catalog = catalog_with("/f")
    other = replace(GROUP, id="1" * 32, name="other", subdomain="other.test", domains=())
    bound = BoundDomain(domain=other.hosts[0], group=other)
    catalog = replace(catalog, domains={**catalog.domains, "other.test": bound})
    for sni in ("other.test", "unknown.test", ""):
        call = a_pass(Received, catalog=catalog, path="/f", scheme="https", sni=sni)
        refusal = refusal_of(partial(Routing(), call), Fault.MISDIRECTED)
        assert refusal.parts == {"domain": DOMAIN}


def test_any_host_of_the_handshakes_group_is_served() -> None:
    routed = route(catalog_with("/f"), path="/f", scheme="https", sni=GROUP.subdomain, host=DOMAIN)
    assert routed.bound.domain.name == DOMAIN


def test_an_unknown_host_is_an_invalid_domain_over_https_too() -> None:
    refusal_of(
        lambda: route(catalog_with("/f"), path="/f", scheme="https", host="x.test"),
        Fault.INVALID_DOMAIN,
    )


# --- preflights


def preflight(
    catalog: Catalog, wanted: str = "GET", *, path: str = "/f", **changes: Any
) -> Answer | Routed:
    """The answer to a preflight, or where it was led to."""
    headers = [("Origin", "https://app.test"), ("Access-Control-Request-Method", wanted)]
    call = a_pass(
        Received, catalog=catalog, method="OPTIONS", path=path, headers=headers, **changes
    )
    try:
        return Routing()(call)
    except Reply as reply:
        return reply.answer


def test_a_preflight_for_an_api_is_answered_at_once() -> None:
    answer = preflight(catalog_with("/f"))
    assert isinstance(answer, Answer)
    assert answer.status == 200
    assert dict(answer.headers)["Access-Control-Max-Age"] == "172800"


@pytest.mark.parametrize(("wanted", "path"), [("GET", "/nowhere"), ("PUT", "/f"), ("X" * 50, "/f")])
def test_a_preflight_for_no_api_is_not_found(wanted: str, path: str) -> None:
    refusal = refusal_of(
        lambda: preflight(catalog_with("/f"), wanted, path=path), Fault.CORS_NOT_FOUND
    )
    assert refusal.parts == {"method": wanted[:20], "path": path}


def test_a_preflight_looks_in_the_environment_of_the_domain() -> None:
    domain = Domain(name=DOMAIN, kind=DomainKind.INDEPENDENT, environment=Environment.TEST)
    catalog = a_catalog(served("/f", Environment.TEST), domains=[domain])
    assert isinstance(preflight(catalog), Answer)
    catalog = a_catalog(served("/f", Environment.RELEASE), domains=[domain])
    refusal_of(lambda: preflight(catalog), Fault.CORS_NOT_FOUND)


def test_a_preflight_finds_an_api_of_any_stage_that_the_page_could_ask_for() -> None:
    """A preflight cannot carry X-Ca-Stage: the browser only names it in the headers to come."""
    assert isinstance(preflight(catalog_with("/f", environment=Environment.TEST)), Answer)


def test_a_preflight_for_a_group_whose_backends_answer_pages_is_like_any_call() -> None:
    group = replace(GROUP, cors=Cors(enabled=False))
    bound = BoundDomain(domain=group.hosts[1], group=group)
    catalog = replace(catalog_with("/f"), domains={DOMAIN: bound})
    refusal_of(lambda: preflight(catalog), Fault.API_NOT_FOUND)


def test_an_options_without_an_origin_is_no_preflight() -> None:
    refusal_of(lambda: route(catalog_with("/f"), path="/f", method="OPTIONS"), Fault.API_NOT_FOUND)


def test_an_api_that_is_declared_for_options_answers_its_preflights_itself() -> None:
    api = serve(an_api(method="OPTIONS", path="/f"))
    assert isinstance(preflight(a_catalog(api)), Routed)


def test_a_preflight_for_an_api_of_any_method_is_answered_too() -> None:
    """Else a page could not call it: a preflight carries no signature."""
    assert isinstance(preflight(a_catalog(serve(an_api(method="ANY", path="/f")))), Answer)
