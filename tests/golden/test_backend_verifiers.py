"""The verifiers that the documentation gives to backends: three languages, one verdict."""

import ast
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from golden.test_signature_vectors import BACKEND, name_of
from golden.verifiers import FOLDER, LANGUAGES, Received, Verifier, verifier

from apigateway.exchange import Outbound
from apigateway.model.app import Secret
from apigateway.model.policy import SignatureKey
from apigateway.protocol.wire import Headers, form_fields, parse_query
from apigateway.signatures.backend import received_string
from apigateway.signatures.caller import SignableRequest, sign
from apigateway.stages.signing import sign_outbound

NAME, SECRET = "DemoKey1", "DemoSecret1"
KEYS = {NAME: SECRET, "DemoKey2": "DemoSecret2"}
FORM = "application/x-www-form-urlencoded"
OK = (True, "ok")
DIFFERS = (False, "the signature differs")


@pytest.fixture(scope="module", params=LANGUAGES)
def verify(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    return verifier(request.param, tmp_path_factory.mktemp(request.param))


def on_the_wire(sent: Outbound) -> Received:
    headers = tuple((name.encode(), value.encode()) for name, value in sent.headers)
    return Received(sent.method, sent.target, headers, sent.body)


def signed(
    method: str = "GET",
    path: str = "/v3/a",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    key: str = NAME,
    secret: str = SECRET,
    defined: tuple[str, ...] = (),
) -> Received:
    """What the gateway sends for these."""
    fields = tuple((headers or {}).items())
    content_type = Headers(fields).first("Content-Type") or ""
    sent = Outbound(
        method=method,
        path=path,
        query=query,
        headers=fields,
        body=body,
        query_pairs=parse_query(query),
        form_pairs=form_fields(body, content_type) if FORM in content_type else (),
        defined=defined,
    )
    pair = SignatureKey(id="1", name="k", region="r", key=key, secret=Secret(secret))
    return on_the_wire(sign_outbound(sent, pair, debug=False))


def vendor_request(vector: dict[str, Any]) -> Received:
    """The vendor's own request, its parameters put where their names say."""
    query: list[tuple[str, str]] = []
    form: list[tuple[str, str]] = []
    for name, value in vector["params_decoded"].items():
        values = value if isinstance(value, list) else [value]
        place = form if name.startswith("Form") else query
        place.extend((name, one) for one in values)
        if not values:
            place.append((name, ""))  # on the wire there is no name without any value
    signature = vector["x_ca_proxy_signature"]
    headers = {
        **vector["headers"],
        "X-Ca-Proxy-Signature-Secret-Key": vector["signature_key"],
        "X-Ca-Proxy-Signature": signature,
    }
    if form:
        headers["Content-Type"] = FORM
    body = urlencode(form).encode() or vector["body_utf8"].encode()
    target = vector["path"] + (f"?{urlencode(query)}" if query else "")
    fields = tuple((name.encode(), value.encode()) for name, value in headers.items())
    received = Received(vector["method"], target, fields, body)
    if vector["string_to_sign"].endswith("&n"):
        text = vector["string_to_sign"] + "="
        received = received.with_header("X-Ca-Proxy-Signature", sign(SECRET, text))
    return received


@pytest.mark.parametrize("vector", BACKEND, ids=name_of)
def test_a_request_of_the_vendors_demo_verifies_and_a_changed_one_does_not(
    vector: dict[str, Any], verify: Verifier
) -> None:
    received = vendor_request(vector)
    changed = [
        replace(received, method="PATCH"),
        replace(received, target=received.target + "x"),
        replace(received, target=received.target.replace("/", "/x/", 1)),
        received.with_header("X-Ca-Proxy-Signature", "A" * 44),
    ]
    if vector["method"] in ("POST", "PUT"):
        changed.append(replace(received, body=received.body + b"&x=1"))
    assert verify([received, *changed], KEYS) == [OK, *[DIFFERS] * len(changed)]


def test_what_is_no_signature_of_a_known_key_is_refused_with_the_reason(verify: Verifier) -> None:
    received = signed(headers={"X-A": "1"}, defined=("X-A",))
    list_header = "X-Ca-Proxy-Signature-Headers"
    key_header = "X-Ca-Proxy-Signature-Secret-Key"
    bare = received.with_header("X-Ca-Proxy-Signature", None)
    cases = {
        "no X-Ca-Proxy-Signature": [bare.with_header("X-Ca-Signature", None)],
        "ok": [received, bare],  # the guide's name of the header
        "unknown key": [
            received.with_header(key_header, "Other"),
            received.with_header(key_header, None),
            received.with_header(key_header, "toString"),
            received.with_header(key_header, "__proto__"),
        ],
        "the signature differs": [
            received.with_header(key_header, "DemoKey2"),
            received.with_header("X-A", "2"),
            received.with_header("X-A", None),
            received.with_header(list_header, "X-A"),
            received.with_header(list_header, None),
            received.with_header("X-Ca-Proxy-Signature", "short"),
            received.with_header("X-Ca-Proxy-Signature", "é" * 30),
        ],
        "X-A was received twice": [
            replace(received, headers=(*received.headers, (b"X-A", b"2"))),
        ],
        "cannot be read: ": [
            replace(received, target="/v3/ü"),
            replace(received, target="/v3/\u4e2d"),
        ],
    }
    requests = [(reason, one) for reason, found in cases.items() for one in found]
    verdicts = verify([one for _, one in requests], KEYS)
    for (reason, _), (ok, said) in zip(requests, verdicts, strict=True):
        assert said.startswith(reason)
        assert ok is (said == "ok")


def test_blanks_of_the_list_and_the_case_of_names_do_not_matter(verify: Verifier) -> None:
    """A proxy may lower-case names; a list is sorted as it is spelled."""
    received = signed(headers={"b": "1", "X-A": "2", "a": "3"}, defined=("b", "X-A", "a"))
    names = received.header("X-Ca-Proxy-Signature-Headers").split(",")
    assert names == ["X-A", "X-Ca-Proxy-Signature-Secret-Key", "a", "b"]
    spaced = received.with_header("X-Ca-Proxy-Signature-Headers", " b , a,X-A,, " + names[1])
    lower = replace(spaced, headers=tuple((name.lower(), value) for name, value in spaced.headers))
    missing = received.with_header("X-Ca-Proxy-Signature-Headers", ",".join([*names, "X-Gone"]))
    assert verify([spaced, lower, missing], KEYS) == [OK] * 3


def test_old_and_new_key_are_known_at_once(verify: Verifier) -> None:
    old, new = signed(), signed(key="DemoKey2", secret="DemoSecret2")
    assert verify([old, new], KEYS) == [OK, OK]
    gone, still = verify([old, new], {"DemoKey2": "DemoSecret2"})
    assert gone[1].startswith("unknown key") and not gone[0]
    assert still == OK


def test_an_old_request_is_refused_where_its_time_is_asked_for(verify: Verifier) -> None:
    def at(seconds: float) -> Received:
        value = formatdate(time.time() + seconds, usegmt=True)
        return signed(headers={"X-Time": value}, defined=("X-Time",))

    unsigned = signed(headers={"X-Time": formatdate(usegmt=True)})
    strange = signed(headers={"X-Time": "now"}, defined=("X-Time",))
    requests = [at(0), at(-200), at(-400), at(400), unsigned, strange, signed()]
    assert verify(requests, KEYS, "x-time") == [
        OK,
        OK,
        (False, "x-time is too old"),
        (False, "x-time is too old"),
        (False, "x-time is not signed"),
        (False, "x-time is no time"),
        (False, "x-time is not signed"),
    ]
    assert verify([at(-4000)], KEYS) == [OK]


def test_a_form_is_read_in_the_charset_that_it_names(verify: Verifier) -> None:
    body = "城市=杭州&b=".encode("gbk") + quote("中 文", encoding="gbk").encode()
    gbk = signed("POST", headers={"Content-Type": f'{FORM}; charset="GBK"'}, body=body)
    utf8 = gbk.with_header("Content-Type", FORM)
    unknown = gbk.with_header("Content-Type", f"{FORM}; charset=klingon")
    document = gbk.with_header("Content-Type", "text/plain")
    assert verify([gbk, utf8, document], KEYS) == [OK, DIFFERS, DIFFERS]
    assert not verify([unknown], KEYS)[0][0]


def test_a_path_is_signed_as_it_was_sent(verify: Verifier) -> None:
    received = signed(path="/v3/a%2Fb%20c/%E4%B8%AD", query="q=%2F")
    targets = ["/v3/a/b%20c/%E4%B8%AD", "/v3/a%252Fb%20c/%E4%B8%AD", "/v3/a%2fb%20c/%E4%B8%AD"]
    changed = [replace(received, target=f"{one}?q=%2F") for one in targets]
    again = replace(received, target=received.target.replace("q=%2F", "q=/"))
    assert verify([received, again, *changed], KEYS) == [OK, OK, *[DIFFERS] * 3]


def test_names_are_sorted_in_the_order_of_the_vendors_java(verify: Verifier) -> None:
    """By UTF-16 units: an emoji is a pair of surrogates, which come before full-width letters."""
    query = urlencode([("ａ", "1"), ("😀", "2"), ("z", "3")])
    assert verify([signed(query=query)], KEYS) == [OK]


PIECES = [
    *("a", "B", "z", "0", "+", " ", "%", "%2", "%zz", "%2B", "&", "=", "中", "文", "é", "😀", "ａ"),
    *("?", "#", "/", "|", ";", ":", "~", "*", "'", '"', "\\", "\ufeff", "\u00a0", "\x00", "\n"),
]


def anything(chance: random.Random, most: int = 4) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randrange(most + 1)))


