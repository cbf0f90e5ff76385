"""What Authentication and Authorization say: who called, how it was proved, what lets them."""

from typing import Any

import pytest
from unit.build import (
    APP,
    KEY,
    NOW_MS,
    SECRET,
    FreshNonces,
    a_catalog,
    an_api,
    parameter,
    serve,
    signed_fields,
)
from unit.minted import KID, NOW_S, issuer, mint, rsa_key
from unit.trail.walked import decided, refused, trail

from apigateway.model.api import AppCodeUse, Auth, AuthType, Location, SignatureMethod
from apigateway.model.catalog import ServedApi
from apigateway.model.group import Environment
from apigateway.model.openid import TokenRules
from apigateway.signatures.caller import sign

BY_APP = Auth(type=AuthType.APP)


def for_apps(**auth: Any) -> ServedApi:
    return serve(an_api(auth=Auth(type=AuthType.APP, **auth)))


def with_token(kind: AuthType = AuthType.OPENID, **bound: Any) -> ServedApi:
    rules = Auth(type=kind, openid=TokenRules(parameter="X-User"))
    request = {"parameters": (parameter("X-User", Location.HEADER),)}
    return serve(an_api(auth=rules, request=request), **bound)


def told_token(token: str, kind: AuthType = AuthType.OPENID, **more: Any) -> dict[str, Any]:
    served = with_token(kind)
    catalog = a_catalog(served, issuers=[issuer(name="https://id.test")])
    headers = [*more.pop("headers", ()), ("X-User", token)]
    return {"catalog": catalog, "headers": headers, **more}


def app(**changes: Any) -> dict[str, Any]:
    return {"asks_for": "app", "app": "phone", "app_key": KEY, **changes}


def test_nobody_is_asked_for_on_an_anonymous_api() -> None:
    assert decided("Authentication") == {"asks_for": "anonymous", "proof": "anonymous"}
    assert decided("Authorization") == {"authorized_by": "anonymous API"}


def test_a_signature_is_told_with_its_string_nonce_and_age() -> None:
    headers = signed_fields(timestamp_ms=NOW_MS - 2_500)
    assert decided("Authentication", for_apps(), headers=headers) == app(
        proof="HmacSHA256, string 1",
        method="HmacSHA256",
        candidate=1,
        nonce="a-nonce",
        timestamp_age_ms=2_500,
    )
    assert decided("Authorization", for_apps(), headers=headers) == {
        "authorized_by": "grant to app phone"
    }


def test_an_older_form_of_the_string_and_sha1_are_told() -> None:
    served = for_apps(signature_methods=frozenset(SignatureMethod))
    text = f"GET\n\n\n\n\nX-Ca-Key:{KEY}\n/forecast?a="
    headers = [
        ("X-Ca-Key", KEY),
        ("X-Ca-Signature-Headers", "X-Ca-Key"),
        ("X-Ca-Signature-Method", "HmacSHA1"),
        ("X-Ca-Signature", sign(SECRET, text, SignatureMethod.HMAC_SHA1)),
    ]
    found = decided("Authentication", served, query="a=", headers=headers)
    assert (found["method"], found["candidate"]) == ("HmacSHA1", 2)
    assert found["proof"] == "HmacSHA1, string 2"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"headers": [("Authorization", "APPCODE an-app-code")]}, "Authorization"),
        ({"query": "x=1&appCODE=an-app-code"}, "query"),
    ],
)
def test_an_app_code_is_told_masked_with_its_place(changes: dict[str, Any], place: str) -> None:
    served = for_apps(app_code=AppCodeUse.HEADER_OR_QUERY)
    assert decided("Authentication", served, **changes) == app(
        proof="AppCode", app_code="…", app_code_from=place
    )


def test_a_token_is_told_with_its_issuer_key_and_the_names_of_its_claims() -> None:
    token = mint(iss="https://id.test")
    assert decided("Authentication", **told_token(token)) == {
        "asks_for": "openid",
        "proof": "id_token",
        "token": {
            "parameter": "X-User",
            "issuer": "https://id.test",
            "key_id": KID,
            "claims": ["aud", "exp", "iat", "iss", "sub"],
            "expires_in_s": 300,
        },
    }


def test_app_and_token_are_told_both() -> None:
    token = mint(iss="https://id.test")
    call = told_token(token, AuthType.APP_OPENID, headers=signed_fields())
    found = decided("Authentication", **call)
    assert found["proof"] == "HmacSHA256, string 1, id_token"
    assert (found["app"], found["candidate"], found["token"]["key_id"]) == ("phone", 1, KID)


# --- refused


def test_no_credentials_are_told_with_what_the_api_takes() -> None:
    assert refused("Authentication", for_apps()) == {
        "fault": "HEADER_REQUIRED",
        "asks_for": "app",
        "app_code_use": "disabled",
        "header": "X-Ca-Key",
        "rule": "is required",
    }
    assert refused("Authentication", for_apps(app_code=AppCodeUse.HEADER)) == {
        "fault": "CREDENTIALS_REQUIRED",
        "asks_for": "app",
        "app_code_use": "header",
    }


def test_an_app_code_of_nobody_is_told_masked() -> None:
    headers = [("Authorization", "appcode 0123456789abcdef")]
    assert refused("Authentication", for_apps(app_code=AppCodeUse.HEADER), headers=headers) == {
        "fault": "INVALID_APP_CODE",
        "asks_for": "app",
        "app_code_use": "header",
        "app_code": "0123…",
        "app_code_from": "Authorization",
    }


