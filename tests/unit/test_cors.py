"""What browsers are told, and what of a backend's own words gives way."""

from dataclasses import replace
from typing import Any

import pytest
from unit.build import DOMAIN, GROUP, a_catalog, a_pass, an_api, serve

from apigateway.cors import (
    asked_method,
    cors_fields,
    cors_of,
    preflight_answer,
    without_own_cors,
)
from apigateway.exchange import Received
from apigateway.model.catalog import BoundDomain, Catalog
from apigateway.model.cors import Cors

PAGE = "https://app.example.com"


def catalog_with(cors: Cors) -> Catalog:
    group = replace(GROUP, cors=cors)
    bound = {domain.name: BoundDomain(domain=domain, group=group) for domain in group.hosts}
    return replace(a_catalog(serve(an_api())), domains=bound)


def call(cors: Cors | None = None, origin: str | None = PAGE, **changes: Any) -> Received:
    headers = [] if origin is None else [("Origin", origin)]
    return a_pass(Received, catalog=catalog_with(cors or Cors()), headers=headers, **changes)


def test_every_page_may_read_the_answer_by_default() -> None:
    assert cors_fields(call()) == (
        ("Access-Control-Allow-Origin", "*"),
        (
            "Access-Control-Expose-Headers",
            "X-Ca-Request-Id,X-Ca-Error-Code,X-Ca-Error-Message,X-Ca-Debug-Info",
        ),
    )


def test_a_caller_that_is_no_page_gets_no_fields() -> None:
    assert cors_fields(call(origin=None)) == ()


def test_a_page_on_the_list_is_named_and_caches_are_told() -> None:
    cors = Cors(origins=("https://other.test", PAGE), expose=("X-A", "X-B"))
    assert cors_fields(call(cors)) == (
        ("Access-Control-Allow-Origin", PAGE),
        ("Vary", "Origin"),
        ("Access-Control-Expose-Headers", "X-A,X-B"),
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.test",
        "http://app.example.com",
        f"{PAGE}:443",
        f"{PAGE}.evil.test",
        "null",
        "",
    ],
)
def test_a_page_that_is_not_on_the_list_may_not_read_the_answer(origin: str) -> None:
    assert cors_fields(call(Cors(origins=(PAGE,)), origin)) == (("Vary", "Origin"),)


@pytest.mark.parametrize("cors", [Cors(origins=(PAGE,)), Cors(credentials=True)])
def test_a_cache_is_told_even_by_an_answer_to_no_page(cors: Cors) -> None:
    assert cors_fields(call(cors, origin=None)) == (("Vary", "Origin"),)


def test_credentials_name_the_page_and_never_a_star() -> None:
    found = dict(cors_fields(call(Cors(credentials=True))))
    assert found["Access-Control-Allow-Origin"] == PAGE
    assert found["Access-Control-Allow-Credentials"] == "true"
    assert found["Vary"] == "Origin"


def test_a_group_that_is_unknown_or_says_no_has_no_rules() -> None:
    assert cors_of(call(Cors(enabled=False))) is None
    assert cors_fields(call(Cors(enabled=False))) == ()
    assert cors_of(call(host="other.test")) is None
    assert cors_fields(call(host="other.test")) == ()


def test_both_kinds_of_domains_have_the_groups_rules() -> None:
    cors = Cors(max_age_s=1)
    assert cors_of(call(cors, host=DOMAIN)) == cors
    assert cors_of(call(cors, host=GROUP.subdomain)) == cors


# --- preflight


def ask(method: str, *fields: tuple[str, str]) -> str | None:
    return asked_method(a_pass(Received, method=method, headers=fields))


def test_a_preflight_is_an_options_with_an_origin_and_the_method_to_come() -> None:
    origin, wanted = ("Origin", PAGE), ("Access-Control-Request-Method", "PUT")
    assert ask("OPTIONS", origin, wanted) == "PUT"
    assert ask("OPTIONS", wanted) is None
    assert ask("OPTIONS", origin) is None
    assert ask("GET", origin, wanted) is None


def test_a_preflight_is_answered_with_all_that_a_page_may_send() -> None:
    answer = preflight_answer(Cors(methods=("GET", "PUT"), headers=("X-A", "X-B"), max_age_s=60))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers == (
        ("Access-Control-Allow-Methods", "GET,PUT"),
        ("Access-Control-Allow-Headers", "X-A,X-B"),
        ("Access-Control-Max-Age", "60"),
    )


# --- a backend's own

OWN = (("access-control-allow-origin", "https://x.test"), ("Vary", "Accept"), ("X-A", "1"))


def test_a_backends_own_fields_give_way_to_the_groups() -> None:
    assert without_own_cors(OWN, call()) == OWN[1:]
    assert without_own_cors(OWN, call(Cors(origins=("https://other.test",)))) == OWN[1:]


def test_a_backends_own_fields_stay_where_no_page_asks_or_the_group_has_no_rules() -> None:
    assert without_own_cors(OWN, call(origin=None)) == OWN
    assert without_own_cors(OWN, call(Cors(enabled=False))) == OWN
