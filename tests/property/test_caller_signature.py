"""Whatever bytes come: candidates are made in bounded time, and what is signed verifies."""

import time
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers, decode_form_text, decode_path, parse_query
from apigateway.signatures.caller import (
    SignableRequest,
    candidates,
    sign,
    signing_headers,
    string_to_sign,
)

# Bytes of a request line: what a parser lets through, with escapes and separators made likely.
pieces = st.one_of(
    st.sampled_from(
        [b"%", b"%2", b"%2F", b"%5c", b"%20", b"+", b"&", b"=", b"/", b"%FF", b"\xff", b"%00", b";"]
    ),
    st.binary(min_size=1, max_size=4),
    st.text(max_size=4).map(lambda text: text.encode("utf-8", "replace")),
)
wire_text = st.lists(pieces, max_size=12).map(
    lambda parts: b"".join(parts).decode("utf-8", "surrogateescape")
)
bodies = st.lists(pieces, max_size=12).map(b"".join)
content_types = st.sampled_from(
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "application/json",
        "multipart/form-data; boundary=x",
        "",
    ]
)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
tokens = st.text("abcXYZ019-_", min_size=1, max_size=8)
values = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8).map(str.strip)
plain_fields = st.lists(st.tuples(tokens.map("X-Own-".__add__), values), max_size=4)
ca_fields = st.lists(
    st.tuples(tokens.map("X-Ca-Z".__add__), values), max_size=3, unique_by=lambda f: f[0].lower()
)
ascii_text = st.text("ab1%2F5cE&=+./~-_", max_size=20)


@settings(deadline=None, max_examples=200)
@given(raw=wire_text)
def test_no_bytes_make_the_readers_of_paths_and_queries_raise(raw: str) -> None:
    decode_path("/" + raw)
    decode_form_text(raw)
    for name, value in parse_query(raw):
        assert isinstance(name + value, str)


@settings(deadline=None, max_examples=200)
@given(path=wire_text, query=wire_text, body=bodies, content_type=content_types, listed=wire_text)
def test_no_bytes_make_the_candidates_raise(
    path: str, query: str, body: bytes, content_type: str, listed: str
) -> None:
    headers = Headers([("Content-Type", content_type), ("X-Ca-Signature-Headers", listed)])
    made = list(candidates(SignableRequest("POST", "/" + path, query, headers, body)))
    assert 1 <= len(made) <= 4
    assert len(set(made)) == len(made)
    for text in made:
        sign("secret", text)


@settings(deadline=None, max_examples=5)
@given(unit=st.sampled_from(["a=1&", "&", "%2F", "%41", "+", "a", "=", "%", "a=%zz&"]))
def test_a_request_of_128_kb_is_read_in_bounded_time(unit: str) -> None:
    text = unit * (128 * 1024 // len(unit))
    headers = Headers([("Content-Type", "application/x-www-form-urlencoded")])
    began = time.thread_time()
    list(candidates(SignableRequest("POST", "/" + text, text, headers, text.encode())))
    assert time.thread_time() - began < 4


@settings(deadline=None, max_examples=150)
@given(
    method=methods,
    path=ascii_text,
    query=ascii_text,
    body=bodies,
    content_type=content_types,
    own=plain_fields,
    ca=ca_fields,
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10),
    algorithm=st.sampled_from(SignatureMethod),
)
def test_what_is_signed_verifies_by_the_documented_string_and_no_other_secret(
    method: str,
    path: str,
    query: str,
    body: bytes,
    content_type: str,
    own: list[tuple[str, str]],
    ca: list[tuple[str, str]],
    secret: str,
    algorithm: SignatureMethod,
) -> None:
    fields = [*own, *ca, ("Content-Type", content_type)]
    request = SignableRequest(method, "/" + path, query, Headers(fields), body)
    added = signing_headers(
        request, key="k", secret=secret, timestamp_ms=1, nonce="n", method=algorithm
    )
    headers = Headers([*fields, *added])
    received = SignableRequest(method, "/" + path, query, headers, body)
    given_signature = headers.first("X-Ca-Signature")
    assert sign(secret, string_to_sign(received), algorithm) == given_signature
    wrong = [sign(secret + "x", text, algorithm) for text in candidates(received)]
    assert given_signature not in wrong


@settings(deadline=None, max_examples=100)
@given(
    pairs=st.lists(st.tuples(tokens, values), max_size=5, unique_by=lambda pair: pair[0]),
    data=st.data(),
)
def test_the_order_of_parameters_on_the_wire_does_not_matter(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(pairs))
    one = SignableRequest("GET", "/", urlencode(pairs), Headers([]))
    other = SignableRequest("GET", "/", urlencode(shuffled), Headers([]))
    assert string_to_sign(one) == string_to_sign(other)
