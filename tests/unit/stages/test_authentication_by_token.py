"""Who calls, on APIs of OpenID Connect: an app and its caller's token, or the token alone."""

from typing import Any

import pytest
from unit.build import (
    APP,
    KEY,
    FreshNonces,
    a_catalog,
    a_pass,
    an_api,
    identify,
    parameter,
    serve,
)
from unit.build import signed_fields as signed_by_app
from unit.minted import CLAIMS, NOW_S, issuer, mint, rsa_key

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted
from apigateway.model.api import AppCodeUse, Auth, AuthType, Location
from apigateway.model.openid import OpenId, TokenRules
from apigateway.ports import Nonces
from apigateway.store.memory import MemoryStore

Fields = list[tuple[str, str]]

BOTH, ALONE = AuthType.APP_OPENID, AuthType.OPENID
EXPIRED = mint(exp=NOW_S - 3600)
FORGED = mint(key=rsa_key(1))


def admitted(
    fields: Fields,
    kind: AuthType = BOTH,
    *,
    openid: OpenId | None = None,
    auth: dict[str, Any] | None = None,
    **changes: Any,
) -> Admitted:
    rules = Auth(type=kind, openid=openid or TokenRules(parameter="X-Token"), **(auth or {}))
    request = {"parameters": (parameter("X-Token", Location.HEADER),)}
    served = serve(an_api(auth=rules, request=request))
    catalog = a_catalog(served, issuers=[issuer()])
    return a_pass(Admitted, served, headers=fields, catalog=catalog, **changes)


def refused(call: Admitted, fault: Fault, nonces: Nonces | None = None) -> None:
    with pytest.raises(Refusal) as caught:
        identify(call, nonces)
    assert caught.value.fault is fault, caught.value.args


def with_token(token: str, **signing: Any) -> Fields:
    return [*signed_by_app(**signing), ("X-Token", token)]


# --- app and token


def test_an_app_and_a_token_are_both_known_afterwards() -> None:
    token, nonces = mint(), FreshNonces()
    call = identify(admitted(with_token(token)), nonces)
    assert (call.app, call.token, call.claims) == (APP, token, CLAIMS)
    assert call.proof == "HmacSHA256, string 1, id_token"
    assert [claimed[:2] for claimed in nonces.claimed] == [(KEY, "a-nonce")]


def test_a_token_does_not_stand_in_for_a_signature() -> None:
    bearer = ("Authorization", f"Bearer {mint()}")
    refused(admitted([("X-Token", mint())]), Fault.HEADER_REQUIRED)
    refused(admitted([bearer]), Fault.HEADER_REQUIRED)
    refused(admitted([("X-Token", mint()), ("X-Ca-Key", KEY)]), Fault.EMPTY_SIGNATURE)


def test_a_signature_does_not_stand_in_for_a_token() -> None:
    nonces = FreshNonces()
    refused(admitted(signed_by_app()), Fault.TOKEN_REQUIRED, nonces)
    assert nonces.claimed == []


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("", Fault.TOKEN_REQUIRED),
        ("nonsense", Fault.TOKEN_MALFORMED),
        (FORGED, Fault.TOKEN_INVALID),
        (EXPIRED, Fault.TOKEN_EXPIRED),
    ],
)
def test_a_bad_token_spends_no_nonce(token: str, fault: Fault) -> None:
    nonces = MemoryStore().nonces
    refused(admitted(with_token(token, nonce="n")), fault, nonces)
    identify(admitted(with_token(mint(), nonce="n")), nonces)
    refused(admitted(with_token(mint(), nonce="n")), Fault.NONCE_USED, nonces)


def test_who_cannot_sign_learns_nothing_about_a_token() -> None:
    for token in (mint(), FORGED, EXPIRED, "nonsense", ""):
        nonces = FreshNonces()
        refused(admitted(with_token(token, secret="x")), Fault.INVALID_SIGNATURE, nonces)
        refused(admitted(with_token(token, key="x")), Fault.INVALID_APP_KEY, nonces)
        assert nonces.claimed == []


def test_the_rules_of_signatures_hold_beside_a_token() -> None:
    forced = {"force_nonce": True}
    refused(admitted(with_token(mint(), nonce=""), auth=forced), Fault.NONCE_REQUIRED)
    refused(admitted(with_token(mint(), timestamp_ms=0)), Fault.TIMESTAMP_EXPIRED)
    identify(admitted(with_token(mint()), auth=forced))


