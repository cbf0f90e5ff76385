"""What each stage says, in words."""

from typing import Any

import pytest
from unit.build import an_api, parameter, serve
from unit.trail.walked import trail

from apigateway.model.api import Body, BodyFormat, Location
from apigateway.trail.passed import STAGES
from apigateway.trail.phrases import duration, told
from apigateway.trail.trail import DISPATCH


def of(stage: str, served: Any = None, **changes: Any) -> list[str]:
    """The phrases of a stage of a walked call."""
    (one,) = [one for one in trail(served, **changes)["stages"] if one["stage"] == stage]
    return told(stage, one["decided"])


@pytest.mark.parametrize("stage", [*STAGES, DISPATCH, "Unheard"])
def test_nothing_known_is_nothing_said(stage: str) -> None:
    assert told(stage, {}) == []
    assert told(stage, {"fault": "INTERNAL"}) == []


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (2_500, "2.5 s"),
        (60_000, "60 s"),
        (119_999, "120 s"),
        (900_001, "15 min"),
        (86_400_000, "24.0 h"),
    ],
)
def test_times_are_told_in_a_fitting_unit(ms: float, text: str) -> None:
    assert duration(ms) == text


def test_routing() -> None:
    assert of("Routing") == [
        "api.example.test is a domain (independent) of group weather; RELEASE by default",
        "GET /forecast is GetForecast (GET /forecast), version 20231114221320000",
    ]
    assert of("Routing", host="other.test") == ["other.test is a domain of no group"]
    assert of("Routing", path="/none", headers=[("X-Ca-Stage", "PRE")]) == [
        "api.example.test is a domain (independent) of group weather; PRE by X-Ca-Stage",
        "no API for GET /none; methods at this path: none",
    ]
    assert of("Routing", headers=[("X-Ca-Stage", "TEST")])[-1] == "released to RELEASE"
    assert of("Routing", headers=[("X-Ca-Stage", "x")])[-1] == "X-Ca-Stage asks for 'x'"
    assert of("Routing", scheme="https", sni="")[-1] == "the TLS handshake was for no domain"
    fields = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    said = of("Routing", method="OPTIONS", headers=fields)
    assert said[1] == "OPTIONS /forecast is a preflight for GET from https://app.test"
    assert said[2].startswith("allowed: ") and said[2].endswith(" from *")
    request = {"parameters": (parameter("a", Location.PATH),)}
    served = serve(an_api(path="/[a]/*", backend_path="/[a]/*", request=request))
    assert of("Routing", served, path="/x/y/z")[-1] == "a = x, * = y/z"


def test_access() -> None:
    assert of("Access") == [
        "http from 192.0.2.7; IP control: none",
        "URL 9, head 0, body 0 bytes",
    ]
    assert told(
        "Access",
        {
            "protocol": "https",
            "client_ip": "198.51.100.4",
            "client_ip_from": "X-Forwarded-For",
            "protocol_from": "X-Forwarded-Proto",
            "proxy": "10.0.0.1",
            "ip_control": "office",
            "denied_by": "office",
            "protocols": ["http"],
            "url_bytes": 1,
            "head_bytes": 2,
            "body_bytes": 3,
            "allowed_bytes": 4,
            "header": "Date",
            "rule": "is repeated",
        },
    ) == [
        "https from 198.51.100.4, through the trusted proxy 10.0.0.1 "
        "(X-Forwarded-For, X-Forwarded-Proto); IP control: office",
        "denied by office",
        "the API takes http",
        "URL 1, head 2, body 3 bytes; allowed: 4",
        "Date is repeated",
    ]


TOKEN = {"issuer": "https://id.test", "key_id": "k", "claims": ["exp", "sub"]}


@pytest.mark.parametrize(
    ("decided", "phrases"),
    [
        ({"asks_for": "anonymous", "proof": "anonymous"}, ["anonymous"]),
        (
            {
                "app": "phone",
                "app_key": "2468",
                "proof": "HmacSHA256, string 2",
                "timestamp_age_ms": 2_500,
                "nonce": "n",
            },
            ["app phone (AppKey 2468), HmacSHA256, string 2", "timestamp 2.5 s old, nonce n"],
        ),
        (
            {"app": None, "app_key": "2468", "method": "HmacSHA1", "timestamp_age_ms": -1_000},
            ["no app (AppKey 2468), HmacSHA1", "timestamp 1 s ahead"],
        ),
        (
            {"app": "a", "app_key": "1", "method": "x", "timestamp": "soon", "methods": ["y"]},
            ["app a (AppKey 1), x", "timestamp 'soon'", "the API takes y"],
        ),
        (
            {"asks_for": "app", "app_code_use": "disabled", "header": "X-Ca-Key", "rule": "is"},
            [
                "the API asks for app",
                "neither AppKey nor AppCode; AppCodes: disabled",
                "X-Ca-Key is",
            ],
        ),
        (
            {"asks_for": "app", "app_code_use": "header", "app_code": "…", "app_code_from": "q"},
            ["the API asks for app", "AppCode … in q"],
        ),
        (
            {"proof": "id_token", "token": {**TOKEN, "expires_in_s": 300}},
            [
                "id_token",
                "token of issuer https://id.test, key id k, expires in 5 min",
                "claims: exp, sub",
            ],
        ),
        (
            {
                "asks_for": "openid",
                "token_parameter": "t",
                "tokens": [{**TOKEN, "expires_in_s": -60, "verified": False}],
            },
            [
                "the API asks for openid",
                "token (not verified) of issuer https://id.test, key id k, expired for 60 s",
                "claims: exp, sub",
            ],
        ),
        (
            {"asks_for": "openid", "token_parameter": "t", "tokens": []},
            ["the API asks for openid", "no token in t, and no Bearer token"],
        ),
    ],
)
def test_authentication(decided: dict[str, Any], phrases: list[str]) -> None:
    assert told("Authentication", decided) == phrases


