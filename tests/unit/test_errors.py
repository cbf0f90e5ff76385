"""The catalogue of refusals against the product's own codes, statuses and texts."""

import string
from typing import Any

import pytest

from apigateway.errors import Fault, FaultText, Refusal

# From the product's published tables (the VPC generation's codes).
PRODUCT: dict[str, tuple[int, str]] = {
    "I400HD": (400, "Invalid Header `{}` {}"),
    "I400MH": (400, "Header `{}` is Required"),
    "I400BD": (400, "Invalid Body: {}"),
    "I400PA": (400, "Invalid Request Path `{}`"),
    "I405UM": (405, "Unsupported Method `{}`"),
    "I400RU": (400, "Invalid Request Uri `{}`"),
    "I403PT": (403, "Invalid protocol {} unsupported"),
    "I413RL": (413, "Request body too Large"),
    "I413UL": (413, "Request URL too Large"),
    "I431HD": (431, "Request header fields too Large"),
    "I408RT": (408, "Request Timeout"),
    "I400CT": (400, "Invalid Content-Type: `{}`"),
    "I404DO": (404, "Invalid Domain `{}`"),
    "I421MR": (421, "Misdirected Request, `{}` is not served on this connection"),
    "I400SG": (400, "Invalid Stage"),
    "I404NF": (404, "API not found {}"),
    "I404CO": (404, "Cross origin resource not found {}"),
    "A403IP": (403, "Access denied by IP Control Policy"),
    "A400AC": (400, "Invalid AppCode {}"),
    "A400IK": (400, "Invalid AppKey"),
    "A400MA": (400, "Need authorization, X-Ca-Key or Authorization: APPCODE ... is required"),
    "A403IS": (403, "Invalid Signature, Server StringToSign:`{}`"),
    "S403TS": (403, "Timestamp Expired"),
    "I400NC": (400, "X-Ca-Nonce is required"),
    "S403NU": (403, "Nonce Used"),
    "I400JR": (400, "JWT required"),
    "I400JD": (400, "JWT Deserialize Failed: {}"),
    "A403JT": (403, "Invalid JWT: {}"),
    "A403JE": (403, "JWT is expired at {}"),
    "I400I5": (400, "Invalid Content-MD5 {}"),
    "I403AA": (403, "Unauthorized"),
    "T429PA": (429, "Throttled by API Flow Control"),
    "T429PR": (429, "Throttled by {} Flow Control"),
    "T429MR": (429, "Too Many Requests, throttle by {}"),
    "T429GR": (429, "Throttled by GROUP Flow Control"),
    "T429ID": (
        429,
        "Throttled by INNER DOMAIN Flow Control, {} is a test domain, only {} requests per day",
    ),
    "I400MP": (400, "Parameter {} is required"),
    "I400IP": (400, "Invalid parameter {} {}"),
    "D504IL": (504, "Backend service invalid address"),
    "X504VE": (504, "Backend service vpc mapped failed"),
    "D504CO": (504, "Backend service connect failed {}"),
    "D504CS": (504, "Backend http ssl connect failed {}"),
    "D504RE": (504, "Backend service request failed"),
    "D504TO": (504, "Backend service request timeout"),
    "X500ER": (500, "Service Internal Error"),
    "X503BZ": (503, "Service Busy"),
}

# What this gateway words otherwise, and why.
OWN_WORDS = {
    Fault.INVALID_REQUEST: "a request that cannot be parsed has no header to name",
}