def test_a_token_of_the_query_is_under_the_apps_signature() -> None:
    token, other = mint(), mint(sub="bob")
    openid = TokenRules(parameter="t")

    def call(sent: str) -> Admitted:
        auth = Auth(type=BOTH, openid=openid)
        served = serve(an_api(auth=auth, request={"parameters": (parameter("t"),)}))
        catalog = a_catalog(served, issuers=[issuer()])
        fields = signed_by_app(query=f"t={token}")
        return a_pass(Admitted, served, headers=fields, query=f"t={sent}", catalog=catalog)

    assert identify(call(token)).claims == CLAIMS
    refused(call(other), Fault.INVALID_SIGNATURE)


def test_an_app_code_and_a_token_go_together_where_the_api_permits() -> None:
    code = ("Authorization", "APPCODE an-app-code")
    permits = {"app_code": AppCodeUse.HEADER}
    call = identify(admitted([code, ("X-Token", mint())], auth=permits))
    assert (call.app, call.claims, call.proof) == (APP, CLAIMS, "AppCode, id_token")
    refused(admitted([code], auth=permits), Fault.TOKEN_REQUIRED)
    refused(admitted([code, ("X-Token", FORGED)], auth=permits), Fault.TOKEN_INVALID)
    refused(admitted([("X-Token", mint())], auth=permits), Fault.CREDENTIALS_REQUIRED)
    refused(admitted([code, ("X-Token", mint())]), Fault.HEADER_REQUIRED)


def test_an_authorization_api_asks_for_the_app_and_for_no_token() -> None:
    nonces = FreshNonces()
    call = identify(admitted(signed_by_app(), openid=issuer()), nonces)
    assert (call.app, call.token, call.claims) == (APP, "", {})
    assert call.proof == "HmacSHA256, string 1"
    assert len(nonces.claimed) == 1
    refused(admitted([("X-Token", mint())], openid=issuer()), Fault.HEADER_REQUIRED)


# --- the token alone


def test_a_token_alone_is_enough_where_the_api_asks_for_no_app() -> None:
    token, nonces = mint(), FreshNonces()
    for fields in ([("X-Token", token)], [("Authorization", f"Bearer {token}")]):
        call = identify(admitted(fields, ALONE), nonces)
        assert (call.app, call.token, call.claims) == (None, token, CLAIMS)
        assert call.proof == "id_token"
    assert nonces.claimed == []


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("", Fault.TOKEN_REQUIRED),
        ("nonsense", Fault.TOKEN_MALFORMED),
        (FORGED, Fault.TOKEN_INVALID),
        (EXPIRED, Fault.TOKEN_EXPIRED),
    ],
)
def test_without_an_app_a_bad_token_is_refused_whatever_else_is_proven(
    token: str, fault: Fault
) -> None:
    refused(admitted([("X-Token", token)], ALONE), fault)
    refused(admitted(with_token(token), ALONE), fault)


def test_what_an_app_would_prove_is_not_looked_at_where_none_is_asked_for() -> None:
    nonces = FreshNonces()
    odd: Fields = [
        ("X-Ca-Key", "nobody"),
        ("X-Ca-Signature", "wrong"),
        ("X-Ca-Timestamp", "soon"),
        ("X-Ca-Nonce", "n" * 999),
        ("Content-MD5", "x"),
        ("X-Token", mint()),
    ]
    call = identify(admitted(odd, ALONE), nonces)
    assert (call.app, call.proof, nonces.claimed) == (None, "id_token", [])


def test_an_authorization_api_without_apps_is_open() -> None:
    call = identify(admitted([], ALONE, openid=issuer()))
    assert (call.app, call.token, call.proof) == (None, "", "anonymous")


def test_a_call_is_judged_by_its_own_time() -> None:
    token = mint()
    ends_ms = (NOW_S + 300 + 60) * 1000
    identify(admitted([("X-Token", token)], ALONE, received_ms=ends_ms - 1))
    refused(admitted([("X-Token", token)], ALONE, received_ms=ends_ms), Fault.TOKEN_EXPIRED)