def test_authorization() -> None:
    assert of("Authorization") == ["anonymous API"]
    found = {"app": "phone", "api": "Get", "environment": "RELEASE", "granted_in": ["TEST"]}
    assert told("Authorization", found) == [
        "no grant of Get to app phone in RELEASE",
        "it has one in TEST",
    ]
    assert len(told("Authorization", {**found, "granted_in": []})) == 1


def test_throttling() -> None:
    limit = {
        "dimension": "API",
        "used": 3,
        "ceiling": 10,
        "unit": "minute",
        "remaining": 7,
        "resets_in_ms": 40_000,
    }
    waited = {**limit, "dimension": "APP", "queue": 1, "wait_ms": 250}
    assert told("Throttling", {"policy": "slow", "limits": [limit, waited], "waited_ms": 250}) == [
        "API: 3 of 10 a minute, 7 left, resets in 40 s",
        "APP: 3 of 10 a minute, 7 left, resets in 40 s, waited 250 ms for its turn",
        "policy slow",
    ]
    full = {"policy": None, "limits": [limit, waited], "full": limit, "retry_after_s": 40}
    assert told("Throttling", full) == [
        "API: 3 of 10 a minute, 7 left, resets in 40 s (full)",
        "APP: 3 of 10 a minute, 7 left, resets in 40 s, waited 250 ms for its turn",
        "try again in 40 s",
    ]


def test_validation() -> None:
    file = {"name": "f", "in": "body", "type": "File", "value": "a.png", "bytes": 2}
    days = {"name": "days", "in": "query", "type": "Int", "value": "3", "default": True}
    cut = {"name": "…", "in": "", "type": "", "value": "… (2 more)"}
    assert told("Validation", {"arguments": [file, days, cut], "body": "matches"}) == [
        "f (File in body) = a.png, 2 bytes",
        "days (Int in query) = 3, by default",
        "… = … (2 more)",
        "the body matches",
    ]
    request = {"parameters": (parameter("days", maximum=3, required=True),)}
    assert of("Validation", serve(an_api(request=request))) == [
        "days (String in query) is required",
        "not given",
    ]
    broken = {"parameter": "d", "rule": "is odd", "in": "query", "type": "Int", "value": "1"}
    assert told("Validation", broken) == ["d (Int in query) is odd", "given: 1"]
    document = {"body": Body(format=BodyFormat.STREAM, required=True)}
    assert of("Validation", serve(an_api(request=document))) == [
        "the body of 0 bytes: is required",
        "Content-Type: none",
    ]


def test_mapping() -> None:
    move = {"from": "a", "from_in": "query", "to": "b", "in": "header"}
    found = {
        "mode": "mapping",
        "mapped": [move],
        "system": [{"from": "CaStage", "to": "s", "in": "query"}],
        "claims": [{"from": "sub", "to": "X-Sub", "in": "header"}],
        "constants": [{"name": "X-A", "in": "header"}],
    }
    assert told("Mapping", found) == [
        "mode mapping",
        "a (query) -> b (header)",
        "system parameter CaStage -> s (query)",
        "claim sub -> X-Sub (header)",
        "constant X-A (header)",
    ]
    assert told("Mapping", {"mode": "mapping", "to": "b", "rule": "is odd"})[-1] == "b: is odd"
    assert told("Mapping", {"mode": "mapping", "rule": "text/xml"})[-1] == "the body: text/xml"


def test_resolution_and_what_follows() -> None:
    assert of("Resolution") == ["http://backend.test:9000; at most 10 s"]
    assert told("Resolution", {"backend": "mock"}) == ["a mock: the definition's own answer"]
    vpc = {"backend": "vpc", "vpc_access": "office", "tls_profile": "gone"}
    assert told("Resolution", vpc) == ["VPC authorization office; TLS profile gone"]
    https = {"address": "https://b", "timeout_ms": 500, "server_name": "b", "tls_profile": None}
    assert told("Resolution", https) == [
        "https://b; at most 500 ms; TLS profile the system's, server name b"
    ]
    assert of("VpcAllowList") == ["backend.test:9000 is 127.0.0.1", "allowed: any network"]
    assert told("VpcAllowList", {"pinned": None}) == []
    nowhere = {"host": "b", "port": 1, "vpc_access": "o", "backend_networks": ["10.0.0.0/8"]}
    assert told("VpcAllowList", nowhere) == [
        "b:1",
        "VPC authorization o",
        "networks for backends: 10.0.0.0/8",
    ]
    assert of("Signing") == ["no key is bound"]
    signed = {"key": "backend", "key_id": "k", "signed_headers": ["a", "b"]}
    assert told("Signing", signed) == ["key backend (k)", "signed headers: a, b"]
    assert told("Signing", {"key": "backend"}) == ["key backend"]
    assert of("Dispatch") == ["127.0.0.1:9000 answers 200 with 5 bytes"]
    mock = {"backend": "mock", "status": 201, "answer_bytes": 0}
    assert told("Dispatch", mock) == ["the mock answers 201 with 0 bytes"]
    assert told("Dispatch", {"address": "a:1", "timeout_ms": 2_000}) == ["a:1, at most 2 s"]
