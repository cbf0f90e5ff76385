"""Requests as a client of the product would send them."""

import json
from typing import Any

import pytest
from unit.build import NOW_MS
from unit.testing.samples import samples

from apigateway.errors import Fault
from apigateway.reception import CallerRequest
from apigateway.testing.made import (
    Signer,
    app_of,
    backend_failure,
    host_of,
    made_answer,
    made_request,
)


def made(url: str = "http://a.test/x", **more: Any) -> CallerRequest:
    return made_request(more.pop("method", "GET"), url, client="192.0.2.1", **more)


def test_a_url_is_the_target_the_host_and_the_scheme() -> None:
    plain, secure = made("http://a.test:8080/x?y=1"), made("https://a.test")
    assert (plain.target, plain.headers.first("Host"), plain.scheme, plain.sni) == (
        "/x?y=1",
        "a.test:8080",
        "http",
        "",
    )
    assert (secure.target, secure.scheme, secure.sni) == ("/", "https", "a.test")
    assert plain.peer == "192.0.2.1"


def test_characters_that_cannot_be_in_a_url_are_encoded_and_others_left() -> None:
    assert made("http://a.test/中 x?q=%E4+ü").target == "/%E4%B8%AD%20x?q=%E4+%C3%BC"


@pytest.mark.parametrize("url", ["a.test/x", "ftp://a.test/", "http:///x"])
def test_what_is_no_url_of_http_is_said(url: str) -> None:
    with pytest.raises(ValueError, match="is no http:// or https:// URL"):
        made(url)


def test_a_document_and_a_form_are_sent_with_their_kind_and_length() -> None:
    posted = made(document={"a": "中"})
    assert json.loads(posted.body) == {"a": "中"}
    assert posted.headers.first("Content-Type") == "application/json; charset=UTF-8"
    assert posted.headers.first("Content-Length") == str(len(posted.body))
    form = made(form=[("a", "1 2"), ("a", "中")])
    assert form.body == b"a=1+2&a=%E4%B8%AD"
    kind = form.headers.first("Content-Type")
    assert kind == "application/x-www-form-urlencoded; charset=UTF-8"


def test_a_kind_that_is_given_stays() -> None:
    posted = made(document=[], headers={"content-type": "text/x", "accept": "*/*"})
    assert posted.headers.all("Content-Type") == ["text/x"]
    assert posted.headers.all("Accept") == ["*/*"]


def test_two_bodies_are_refused() -> None:
    with pytest.raises(ValueError, match="a call has one body"):
        made(document={}, form={})
    with pytest.raises(ValueError, match="a call has one body"):
        made(body="x", form={})


def test_an_app_signs_each_request_with_a_nonce_of_its_own() -> None:
    signer = Signer(app=app_of(samples().apps, "demo"), now_ms=NOW_MS)
    one, other = made(signer=signer), made(signer=signer)
    assert one.headers.first("X-Ca-Key") == samples().apps["demo"].key
    assert one.headers.first("X-Ca-Timestamp") == str(NOW_MS)
    assert one.headers.first("X-Ca-Nonce") != other.headers.first("X-Ca-Nonce")


def test_an_app_that_there_is_not_is_said_with_the_one_that_is_meant() -> None:
    with pytest.raises(ValueError, match=r'no app "demi" .*; did you mean "demo"'):
        app_of(samples().apps, "demi")


def test_a_path_is_called_at_the_domain_of_the_group_that_has_it() -> None:
    catalog = samples().catalog
    assert host_of(catalog, "GET", "/forecast/x?days=1", "") == "api.weather.localhost"
    assert host_of(catalog, "post", "/login", "release") == "api.accounts.localhost"


@pytest.mark.parametrize("target", ["/nothing", "/%2"])
def test_a_path_that_no_group_has_needs_a_host(target: str) -> None:
    with pytest.raises(ValueError, match=r"give host=, one of api\.accounts\.localhost"):
        host_of(samples().catalog, "GET", target, "")


def test_an_answer_has_the_kind_of_its_document() -> None:
    answer = made_answer(201, document={"a": 1}, headers={"X-A": "1"})
    assert (answer.status, answer.body) == (201, b'{"a": 1}')
    assert answer.headers == (
        ("X-A", "1"),
        ("Content-Type", "application/json; charset=UTF-8"),
    )


def test_a_backend_fails_by_faults_of_backends_alone() -> None:
    assert backend_failure(Fault.BACKEND_TIMEOUT).fault is Fault.BACKEND_TIMEOUT
    with pytest.raises(ValueError, match=r"does not fail by Fault\.NONCE_USED; .*BACKEND_TIMEOUT"):
        backend_failure(Fault.NONCE_USED)
