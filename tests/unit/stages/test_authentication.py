"""Who calls: signature, time, nonce, AppCode, or nobody."""

import asyncio
from typing import Any

import pytest
from unit.build import (
    APP,
    KEY,
    NOW_MS,
    FreshNonces,
    OpenCounters,
    a_pass,
    an_api,
    identify,
    no_sleep,
    serve,
    signed_fields,
)

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Authorized
from apigateway.ledgers import SeparateLedger
from apigateway.model.api import AppCodeUse, Auth, AuthType, SignatureMethod
from apigateway.model.app import App, Secret
from apigateway.ports import Nonces
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import WINDOW_MS, content_md5
from apigateway.stages.authentication import Authentication, app_code_of
from apigateway.stages.throttling import Throttling
from apigateway.store.memory import MemoryStore

Fields = list[tuple[str, str]]
MINUTE_MS = 60_000


def admitted(fields: Fields, auth: Auth | None = None, **changes: Any) -> Admitted:
    served = serve(an_api(auth=auth or Auth()))
    return a_pass(Admitted, served, headers=fields, **changes)


def refused(call: Admitted, fault: Fault, nonces: Nonces | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        identify(call, nonces)
    assert caught.value.fault is fault, caught.value.args
    return caught.value


def without(fields: Fields, *names: str) -> Fields:
    return [field for field in fields if field[0] not in names]


def with_value(fields: Fields, name: str, value: str) -> Fields:
    return [(found, value if found == name else old) for found, old in fields]


# --- the signature


def test_a_good_signature_identifies_the_app_and_claims_the_nonce() -> None:
    nonces = FreshNonces()
    call = identify(admitted(signed_fields(nonce="n1")), nonces)
    assert call.app is APP
    assert call.proof == "HmacSHA256, string 1"
    assert nonces.claimed == [(KEY, "n1", NOW_MS, WINDOW_MS + 1)]


def test_an_anonymous_api_asks_nobody_and_claims_nothing() -> None:
    nonces = FreshNonces()
    call = identify(admitted([], Auth(type=AuthType.ANONYMOUS)), nonces)
    assert (call.app, call.proof, nonces.claimed) == (None, "anonymous", [])


def test_a_signature_with_blanks_around_it_is_trimmed() -> None:
    fields = signed_fields()
    signature = dict(fields)["X-Ca-Signature"]
    identify(admitted(with_value(fields, "X-Ca-Signature", f" {signature}\n")))


@pytest.mark.parametrize("given", ["x", "not base64 !", "\udcff", "中", "=" * 5000])
def test_a_signature_that_is_none_is_an_invalid_signature(given: str) -> None:
    call = admitted(with_value(signed_fields(), "X-Ca-Signature", given))
    refused(call, Fault.INVALID_SIGNATURE)


def test_the_refusal_shows_the_documented_string_with_number_signs_for_line_feeds() -> None:
    fields: Fields = [("X-Ca-Key", KEY), ("X-Ca-Signature", "x"), ("Accept", "a/b")]
    refusal = refused(admitted(fields, path="/%41", query="b=2&a="), Fault.INVALID_SIGNATURE)
    assert refusal.parts == {"string_to_sign": "GET#a/b####/A?a&b=2"}


@pytest.mark.parametrize(
    "change",
    [
        {"query": "a=1"},
        {"path": "/forecasT"},
        {"method": "POST"},
    ],
)
def test_what_was_changed_after_signing_is_refused(change: dict[str, Any]) -> None:
    refused(admitted(signed_fields(), **change), Fault.INVALID_SIGNATURE)


def test_a_signed_header_that_was_changed_is_refused() -> None:
    fields = with_value(signed_fields(headers=[("X-Ca-Stage", "TEST")]), "X-Ca-Stage", "RELEASE")
    refused(admitted(fields), Fault.INVALID_SIGNATURE)


def test_the_secret_of_another_app_does_not_sign() -> None:
    refused(admitted(signed_fields(secret="another")), Fault.INVALID_SIGNATURE)


def test_a_raw_path_and_the_historical_form_are_accepted_as_later_strings() -> None:
    from apigateway.signatures.caller import SignableRequest, candidates, sign

    fields: Fields = [("X-Ca-Key", KEY)]
    request = SignableRequest("GET", "/%41", "a=&b=x+y", Headers(fields))
    texts = list(candidates(request))
    assert len(texts) == 4
    for number, text in enumerate(texts, 1):
        signature = ("X-Ca-Signature", sign(APP.secret.reveal(), text))
        call = admitted([*fields, signature], path="/%41", query="a=&b=x+y")
        assert identify(call).proof == f"HmacSHA256, string {number}"


# --- method


def test_hmac_sha1_is_taken_only_where_the_api_allows_it() -> None:
    fields = signed_fields(method="GET", headers=[])
    sha1 = Auth(signature_methods=frozenset(SignatureMethod))
    named = signed_fields_sha1()
    assert identify(admitted(named, sha1)).proof == "HmacSHA1, string 1"
    assert identify(admitted(fields, sha1)).proof == "HmacSHA256, string 1"
    refusal = refused(admitted(named), Fault.INVALID_HEADER)
    assert refusal.parts == {
        "name": "X-Ca-Signature-Method",
        "reason": "is not allowed by the API",
    }


def signed_fields_sha1() -> Fields:
    from apigateway.signatures.caller import SignableRequest, signing_headers

    request = SignableRequest("GET", "/forecast", "", Headers([]))
    return signing_headers(
        request,
        key=KEY,
        secret=APP.secret.reveal(),
        timestamp_ms=NOW_MS,
        nonce="n",
        method=SignatureMethod.HMAC_SHA1,
    )


def test_the_method_is_hmac_sha256_when_absent() -> None:
    fields = signed_fields()
    names = "X-Ca-Signature-Method"
    listed = dict(fields)["X-Ca-Signature-Headers"].replace(f"{names},", "")
    assert names not in listed
    call = admitted(
        [("X-Ca-Key", KEY), ("X-Ca-Signature", "x"), ("X-Ca-Signature-Headers", listed)]
    )
    assert refused(call, Fault.INVALID_SIGNATURE).detail.endswith("HmacSHA256")


def test_an_unknown_method_is_refused() -> None:
    call = admitted(with_value(signed_fields(), "X-Ca-Signature-Method", "none"))
    refused(call, Fault.INVALID_HEADER)


# --- key


def test_an_unknown_key_is_refused_before_anything_else_is_looked_at() -> None:
    refused(admitted([("X-Ca-Key", "0")]), Fault.INVALID_APP_KEY)
    refused(admitted([("X-Ca-Key", f" {KEY} "), ("X-Ca-Signature", "x")]), Fault.INVALID_APP_KEY)


def test_without_a_key_the_header_is_required() -> None:
    assert refused(admitted([]), Fault.HEADER_REQUIRED).parts == {"name": "X-Ca-Key"}


@pytest.mark.parametrize(
    "fields", [[("X-Ca-Key", KEY)], [("X-Ca-Key", KEY), ("X-Ca-Signature", "")]]
)
def test_a_key_without_a_signature_is_an_empty_signature(fields: Fields) -> None:
    refused(admitted(fields), Fault.EMPTY_SIGNATURE)


# --- what is signed by its first value stands once


def test_a_listed_header_that_was_added_a_second_time_is_refused() -> None:
    fields = signed_fields(headers=[("X-Ca-Role", "reader")])
    identify(admitted(fields))
    with pytest.raises(Refusal):
        identify(admitted([*fields, ("X-Ca-Role", "admin")]))


# --- time


@pytest.mark.parametrize("off_ms", [0, WINDOW_MS, -WINDOW_MS])
def test_a_timestamp_within_15_minutes_either_way_is_good(off_ms: int) -> None:
    identify(admitted(signed_fields(timestamp_ms=NOW_MS + off_ms)))


@pytest.mark.parametrize("off_ms", [WINDOW_MS + 1, -WINDOW_MS - 1, -(10**12)])
def test_a_timestamp_further_off_is_expired_and_spends_no_nonce(off_ms: int) -> None:
    nonces = FreshNonces()
    refused(admitted(signed_fields(timestamp_ms=NOW_MS + off_ms)), Fault.TIMESTAMP_EXPIRED, nonces)
    assert nonces.claimed == []


@pytest.mark.parametrize(
    "text", ["", "now", "-1", "1.5", "1e12", "１７００", "1_0", "9" * 5000, "0x1"]
)
def test_a_timestamp_that_is_no_number_is_invalid(text: str) -> None:
    call = admitted(with_value(signed_fields(), "X-Ca-Timestamp", text))
    refused(call, Fault.INVALID_TIMESTAMP)


def test_the_timestamp_may_be_absent() -> None:
    fields = without(signed_fields(), "X-Ca-Timestamp")
    names = "X-Ca-Key,X-Ca-Nonce,X-Ca-Signature-Method"
    from apigateway.signatures.caller import SignableRequest, sign, string_to_sign

    fields = with_value(fields, "X-Ca-Signature-Headers", names)
    text = string_to_sign(SignableRequest("GET", "/forecast", "", Headers(fields)))
    fields = with_value(fields, "X-Ca-Signature", sign(APP.secret.reveal(), text))
    nonces = FreshNonces()
    assert identify(admitted(fields), nonces).app is APP
    assert nonces.claimed[0][3] == WINDOW_MS + 1


# --- nonce


def test_a_nonce_twice_is_refused_the_second_time() -> None:
    nonces = MemoryStore().nonces
    call = admitted(signed_fields(nonce="once"))
    identify(call, nonces)
    refused(call, Fault.NONCE_USED, nonces)


def test_of_two_concurrent_copies_one_passes() -> None:
    nonces = MemoryStore().nonces
    call = Authentication()(admitted(signed_fields(nonce="once")))
    stage = Throttling(SeparateLedger(OpenCounters(), nonces), no_sleep)

    async def both() -> list[object]:
        copies = (stage(Authorized.after(call, authorized_by="")) for _ in range(2))
        return [*await asyncio.gather(*copies, return_exceptions=True)]

    outcomes = asyncio.run(both())
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refusal", "Throttled"]


def test_a_bad_signature_does_not_spend_the_nonce() -> None:
    nonces = FreshNonces()
    call = admitted(with_value(signed_fields(), "X-Ca-Signature", "x"))
    refused(call, Fault.INVALID_SIGNATURE, nonces)
    assert nonces.claimed == []


def test_a_nonce_lives_as_long_as_its_timestamp_may_be_used() -> None:
    nonces = FreshNonces()
    identify(admitted(signed_fields(timestamp_ms=NOW_MS + 10 * MINUTE_MS)), nonces)
    assert nonces.claimed[0][3] == WINDOW_MS + 10 * MINUTE_MS + 1
    identify(admitted(signed_fields(timestamp_ms=NOW_MS - 10 * MINUTE_MS)), nonces)
    assert nonces.claimed[1][3] == WINDOW_MS + 1


@pytest.mark.parametrize("ahead_ms", [0, 10 * MINUTE_MS, WINDOW_MS])
def test_a_captured_call_cannot_be_replayed_at_any_time_its_timestamp_is_good(
    ahead_ms: int,
) -> None:
    nonces = MemoryStore().nonces
    fields = signed_fields(timestamp_ms=NOW_MS + ahead_ms)
    identify(admitted(fields), nonces)
    for later_ms in (1, WINDOW_MS, WINDOW_MS + ahead_ms - 1, WINDOW_MS + ahead_ms):
        call = admitted(fields, received_ms=NOW_MS + later_ms)
        with pytest.raises(Refusal):
            identify(call, nonces)


def test_a_nonce_is_an_apps_own() -> None:
    other = App(id="2", name="other", owner="1", key="2", secret=APP.secret, code=Secret("c2"))
    nonces = MemoryStore().nonces
    identify(admitted(signed_fields(nonce="n")), nonces)
    from unit.build import a_catalog

    served = serve(an_api(auth=Auth()))
    catalog = a_catalog(served, apps=(APP, other))
    call = a_pass(Admitted, served, headers=signed_fields(nonce="n", key="2"), catalog=catalog)
    assert identify(call, nonces).app is other


@pytest.mark.parametrize("nonce", [None, ""])
def test_a_nonce_is_required_only_where_the_api_forces_one(nonce: str | None) -> None:
    fields = signed_fields()
    fields = (
        without(fields, "X-Ca-Nonce") if nonce is None else with_value(fields, "X-Ca-Nonce", "")
    )
    refused(admitted(fields, Auth(force_nonce=True)), Fault.NONCE_REQUIRED)
    refused(admitted(fields), Fault.INVALID_SIGNATURE)


def test_a_call_without_a_nonce_claims_none() -> None:
    nonces = FreshNonces()
    identify(admitted(signed_fields(nonce="")), nonces)
    assert nonces.claimed == []


def test_a_nonce_is_at_most_256_characters() -> None:
    identify(admitted(signed_fields(nonce="n" * 256)))
    refusal = refused(admitted(signed_fields(nonce="n" * 257)), Fault.INVALID_HEADER)
    assert refusal.parts["name"] == "X-Ca-Nonce"


# --- Content-MD5


def posted(body: bytes, sent: bytes, **changes: Any) -> Admitted:
    fields = signed_fields(method="POST", body=body, **changes)
    return admitted(fields, method="POST", body=sent)


def test_a_body_that_was_changed_after_signing_is_refused() -> None:
    identify(posted(b"{}", b"{}"))
    refusal = refused(posted(b"{}", b"[]"), Fault.INVALID_CONTENT_MD5)
    assert refusal.parts == {"reason": "does not match the body"}


def test_a_body_that_was_taken_away_is_refused() -> None:
    refusal = refused(posted(b"{}", b""), Fault.INVALID_CONTENT_MD5)
    assert refusal.parts == {"reason": "the body is empty"}


def test_the_md5_of_a_form_is_not_looked_at() -> None:
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-MD5", content_md5(b"else")),
    ]
    identify(posted(b"a=1", b"a=1", headers=headers))


