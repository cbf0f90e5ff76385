"""Signed calls and what may have happened to them on the way; times and nonces."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from e2e.lab import Fields, Lab, error_of, now_ms, signed, with_value
from e2e.running import PATIENCE_S, SECRET

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, content_md5, sign, string_to_sign

MINUTE_MS = 60_000
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def test_a_valid_signature_is_served(lab: Lab) -> None:
    reply = lab.call(fields=[("Accept", "a/b"), ("X-Ca-Note", "中"), ("Date", "Mon")])
    assert reply.status == 200, reply
    assert "x-ca-error-code" not in reply.headers
    assert "x-ca-error-message" not in reply.headers


def test_bodies_are_served_as_they_were_signed(lab: Lab) -> None:
    document = '{"a": "中"}'.encode()
    reply = lab.call("POST", body=document, fields=[("Content-Type", "application/json")])
    assert (reply.status, reply.json["body"]) == (200, document.decode())
    reply = lab.call("POST", "/echo?a=9", [FORM], b"b=x+y&a=1&c=")
    assert (reply.status, reply.json["form"]) == (200, [["b", "x y"], ["a", "1"], ["c", ""]])


@pytest.mark.parametrize("given", ["nonsense", "not base64 !", "中", "=" * 3000, "e30="])
def test_a_signature_that_is_none_is_an_invalid_signature(lab: Lab, given: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(fields=[("Accept", "a/b")], change=with_value("X-Ca-Signature", given))
    status, code, message = error_of(reply)
    assert (status, code) == (403, "A403IS")
    assert message.startswith("Invalid Signature, Server StringToSign:`GET#a/b####X-Ca-Key:")
    assert message.endswith("#/echo`")


@pytest.mark.parametrize("text", ["yesterday", "1.5e12", "-1", "２", "9" * 30, "0x10"])
def test_a_timestamp_that_is_no_number_is_invalid(lab: Lab, text: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(change=with_value("X-Ca-Timestamp", text))
    assert error_of(reply) == (
        400,
        "I400HD",
        "Invalid Header `X-Ca-Timestamp` is not milliseconds",
    )


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24 * 365])
def test_a_timestamp_more_than_15_minutes_off_is_expired(lab: Lab, minutes: int) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(timestamp_ms=now_ms() + minutes * MINUTE_MS)
    assert error_of(reply) == (403, "S403TS", "Timestamp Expired")


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_timestamp_within_15_minutes_is_good(lab: Lab, minutes: int) -> None:
    assert lab.call(timestamp_ms=now_ms() + minutes * MINUTE_MS).status == 200


def test_a_body_that_was_changed_while_its_md5_was_kept_is_refused(lab: Lab) -> None:
    kind = [("Content-Type", "application/json")]
    with lab.no_backend_is_asked():
        reply = lab.call("POST", body=b'{"pay": 1}', fields=kind, sent_body=b'{"pay": 9}')
        assert error_of(reply) == (400, "I400I5", "Invalid Content-MD5 does not match the body")
        changed = with_value("Content-MD5", content_md5(b'{"pay": 9}'))
        reply = lab.call(
            "POST", body=b'{"pay": 1}', fields=kind, sent_body=b'{"pay": 9}', change=changed
        )
        assert error_of(reply)[:2] == (403, "A403IS")
        reply = lab.call("POST", body=b"a=1", fields=[FORM], sent_body=b"a=2")
        assert error_of(reply)[:2] == (403, "A403IS")


@pytest.mark.parametrize("target", ["/echo?a=1&b=2", "/echo?a=2", "/echo", "/echo?a=1&&%20"])
def test_a_query_that_was_changed_after_signing_is_refused(lab: Lab, target: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(target="/echo?a=1", sent_target=target)
    assert error_of(reply)[:2] == (403, "A403IS")


def test_of_a_repeated_query_key_both_values_reach_the_backend(lab: Lab) -> None:
    """Only the first value is signed, as in the product."""
    reply = lab.call(target="/echo?a=1&a=2")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["a", "2"]])
    reply = lab.call(target="/echo?a=1&a=2", sent_target="/echo?a=1&a=3")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["a", "3"]])
    assert lab.call(target="/echo?a=1&a=2", sent_target="/echo?a=2&a=1").code == "A403IS"


def test_an_algorithm_that_the_api_does_not_allow_is_refused(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(change=sha1)
    assert error_of(reply) == (
        400,
        "I400HD",
        "Invalid Header `X-Ca-Signature-Method` is not allowed by the API",
    )


def sha1(fields: Fields) -> Fields:
    """The same request signed again with HmacSHA1."""
    left = [one for one in fields if one[0] != "X-Ca-Signature"]
    left = with_value("X-Ca-Signature-Method", "HmacSHA1")(left)
    text = string_to_sign(SignableRequest("GET", "/echo", "", Headers(left)))
    return [*left, ("X-Ca-Signature", sign(SECRET, text, SignatureMethod.HMAC_SHA1))]


def test_hmac_sha1_is_served_where_the_api_allows_it(lab: Lab) -> None:
    fields = signed("GET", "/forecast/hangzhou")
    left = with_value("X-Ca-Signature-Method", "HmacSHA1")(fields[:-1])
    text = string_to_sign(SignableRequest("GET", "/forecast/hangzhou", "", Headers(left)))
    signature = ("X-Ca-Signature", sign(SECRET, text, SignatureMethod.HMAC_SHA1))
    assert lab.send("GET", "/forecast/hangzhou", [*left, signature]).status == 200


def test_a_key_or_a_signature_that_is_missing_is_said(lab: Lab) -> None:
    def without(name: str) -> Any:
        return lambda fields: [one for one in fields if one[0] != name]

    with lab.no_backend_is_asked():
        assert error_of(lab.send("GET", "/echo")) == (
            400,
            "I400MH",
            "Header `X-Ca-Key` is Required",
        )
        assert error_of(lab.call(change=without("X-Ca-Signature"))) == (
            400,
            "I400MH",
            "Header `X-Ca-Signature` is Required",
        )
        assert error_of(lab.call(key="999")) == (400, "A400IK", "Invalid AppKey")


def test_a_field_of_the_signature_that_stands_twice_is_refused(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for name in ("X-Ca-Signature", "x-ca-timestamp", "X-CA-NONCE", "Content-MD5"):
            reply = lab.call(fields=[("Content-MD5", "")], change=lambda f, n=name: [*f, (n, "1")])
            assert (reply.status, reply.code) == (400, "I400HD")
            assert "is repeated" in reply.headers["x-ca-error-message"]


def test_a_nonce_is_good_for_one_call(lab: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert lab.call(nonce=nonce).status == 200
    with lab.no_backend_is_asked():
        for _ in range(2):
            assert error_of(lab.call(nonce=nonce)) == (403, "S403NU", "Nonce Used")


def test_of_concurrent_copies_of_a_call_exactly_one_passes(lab: Lab) -> None:
    for _ in range(5):
        fields = signed("GET", "/echo")
        before = lab.echo.hits
        gate = threading.Barrier(2)

        def one(fields: Fields = fields, gate: threading.Barrier = gate) -> int:
            gate.wait(PATIENCE_S)
            return lab.send("GET", "/echo", fields).status

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(one) for _ in range(2)]
            assert sorted(future.result() for future in futures) == [200, 403]
        assert lab.echo.hits == before + 1


def test_a_bad_signature_does_not_spend_the_nonce(lab: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert lab.call(nonce=nonce, secret="wrong").code == "A403IS"
    assert lab.call(nonce=nonce, timestamp_ms=1).code == "S403TS"
    assert lab.call(nonce=nonce).status == 200


def test_a_nonce_is_asked_for_where_the_api_forces_one(lab: Lab) -> None:
    reply = lab.call(target="/forced", nonce="")
    assert error_of(reply) == (400, "I400NC", "X-Ca-Nonce is required")
    assert lab.call(target="/forced").status == 200
    assert lab.call(target="/echo", nonce="").status == 200
