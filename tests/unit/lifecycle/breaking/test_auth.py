"""What another way to prove who calls does to those who call today."""

from typing import Any

import pytest
from unit.build import an_api

from apigateway.lifecycle.breaking.auth import effects_of_auth
from apigateway.model.api import AppCodeUse, Auth, AuthType, SignatureMethod
from apigateway.model.openid import PublicKey, TokenIssuer, TokenRules

RULES = TokenRules(parameter="IdToken", issuers=("a", "b"), leeway_s=60)
KEY = PublicKey(key_id="k1", jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"})
OTHER = PublicKey(key_id="k1", jwk={"kty": "RSA", "n": "AQAC", "e": "AQAB"})
ISSUER = TokenIssuer(keys=(KEY,), issuer="https://a")
BOTH = frozenset(SignatureMethod)


def told(before: Auth, after: Auth) -> list[str]:
    found = effects_of_auth(an_api(auth=before), an_api(auth=after))
    return [
        f"{effect.severity} {'.'.join(map(str, effect.path))}: {effect.what}" for effect in found
    ]


def auth(kind: str = "app", **more: Any) -> Auth:
    return Auth(type=AuthType(kind), **more)


def test_the_same_auth_changes_nothing() -> None:
    for same in (auth(), auth("app_openid", openid=RULES), auth("app_openid", openid=ISSUER)):
        assert told(same, same) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            auth("anonymous"),
            auth("app"),
            "breaking auth.type: calls without an app's signature are refused, and so are apps "
            "without a grant",
        ),
        (
            auth("app"),
            auth("anonymous"),
            "notice auth.type: anyone can call: neither an app nor a grant is asked for",
        ),
        (
            auth("app_openid", openid=RULES),
            auth("openid", openid=RULES),
            "notice auth.type: whoever holds a token can call: neither an app nor a grant is "
            "asked for",
        ),
        (
            auth(signature_methods=BOTH),
            auth(),
            "breaking auth.signature_methods: calls signed with HmacSHA1 are refused",
        ),
        (
            auth(),
            auth(force_nonce=True),
            "breaking auth.force_nonce: calls without a signed X-Ca-Nonce are refused",
        ),
        (
            auth(app_code=AppCodeUse.HEADER),
            auth(),
            "breaking auth.app_code: calls with an AppCode and no signature are refused",
        ),
        (
            auth(app_code=AppCodeUse.HEADER_OR_QUERY),
            auth(app_code=AppCodeUse.HEADER),
            "breaking auth.app_code: calls with an AppCode in the query and no signature are "
            "refused",
        ),
        (
            auth(),
            auth("app_openid", openid=RULES),
            "breaking auth.openid: calls without a token are refused",
        ),
        (
            auth("app_openid", openid=RULES),
            auth(),
            "notice auth.openid: a token is not asked for any more",
        ),
        (
            auth("openid", openid=RULES),
            auth("openid", openid=TokenRules(parameter="Jwt", issuers=("a", "b"))),
            "breaking auth.openid.token: the token is read in Jwt, and was in IdToken; "
            "Authorization: Bearer works as before",
        ),
        (
            auth("openid", openid=RULES),
            auth("openid", openid=TokenRules(parameter="IdToken", issuers=("b", "c"))),
            "breaking auth.openid.issuers: tokens of a are refused",
        ),
        (
            auth("openid", openid=RULES),
            auth(
                "openid",
                openid=TokenRules(parameter="IdToken", issuers=("a", "b"), audiences=("x",)),
            ),
            "breaking auth.openid.audiences: tokens of other audiences than x are refused",
        ),
        (
            auth("openid", openid=RULES),
            auth(
                "openid",
                openid=TokenRules(
                    parameter="IdToken", issuers=("a", "b"), required_claims=("exp", "sub")
                ),
            ),
            "breaking auth.openid.required_claims: tokens without the claim sub are refused",
        ),
        (
            auth("openid", openid=RULES),
            auth("openid", openid=TokenRules(parameter="IdToken", issuers=("a", "b"), leeway_s=5)),
            "notice auth.openid.leeway_s: clocks may be 5 s apart, and might be 60 s",
        ),
        (
            auth("app_openid", openid=ISSUER),
            auth(),
            "breaking auth.openid: tokens that this API gave are refused by every service API",
        ),
        (
            auth("app_openid", openid=ISSUER),
            auth("app_openid", openid=TokenIssuer(keys=(), issuer="https://a")),
            "breaking auth.openid.keys.k1: tokens signed with this key are refused",
        ),
        (
            auth("app_openid", openid=ISSUER),
            auth("app_openid", openid=TokenIssuer(keys=(OTHER,), issuer="https://a")),
            "breaking auth.openid.keys.k1: tokens signed with the key that had this id are refused",
        ),
        (
            auth("app_openid", openid=ISSUER),
            auth("app_openid", openid=TokenIssuer(keys=(KEY,), issuer="https://b")),
            "breaking auth.openid.issuer: tokens of other issuers than https://b are refused",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_change_is_told(before: Auth, after: Auth, expected: str) -> None:
    assert told(before, after) == [expected]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (auth(), auth(signature_methods=BOTH)),
        (auth(force_nonce=True), auth()),
        (auth(), auth(app_code=AppCodeUse.HEADER_OR_QUERY)),
        (auth("openid", openid=RULES), auth("openid", openid=TokenRules(parameter="IdToken"))),
        (
            auth("app_openid", openid=ISSUER),
            auth("app_openid", openid=TokenIssuer(keys=(KEY, PublicKey(key_id="k2", jwk={})))),
        ),
        (auth("anonymous"), auth("anonymous", force_nonce=True)),
    ],
    ids=["a method", "no nonce", "AppCodes", "any issuer", "a key", "a nonce of nobody"],
)
def test_what_lets_more_in_is_not_told(before: Auth, after: Auth) -> None:
    assert told(before, after) == []