def test_a_form_that_was_changed_after_signing_is_refused() -> None:
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    identify(posted(b"a=1", b"a=1", headers=headers))
    refused(posted(b"a=1", b"a=2", headers=headers), Fault.INVALID_SIGNATURE)


# --- AppCode

BY_CODE = Auth(app_code=AppCodeUse.HEADER)


@pytest.mark.parametrize("text", ["APPCODE an-app-code", "appcode  an-app-code "])
def test_an_app_code_stands_in_for_a_signature_where_the_api_permits(text: str) -> None:
    call = identify(admitted([("Authorization", text)], BY_CODE))
    assert (call.app, call.proof) == (APP, "AppCode")


def test_an_app_code_is_refused_where_the_api_does_not_permit() -> None:
    refused(admitted([("Authorization", "APPCODE an-app-code")]), Fault.HEADER_REQUIRED)


@pytest.mark.parametrize("text", ["APPCODE wrong", "APPCODE ", "APPCODE"])
def test_an_unknown_app_code_does_not_exist(text: str) -> None:
    refusal = refused(admitted([("Authorization", text)], BY_CODE), Fault.INVALID_APP_CODE)
    assert refusal.parts == {"reason": "not exists"}


@pytest.mark.parametrize("fields", [[], [("Authorization", "Bearer an-app-code")]])
def test_without_key_and_code_authorization_is_needed(fields: Fields) -> None:
    refused(admitted(fields, BY_CODE), Fault.CREDENTIALS_REQUIRED)


