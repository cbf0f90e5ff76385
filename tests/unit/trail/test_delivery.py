"""What the stages from Mapping on say: what is sent, where to, and what came of it."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from unit.build import (
    KEY,
    NOW_MS,
    REQUEST_ID,
    SETTINGS,
    FixedResolver,
    a_catalog,
    a_pass,
    an_api,
    parameter,
    serve,
    signed_fields,
)
from unit.minted import issuer, mint
from unit.trail.walked import an_answer, decided, refused, timeless, trail

from apigateway.backends.tls import client_context
from apigateway.chain import Call
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Permitted, Signed
from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Constant,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    VpcBackend,
)
from apigateway.model.app import Secret
from apigateway.model.catalog import TlsProfile
from apigateway.model.openid import TokenRules
from apigateway.model.policy import SignatureKey, VpcAccess
from apigateway.model.settings import ErrorStyle
from apigateway.trail.trail import trail_of

BACKEND_KEY = SignatureKey(
    id="1", name="backend", region="r", key="backend-key", secret=Secret("a-backend-secret")
)
ACCESS = VpcAccess(
    name="office", region="r", vpc_id="vpc-1", instance_id="i-1", port=8080, host="10.0.0.5"
)
MOCK = serve(an_api(backend=MockBackend(status=203, body="{}")))


def to(source: str, name: str, location: Location) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


def moved(source: str, from_in: str, name: str, place: str) -> dict[str, Any]:
    return {"from": source, "from_in": from_in, "to": name, "in": place}


# --- Mapping


def test_what_goes_where_is_told_of_all_that_was_there() -> None:
    served = serve(
        an_api(
            path="/f/[city]",
            backend_path="/b/[town]",
            request={
                "parameters": (
                    parameter("city", Location.PATH),
                    parameter("days"),
                    parameter("same"),
                    parameter("absent"),
                )
            },
            backend_parameters=(
                to("city", "town", Location.PATH),
                to("days", "X-Days", Location.HEADER),
                to("absent", "gone", Location.QUERY),
            ),
            constants=(Constant(name="X-Source", location=Location.HEADER, value="gateway"),),
            system_parameters=(to("CaClientIp", "ip", Location.QUERY),),
        )
    )
    assert decided("Mapping", served, path="/f/x", query="days=3&same=1&other=2") == {
        "mode": "mapping",
        "mapped": [
            moved("city", "path", "town", "path"),
            moved("days", "query", "X-Days", "header"),
            moved("same", "query", "same", "query"),
        ],
        "constants": [{"name": "X-Source", "in": "header"}],
        "system": [{"from": "CaClientIp", "to": "ip", "in": "query"}],
    }


def test_claims_that_the_token_has_are_told() -> None:
    rules = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    served = serve(
        an_api(
            auth=rules,
            request={"parameters": (parameter("t"),)},
            claims=(
                to("sub", "X-User", Location.HEADER),
                to("none", "X-None", Location.HEADER),
            ),
        )
    )
    catalog = a_catalog(served, issuers=[issuer()])
    found = decided("Mapping", catalog=catalog, query=f"t={mint()}")
    assert found["claims"] == [{"from": "sub", "to": "X-User", "in": "header"}]


def test_in_passthrough_mode_only_the_path_is_mapped() -> None:
    declared = (parameter("city", Location.PATH), parameter("q"))
    served = serve(
        an_api(
            path="/f/[city]",
            backend_path="/[city]",
            request={"parameters": declared, "mode": Mode.PASSTHROUGH},
        )
    )
    assert decided("Mapping", served, path="/f/x", query="q=1") == {
        "mode": "passthrough",
        "mapped": [moved("city", "path", "city", "path")],
    }


def test_nothing_is_mapped_for_a_mock() -> None:
    assert decided("Mapping", MOCK) == {"mode": "mapping"}


def test_a_value_that_fits_no_place_is_told() -> None:
    served = serve(
        an_api(
            backend_path="/[city]",
            request={"parameters": (parameter("city"), parameter("note"))},
            backend_parameters=(
                to("city", "city", Location.PATH),
                to("note", "X-Note", Location.HEADER),
            ),
        )
    )
    assert refused("Mapping", served, query="city=..") == {
        "fault": "INVALID_PARAMETER",
        "mode": "mapping",
        "to": "city",
        "rule": "cannot be a path segment",
    }
    found = refused("Mapping", served, query="city=x&note=%00")
    assert (found["to"], found["rule"]) == ("X-Note", "holds a control character")


# --- Resolution


def https(**changes: Any) -> HttpBackend:
    plain: dict[str, Any] = {"scheme": "https", "host": "b.test", "port": 443, "path": "/"}
    return HttpBackend(**{**plain, **changes})


def test_an_http_backend_is_told_with_its_address() -> None:
    assert decided("Resolution") == {
        "backend": "http",
        "address": "http://backend.test:9000",
        "timeout_ms": 10_000,
    }


def test_an_https_backend_is_told_with_its_profile() -> None:
    profile = TlsProfile(name="pinned", context=client_context(), server_name="inner.test")
    served = serve(an_api(backend=https(tls="pinned")))
    found = decided("Resolution", catalog=a_catalog(served, tls_profiles=[profile]))
    expected = {"backend": "http", "address": "https://b.test", "timeout_ms": 10_000}
    assert found == {**expected, "tls_profile": "pinned", "server_name": "inner.test"}
    found = decided("Resolution", serve(an_api(backend=https())))
    assert found == {**expected, "tls_profile": None, "server_name": "b.test"}


def test_a_vpc_backend_is_told_with_its_authorization() -> None:
    backend = VpcBackend(access="office", scheme="http", path="/")
    served = serve(replace(an_api(), backend=backend))
    call: dict[str, Any] = {
        "catalog": a_catalog(served, vpc_accesses=[ACCESS]),
        "resolver": FixedResolver("10.0.0.5"),
    }
    assert decided("Resolution", **call) == {
        "backend": "vpc",
        "address": "http://10.0.0.5:8080",
        "timeout_ms": 10_000,
        "vpc_access": "office",
    }
    assert decided("VpcAllowList", **call) == {
        "pinned": "10.0.0.5",
        "host": "10.0.0.5",
        "port": 8080,
        "allowed_by": "VPC authorization",
    }
    call["resolver"] = FixedResolver()
    assert refused("VpcAllowList", **call) == {
        "fault": "VPC_ACCESS_DENIED",
        "host": "10.0.0.5",
        "port": 8080,
        "vpc_access": "office",
    }
    assert refused("Resolution", served) == {
        "fault": "VPC_ACCESS_DENIED",
        "backend": "vpc",
        "vpc_access": "office",
    }


def test_a_backend_without_an_address_or_a_profile_is_told() -> None:
    template = HttpBackend(scheme="", host="", port=0, path="/", template="http://#host#")
    assert refused("Resolution", serve(an_api(backend=template))) == {
        "fault": "BACKEND_ADDRESS",
        "backend": "http",
        "address": "http://#host#",
    }
    assert refused("Resolution", serve(an_api(backend=https(tls="gone")))) == {
        "fault": "BACKEND_TLS",
        "backend": "http",
        "address": "https://b.test:443",
        "tls_profile": "gone",
    }
    assert refused("Resolution", serve(MOCK.api, unresolved="no #host#")) == {
        "fault": "BACKEND_ADDRESS",
        "backend": "mock",
    }


# --- VpcAllowList


def test_the_pinned_address_and_what_allowed_it_are_told() -> None:
    assert decided("VpcAllowList") == {
        "pinned": "127.0.0.1",
        "host": "backend.test",
        "port": 9000,
        "allowed_by": "any network",
    }
    inner = replace(SETTINGS, backend_networks=(ip_network("127.0.0.0/8"),))
    catalog = a_catalog(serve(an_api()), settings=inner)
    assert decided("VpcAllowList", catalog=catalog)["allowed_by"] == "backend networks"
    assert refused("VpcAllowList", catalog=catalog, resolver=FixedResolver("10.0.0.5")) == {
        "fault": "BACKEND_ADDRESS",
        "host": "backend.test",
        "port": 9000,
        "backend_networks": ["127.0.0.0/8"],
    }


def test_an_address_of_no_backend_is_told_in_the_verdict() -> None:
    found = trail(resolver=FixedResolver("169.254.169.254"))
    assert found["verdict"]["detail"] == "backend.test: 169.254.169.254 is no address of a backend"
    assert found["backend_request"] is None


# --- Signing


def test_the_key_and_what_it_signed_are_told() -> None:
    constant = Constant(name="X-A", location=Location.HEADER, value="1")
    served = serve(an_api(constants=(constant,)), signature_key=BACKEND_KEY)
    expected: dict[str, Any] = {
        "key": "backend",
        "key_id": "backend-key",
        "signed_headers": ["X-A", "X-Ca-Proxy-Signature-Secret-Key"],
    }
    assert decided("Signing", served) == expected
    found = decided("Signing", served, headers=[("X-Ca-Request-Mode", "debug")])
    assert found == {**expected, "debug": True}
    assert decided("Signing") == {"key": None}
    assert decided("Signing", serve(MOCK.api, signature_key=BACKEND_KEY)) == {"key": None}


def test_a_crash_in_signing_is_told_with_the_key() -> None:
    call = Call(REQUEST_ID, NOW_MS, a_pass(Permitted, serve(an_api(), signature_key=BACKEND_KEY)))
    call.refuse(Refusal(Fault.INTERNAL, "KeyError: 'x'"), "Signing")
    stage = trail_of(call, ErrorStyle.CODED)["stages"][9]
    assert (stage["outcome"], stage["decided"]) == (
        "refused",
        {"fault": "INTERNAL", "key": "backend"},
    )


# --- Dispatch


def test_the_answer_of_the_backend_is_told() -> None:
    assert decided_by_dispatch(answered=an_answer(502, b"12345")) == {
        "address": "127.0.0.1:9000",
        "timeout_ms": 10_000,
        "status": 502,
        "backend_ms": 12.5,
        "answer_bytes": 5,
    }


def decided_by_dispatch(**changes: Any) -> dict[str, Any]:
    stage = trail(**changes)["stages"][10]
    assert (stage["stage"], stage["outcome"]) == ("Dispatch", "answered")
    values: dict[str, Any] = stage["decided"]
    return values


def test_an_ipv6_backend_is_told_with_brackets() -> None:
    found = trail(resolver=FixedResolver("2001:db8::1"))
    assert found["stages"][10]["decided"]["address"] == "[2001:db8::1]:9000"
    assert found["backend_request"]["address"] == "[2001:db8::1]:9000"


def test_the_answer_of_a_mock_is_told_as_one() -> None:
    found = trail(MOCK, answered=an_answer(203, b"{}"))
    assert found["stages"][10]["decided"] == {
        "backend": "mock",
        "status": 203,
        "backend_ms": 12.5,
        "answer_bytes": 2,
    }
    assert found["backend_request"] is None
    assert decided("Resolution", MOCK) == {"backend": "mock", "status": 203}
    assert decided("VpcAllowList", MOCK) == {"pinned": None}


@pytest.mark.parametrize("fault", ["BACKEND_TIMEOUT", "BACKEND_CONNECT", "BACKEND_TLS"])
def test_a_backend_that_fails_is_told_with_what_it_got(fault: str) -> None:
    served = serve(an_api(auth=Auth(type=AuthType.APP)))
    state = a_pass(Signed, served, headers=signed_fields(), proof="HmacSHA256, string 1")
    call = Call(REQUEST_ID, NOW_MS, state)
    call.refuse(Refusal(Fault[fault], "after 10000 ms", reason=""), "Dispatch")
    found = timeless(trail_of(call, ErrorStyle.CODED))
    assert found["stages"][10] == {
        "stage": "Dispatch",
        "outcome": "refused",
        "decided": {"address": "127.0.0.1:9000", "timeout_ms": 10_000, "fault": fault},
    }
    assert found["backend_request"]["url"] == "http://backend.test:9000/v3/forecast"
    assert (found["verdict"]["by"], found["verdict"]["detail"]) == ("Dispatch", "after 10000 ms")
    assert KEY not in str(found["backend_request"])