@pytest.mark.parametrize(
    ("key", "shown"),
    [("24681358", "24681358"), ("an-app-secret", "…"), ("0123456789abcdef", "0123…")],
)
def test_an_app_key_of_nobody_is_told_unless_it_looks_like_a_secret(key: str, shown: str) -> None:
    headers = [("X-Ca-Key", key), ("X-Ca-Signature", "x")]
    assert refused("Authentication", for_apps(), headers=headers) == {
        "fault": "INVALID_APP_KEY",
        "asks_for": "app",
        "app": None,
        "app_key": shown,
        "method": "HmacSHA256",
    }


def test_a_signature_that_is_not_there_is_told() -> None:
    found = refused("Authentication", for_apps(), headers=[("X-Ca-Key", KEY)])
    assert found == app(fault="EMPTY_SIGNATURE", method="HmacSHA256")


def test_a_method_that_the_api_does_not_take_is_told() -> None:
    headers = [
        ("X-Ca-Key", KEY),
        ("X-Ca-Signature", "x"),
        ("X-Ca-Signature-Method", "HmacSHA1"),
    ]
    assert refused("Authentication", for_apps(), headers=headers) == app(
        fault="INVALID_HEADER",
        method="HmacSHA1",
        header="X-Ca-Signature-Method",
        rule="is not allowed by the API",
        methods=["HmacSHA256"],
    )


def test_the_age_of_a_timestamp_is_told() -> None:
    old = refused(
        "Authentication", for_apps(), headers=signed_fields(timestamp_ms=NOW_MS - 900_001)
    )
    assert (old["fault"], old["timestamp_age_ms"]) == ("TIMESTAMP_EXPIRED", 900_001)
    headers = signed_fields(timestamp_ms=NOW_MS + 900_001)
    ahead = refused("Authentication", for_apps(), headers=headers)
    assert ahead["timestamp_age_ms"] == -900_001
    headers = [("X-Ca-Key", KEY), ("X-Ca-Signature", "x"), ("X-Ca-Timestamp", "soon")]
    odd = refused("Authentication", for_apps(), headers=headers)
    assert (odd["fault"], odd["timestamp"]) == ("INVALID_TIMESTAMP", "soon")
    assert "timestamp_age_ms" not in odd


def test_a_nonce_that_is_missing_or_used_is_told() -> None:
    headers = [("X-Ca-Key", KEY), ("X-Ca-Signature", "x")]
    found = refused("Authentication", for_apps(force_nonce=True), headers=headers)
    assert found == app(fault="NONCE_REQUIRED", method="HmacSHA256")
    used = FreshNonces(fresh=False)
    found = refused("Authentication", for_apps(), headers=signed_fields(), nonces=used)
    assert (found["fault"], found["nonce"]) == ("NONCE_USED", "a-nonce")


def test_a_wrong_signature_is_told_with_the_app_and_the_method() -> None:
    headers = signed_fields(secret="another")
    assert refused("Authentication", for_apps(), headers=headers) == app(
        fault="INVALID_SIGNATURE", method="HmacSHA256", nonce="a-nonce", timestamp_age_ms=0
    )


def test_no_token_is_told_with_where_it_should_be() -> None:
    served = with_token()
    assert refused("Authentication", served) == {
        "fault": "TOKEN_REQUIRED",
        "asks_for": "openid",
        "token_parameter": "X-User",
        "tokens": [],
    }


@pytest.mark.parametrize(
    ("token", "fault", "told"),
    [
        (
            mint(iss="https://id.test", exp=NOW_S - 3_600),
            "TOKEN_EXPIRED",
            {"issuer": "https://id.test", "key_id": KID, "expires_in_s": -3_600},
        ),
        (
            mint(key=rsa_key(1), iss=None),
            "TOKEN_INVALID",
            {"issuer": None, "key_id": KID, "expires_in_s": 300},
        ),
        ("not-a-token", "TOKEN_MALFORMED", {"issuer": None, "key_id": None, "claims": []}),
    ],
)
def test_a_token_that_does_not_verify_is_told_as_what_it_says(
    token: str, fault: str, told: dict[str, Any]
) -> None:
    found = refused("Authentication", **told_token(token))
    assert (found["fault"], found["token_parameter"]) == (fault, "X-User")
    (one,) = found["tokens"]
    assert {**one, "verified": False, **told} == one


def test_two_tokens_are_told_both_and_a_form_that_cannot_be_read_has_none() -> None:
    call = told_token(mint(), headers=[("Authorization", f"Bearer {mint(sub='bob')}")])
    assert len(refused("Authentication", **call)["tokens"]) == 2
    rules = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    request = {"parameters": (parameter("t", Location.BODY),)}
    served = serve(an_api(method="POST", auth=rules, request=request))
    found = refused("Authentication", served, method="POST", body=b"{}")
    assert (found["fault"], found["tokens"]) == ("INVALID_CONTENT_TYPE", [])


def test_an_app_without_a_grant_is_told_with_where_it_has_one() -> None:
    api = an_api(auth=BY_APP)
    ungranted = serve(api, granted=frozenset())
    in_test = serve(api, environment=Environment.TEST)
    found = refused("Authorization", catalog=a_catalog(ungranted, in_test), headers=signed_fields())
    assert found == {
        "fault": "UNAUTHORIZED",
        "app": "phone",
        "api": "GetForecast",
        "environment": "RELEASE",
        "granted_in": ["TEST"],
    }


def test_no_part_of_credentials_is_in_the_whole_trail() -> None:
    assert APP.code is not None
    token = mint(iss="https://id.test")
    call = told_token(token, AuthType.APP_OPENID, headers=signed_fields())
    text = str(trail(**call))
    assert token.split(".")[2] not in text
    assert APP.secret.reveal() not in text