def a_call(chance: random.Random) -> Received:
    """Any call that the gateway could forward, its text encoded as callers may encode it."""
    ways: list[Callable[[str], str]] = [
        quote,
        quote_plus,
        lambda text: quote(text, safe="+/?:@!$'()*,;~"),
    ]
    encode = chance.choice(ways)

    def pairs() -> str:
        names = [anything(chance) for _ in range(chance.randrange(5))]
        names += names[:1]  # a repeated name
        items = [f"{encode(name)}={encode(anything(chance))}" for name in names]
        items += chance.choice([[], ["bare"], ["%FF=%C3%28"], ["=x"], ["x=1=2"], [""]])
        chance.shuffle(items)
        return "&".join(items)

    method = chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
    kind = chance.choice(["", FORM, f"{FORM}; charset=utf-8", "application/json"])
    body = pairs().encode() if FORM in kind else anything(chance, 9).encode()
    printable = "".join(c for c in anything(chance) if c >= " " and c != "\x7f").strip(" ")
    headers = {"X-Note": printable, "x-lower": "1", **({"Content-Type": kind} if kind else {})}
    path = "/v3/" + quote(anything(chance), safe="!$&'()*+,;=:@~")
    defined = chance.choice([(), ("X-Note",), ("x-lower", "X-Note")])
    return signed(method, path, pairs(), headers, body, defined=defined)


def test_three_hundred_calls_of_any_kind_verify(verify: Verifier) -> None:
    chance = random.Random(20161114)
    requests = [a_call(chance) for _ in range(300)]
    assert {
        one.method for one in requests if b"form" in dict(one.headers).get(b"Content-Type", b"")
    }
    verdicts = verify(requests, KEYS)
    wrong = [pair for pair in zip(requests, verdicts, strict=True) if pair[1] != OK]
    assert not wrong, wrong[0]


def test_the_string_that_verify_backend_shows_is_that_of_the_gateway() -> None:
    chance = random.Random(20160714)
    for _ in range(300):
        received = a_call(chance)
        path, _, query = received.target.partition("?")
        headers = Headers((name.decode(), value.decode()) for name, value in received.headers)
        request = SignableRequest(received.method, path, query, headers, received.body)
        assert sign(SECRET, received_string(request)) == headers.first("X-Ca-Proxy-Signature")


def test_the_python_verifier_is_python_3_8() -> None:
    source = (FOLDER / "gateway_signature.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