def test_a_key_beside_an_app_code_must_still_sign() -> None:
    fields = [("Authorization", "APPCODE an-app-code"), ("X-Ca-Key", KEY)]
    refused(admitted(fields, BY_CODE), Fault.EMPTY_SIGNATURE)


def test_an_app_code_is_read_from_its_scheme() -> None:
    assert app_code_of(Headers([("authorization", "AppCode x")])) == "x"
    assert app_code_of(Headers([("authorization", "Basic x")])) is None
    assert app_code_of(Headers([])) is None


IN_QUERY = Auth(app_code=AppCodeUse.HEADER_OR_QUERY)


@pytest.mark.parametrize(
    "query",
    [
        "AppCode=an-app-code",
        "a=1&appcode=an-app-code",
        "APPCODE=an%2Dapp-code&b",
        "%41ppCode=an-app-code",
        "AppCode=an-app-code&AppCode=wrong",
    ],
)
def test_an_app_code_in_the_query_is_taken_where_the_api_permits(query: str) -> None:
    call = identify(admitted([], IN_QUERY, query=query))
    assert (call.app, call.proof) == (APP, "AppCode")


@pytest.mark.parametrize("query", ["AppCode=wrong", "AppCode=", "AppCode"])
def test_an_unknown_app_code_in_the_query_does_not_exist(query: str) -> None:
    refusal = refused(admitted([], IN_QUERY, query=query), Fault.INVALID_APP_CODE)
    assert refusal.parts == {"reason": "not exists"}


def test_an_app_code_in_the_query_is_not_read_where_only_the_field_is_permitted() -> None:
    refused(admitted([], BY_CODE, query="AppCode=an-app-code"), Fault.CREDENTIALS_REQUIRED)
    refused(admitted([], query="AppCode=an-app-code"), Fault.HEADER_REQUIRED)


def test_an_app_code_in_the_field_beats_the_one_in_the_query() -> None:
    field = ("Authorization", "APPCODE wrong")
    refused(admitted([field], IN_QUERY, query="AppCode=an-app-code"), Fault.INVALID_APP_CODE)
    field = ("Authorization", "Bearer x")
    assert identify(admitted([field], IN_QUERY, query="AppCode=an-app-code")).app is APP


def test_without_a_code_in_field_or_query_authorization_is_needed() -> None:
    refused(admitted([], IN_QUERY, query="a=1&=an-app-code"), Fault.CREDENTIALS_REQUIRED)