CLASSIC: dict[Fault, tuple[int, str]] = {
    Fault.EMPTY_BODY: (400, "Empty Request Body"),
    Fault.INVALID_BODY: (400, "Invalid Request Body"),
    Fault.INVALID_PATH: (400, "Invalid Url"),
    Fault.API_NOT_FOUND: (400, "Invalid Url"),
    Fault.INVALID_DOMAIN: (400, "Invalid Domain"),
    Fault.UNSUPPORTED_METHOD: (400, "Invalid HttpMethod"),
    Fault.PROTOCOL_UNSUPPORTED: (400, "API unsupport the channel: {protocol}"),
    Fault.INVALID_APP_KEY: (400, "Invalid AppKey"),
    Fault.INVALID_APP_CODE: (400, "Invalid AppCode `{reason}`"),
    Fault.TIMESTAMP_EXPIRED: (400, "Timestamp Expired"),
    Fault.INVALID_TIMESTAMP: (400, "Invalid Timestamp"),
    Fault.EMPTY_SIGNATURE: (404, "Empty Signature"),
    Fault.INVALID_SIGNATURE: (
        400,
        "Invalid Signature, Server StringToSign:`{string_to_sign}`",
    ),
    Fault.INVALID_CONTENT_MD5: (400, "Invalid Content-MD5"),
    Fault.UNAUTHORIZED: (403, "Unauthorized"),
    Fault.NONCE_USED: (400, "Nonce Used"),
    Fault.THROTTLED_BY_API: (403, "Throttled by API Flow Control"),
    Fault.THROTTLED_BY_USER: (403, "Throttled by USER Flow Control"),
    Fault.THROTTLED_BY_APP: (403, "Throttled by APP Flow Control"),
    Fault.THROTTLED_BY_GROUP: (403, "Throttled by GROUP Flow Control"),
    Fault.THROTTLED_BY_DOMAIN: (403, "Throttled by DOMAIN Flow Control"),
    Fault.INTERNAL: (500, "Internal Error"),
    Fault.BUSY: (503, "Service Unavailable"),
    Fault.BACKEND_TIMEOUT: (504, "Async Service"),
    Fault.BACKEND_CONNECT: (500, "Failed To Invoke Backend Service"),
    Fault.BACKEND_FAILED: (500, "Failed To Invoke Backend Service"),
    Fault.BACKEND_TLS: (500, "Failed To Invoke Backend Service"),
}


def text_of(fault: Fault) -> FaultText:
    value: FaultText = fault.value
    return value


def fits(template: str, text: str) -> bool:
    """Whether `text` is the product's template with its `{}` filled in."""
    rest = text
    pieces = template.split("{}")
    if not rest.startswith(pieces[0]):
        return False
    rest = rest[len(pieces[0]) :]
    for piece in pieces[1:]:
        at = rest.rfind(piece) if piece == pieces[-1] else rest.find(piece)
        if at < 0:
            return False
        rest = rest[at + len(piece) :]
    return rest == "" or pieces[-1] == ""


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_every_fault_has_a_code_and_status_of_the_product(fault: Fault) -> None:
    text = text_of(fault)
    status, template = PRODUCT[text.code]
    assert text.status == status
    if fault not in OWN_WORDS:
        assert fits(template, text.message), (template, text.message)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_the_number_in_a_code_is_its_status(fault: Fault) -> None:
    text = text_of(fault)
    assert len(text.code) == 6
    assert text.code[1:4] == str(text.status)


@pytest.mark.parametrize("fault", CLASSIC, ids=lambda fault: fault.name)
def test_classic_texts_and_statuses_are_those_of_the_products_first_generation(
    fault: Fault,
) -> None:
    text = text_of(fault)
    assert (text.classic_status, text.classic_message) == CLASSIC[fault]


def test_classic_throttling_is_403_and_coded_throttling_429() -> None:
    for fault in Fault:
        if fault.name.startswith("THROTTLED"):
            assert (text_of(fault).status, text_of(fault).classic_status) == (429, 403)


def test_the_two_generations_of_a_text_ask_for_the_same_parts() -> None:
    def parts(template: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    for fault in Fault:
        text = text_of(fault)
        assert parts(text.classic_message) <= parts(text.message), fault


def test_faults_are_distinct_members_even_where_their_texts_are_alike() -> None:
    assert len(Fault) == len(Fault.__members__)


def test_a_refusal_carries_its_fault_its_detail_and_its_parts() -> None:
    parts: dict[str, Any] = {"domain": "x.test"}
    refusal = Refusal(Fault.INVALID_DOMAIN, "why", retry_after_s=3, headers=(("A", "b"),), **parts)
    assert refusal.fault is Fault.INVALID_DOMAIN
    assert refusal.detail == "why"
    assert refusal.parts == {"domain": "x.test"}
    assert refusal.retry_after_s == 3
    assert refusal.headers == (("A", "b"),)
    assert isinstance(refusal, Exception)
