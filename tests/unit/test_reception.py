"""What comes in, as the pass that the chain begins with."""

import pytest
from unit.build import DOMAIN, NOW_MS, REQUEST_ID, a_catalog, refusal_of
from unit.replay.calls import a_request

from apigateway.errors import Fault
from apigateway.exchange import Received
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest, received_of

CATALOG = a_catalog()


def received(request: CallerRequest) -> Received:
    return received_of(request, CATALOG, request_id=REQUEST_ID, received_ms=NOW_MS)


def test_a_request_is_taken_as_it_was_on_the_wire() -> None:
    call = received(
        a_request("/a%20b?c=%E4&c=", [("X-A", "1")], method="post", body=b"\xff", peer="192.0.2.9")
    )
    assert (call.method, call.path, call.query) == ("POST", "/a%20b", "c=%E4&c=")
    assert call.headers.fields == (("Host", DOMAIN), ("X-A", "1"))
    assert (call.body, call.peer, call.host) == (b"\xff", "192.0.2.9", DOMAIN)
    assert (call.request_id, call.received_ms, call.catalog) == (REQUEST_ID, NOW_MS, CATALOG)


def test_a_host_is_its_name_in_lower_case_without_a_port() -> None:
    request = CallerRequest(method="GET", target="/", headers=Headers([("host", "API.Test:8080")]))
    assert received(request).host == "api.test"
    assert request.host == "api.test"


def test_only_over_tls_a_handshake_named_a_domain() -> None:
    call = received(a_request(scheme="https", sni="API.Test."))
    assert (call.scheme, call.sni) == ("https", "api.test")
    assert received(a_request(scheme="http", sni="api.test")).sni == ""


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3"])
def test_newer_versions_name_their_host_in_a_field_of_its_own(version: str) -> None:
    request = CallerRequest(
        method="GET", target="/", http_version=version, authority="a.test:1", headers=Headers([])
    )
    assert received(request).host == "a.test"
    assert received(a_request(http_version=version)).host == DOMAIN


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (a_request(authority="a.test"), Fault.INVALID_URI),
        (a_request("/", [("host", DOMAIN)]), Fault.INVALID_HEADER),
        (a_request("/", [("Upgrade", "websocket")]), Fault.INVALID_HEADER),
        (CallerRequest(method="GET", target="/", headers=Headers([])), Fault.HEADER_REQUIRED),
        (
            CallerRequest(method="GET", target="/", headers=Headers([("Host", "")])),
            Fault.HEADER_REQUIRED,
        ),
    ],
)
def test_a_request_that_names_its_host_in_two_ways_or_not_at_all_is_refused(
    request_: CallerRequest, fault: Fault
) -> None:
    refusal_of(lambda: received(request_), fault)


def test_what_is_signed_is_the_request_in_its_parts() -> None:
    signable = a_request("/a?b?c", method="put", body=b"x").signable
    assert (signable.method, signable.path, signable.query, signable.body) == (
        "put",
        "/a",
        "b?c",
        b"x",
    )
