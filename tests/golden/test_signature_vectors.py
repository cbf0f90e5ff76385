"""Requests recorded from real clients, and strings of the vendor's own demos."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from apigateway.exchange import Outbound
from apigateway.model.api import SignatureMethod
from apigateway.model.app import Secret
from apigateway.model.policy import SignatureKey
from apigateway.protocol.wire import Headers, is_form
from apigateway.signatures.backend import backend_string_to_sign
from apigateway.signatures.caller import (
    SignableRequest,
    candidates,
    content_md5,
    sign,
    string_to_sign,
)
from apigateway.stages.signing import sign_outbound

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
)
RECORDED = [vector for vector in VECTORS["vectors"] if "request" in vector]
JAVA = VECTORS["java_client_vectors"]
BACKEND = VECTORS["backend_vectors"]

# Which candidate (from 0) each classification of the recording stands for.
CANDIDATE = {"strict": 0, "raw-path": 1, "compat-empty-eq": 2}


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['client']}: {vector['name']}"


def signable(vector: dict[str, Any]) -> SignableRequest:
    """The request as received: header bytes (latin-1 in the record) read as UTF-8."""
    recorded = vector["request"]
    path, _, query = recorded["target"].partition("?")
    fields = (
        (name, value.encode("latin-1").decode("utf-8", "surrogateescape"))
        for name, value in recorded["headers"]
    )
    body = base64.b64decode(recorded["body_b64"])
    return SignableRequest(recorded["method"], path, query, Headers(fields), body)


def method_of(headers: Headers) -> SignatureMethod:
    return SignatureMethod(headers.first("X-Ca-Signature-Method") or "HmacSHA256")


def accepted_at(request: SignableRequest, secret: str) -> int | None:
    """The number (from 0) of the candidate that the request's signature was made of."""
    given = request.headers.first("X-Ca-Signature")
    for number, text in enumerate(candidates(request)):
        if sign(secret, text, method_of(request.headers)) == given:
            return number
    return None


def test_there_are_as_many_vectors_as_were_recorded() -> None:
    assert (len(RECORDED), len(JAVA), len(BACKEND)) == (60, 4, 6)


@pytest.mark.parametrize("vector", RECORDED, ids=name_of)
def test_a_recorded_request_is_accepted_by_the_rule_it_was_classified_by(
    vector: dict[str, Any],
) -> None:
    by = vector["accepted_by"]
    number = accepted_at(signable(vector), vector["app_secret"])
    assert number == (None if by is None else CANDIDATE[by])


@pytest.mark.parametrize("vector", RECORDED, ids=name_of)
def test_the_servers_string_is_that_of_the_documented_rule(vector: dict[str, Any]) -> None:
    assert string_to_sign(signable(vector)) == vector["server_string_to_sign_strict"]


@pytest.mark.parametrize(
    "vector", [v for v in RECORDED if v["accepted_by"] == "strict"], ids=name_of
)
def test_the_clients_own_string_is_the_servers(vector: dict[str, Any]) -> None:
    assert string_to_sign(signable(vector)) == vector["string_to_sign"]


@pytest.mark.parametrize("vector", RECORDED, ids=name_of)
def test_a_recorded_request_is_not_accepted_with_another_secret_or_method(
    vector: dict[str, Any],
) -> None:
    request = signable(vector)
    assert accepted_at(request, vector["app_secret"] + "x") is None
    other = SignableRequest("PATCH", request.path, request.query, request.headers, request.body)
    assert accepted_at(other, vector["app_secret"]) is None


def java_request(vector: dict[str, Any]) -> SignableRequest:
    form = urlencode(vector["form"]).encode()
    return SignableRequest(
        vector["method"],
        vector["path"],
        urlencode(vector["query"]),
        Headers(vector["headers"].items()),
        form,
    )


# The vendor's Java client lets a form field win where the product lets the query win.
REFUSED_BY_THE_PRODUCT = {"post-form-collision"}


@pytest.mark.parametrize("vector", JAVA, ids=name_of)
def test_a_request_of_the_vendors_java_client_is_accepted(vector: dict[str, Any]) -> None:
    request = java_request(vector)
    number = accepted_at(request, vector["app_secret"])
    if vector["name"] in REFUSED_BY_THE_PRODUCT:
        assert number is None
    else:
        assert number == 0
        assert string_to_sign(request) == vector["string_to_sign"]


@pytest.mark.parametrize("vector", JAVA, ids=name_of)
def test_the_hmac_of_a_java_clients_string_is_its_signature(vector: dict[str, Any]) -> None:
    signature = vector["headers"]["X-Ca-Signature"]
    assert sign(vector["app_secret"], vector["string_to_sign"]) == signature


def parameters_of(vector: dict[str, Any]) -> list[tuple[str, str]]:
    """Decoded parameters. The gateway has no parameter without a value, the demo has."""
    pairs: list[tuple[str, str]] = []
    for name, value in vector["params_decoded"].items():
        values = value if isinstance(value, list) else [value]
        pairs.extend((name, item) for item in values)
    return pairs


def md5_of(vector: dict[str, Any]) -> str:
    content_type = vector["headers"].get("Content-Type", "")
    if vector["method"] in ("POST", "PUT") and vector["body_utf8"] and not is_form(content_type):
        return content_md5(vector["body_utf8"].encode())
    return ""


@pytest.mark.parametrize("vector", BACKEND, ids=name_of)
def test_the_backend_string_and_signature_are_those_of_the_vendors_demo(
    vector: dict[str, Any],
) -> None:
    listed = vector["headers"]["X-Ca-Proxy-Signature-Headers"].split(",")
    text = backend_string_to_sign(
        vector["method"],
        md5_of(vector),
        tuple((name, vector["headers"][name]) for name in listed),
        vector["path"],
        tuple(parameters_of(vector)),
    )
    # An empty list of values is a bare name to the demo; on the wire there is no such thing.
    expected = vector["string_to_sign"].removesuffix("&n")
    assert text == expected
    if expected == vector["string_to_sign"]:
        assert sign(vector["signature_secret"], text) == vector["x_ca_proxy_signature"]


@pytest.mark.parametrize(
    "vector",
    [v for v in BACKEND if v["name"] not in ("demo-main", "multi-value-first")],
    ids=name_of,
)
def test_a_request_signed_by_the_gateway_is_what_the_vendors_demo_verifies(
    vector: dict[str, Any],
) -> None:
    """`demo-main` does not list the key's own header, which the gateway always does."""
    ours = {"X-Ca-Proxy-Signature-Secret-Key", "X-Ca-Proxy-Signature-Headers"}
    defined = [field for field in vector["headers"].items() if field[0] not in ours]
    sent = sign_outbound(
        Outbound(
            method=vector["method"],
            path=vector["path"],
            query=urlencode(parameters_of(vector)),
            headers=tuple(defined),
            body=vector["body_utf8"].encode(),
            query_pairs=tuple(parameters_of(vector)),
            defined=tuple(name for name, _ in defined),
        ),
        SignatureKey(
            id="1",
            name="k",
            region="r",
            key=vector["signature_key"],
            secret=Secret(vector["signature_secret"]),
        ),
        debug=True,
    )
    fields = dict(sent.headers)
    assert fields["X-Ca-Proxy-Signature"] == vector["x_ca_proxy_signature"]
    assert fields["X-Ca-Proxy-Signature-String-To-Sign"] == vector["debug_header_value"]
    listed = vector["headers"]["X-Ca-Proxy-Signature-Headers"].split(",")
    assert sorted(fields["X-Ca-Proxy-Signature-Headers"].split(",")) == sorted(listed)
