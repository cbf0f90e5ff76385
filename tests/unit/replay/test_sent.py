"""Requests known by their URL, as the gateway would get them."""

import pytest

from apigateway.captures.sent import SentRequest
from apigateway.protocol.wire import Headers
from apigateway.replay.sent import request_of_url, server_name
from apigateway.signatures.caller import SignableRequest


def sent(
    *fields: tuple[str, str], scheme: str = "http", authority: str = "h.test:81"
) -> SentRequest:
    return SentRequest("GET", "/a", "b=1", Headers(fields), b"x", scheme, authority)


def test_the_host_is_that_of_the_url_unless_the_fields_name_one() -> None:
    request = request_of_url(sent(("A", "1")))
    assert request.headers.fields == (("Host", "h.test:81"), ("A", "1"))
    assert (request.target, request.body, request.scheme, request.sni) == (
        "/a?b=1",
        b"x",
        "http",
        "",
    )
    assert (request.authority, request.peer) == ("", "")
    assert request_of_url(sent(("host", "o.test"))).headers.fields == (("host", "o.test"),)
    assert request_of_url(sent(), with_host=False).headers.fields == ()


def test_http2_names_it_in_the_authority() -> None:
    request = request_of_url(sent(("A", "1")), http_version="HTTP/2.0")
    assert (request.authority, request.headers.fields) == ("h.test:81", (("A", "1"),))


def test_a_handshake_is_for_the_host_of_the_url() -> None:
    request = request_of_url(sent(("Host", "other.test"), scheme="https"))
    assert (request.scheme, request.sni) == ("https", "h.test")


@pytest.mark.parametrize(("host", "name"), [("h.test", "h.test"), ("127.0.0.1", ""), ("::1", "")])
def test_a_handshake_names_no_address(host: str, name: str) -> None:
    assert server_name(host) == name


def test_a_request_of_no_url_is_over_http() -> None:
    request = request_of_url(SignableRequest("GET", "/a", "", Headers([("Host", "h.test")])))
    assert (request.target, request.scheme, request.host) == ("/a", "http", "h.test")
    assert request_of_url(sent(authority="", scheme="")).headers.fields == ()
