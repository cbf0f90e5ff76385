"""The string to sign, part by part, and the forms that old clients use."""

import base64
import hashlib
import hmac

import pytest

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import (
    SignableRequest,
    candidates,
    content_md5,
    sign,
    signed_header_names,
    signing_headers,
    string_to_sign,
)

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")


def request(
    method: str = "GET",
    path: str = "/a",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> SignableRequest:
    return SignableRequest(method, path, query, Headers(headers), body)


def resource(query: str, body: bytes = b"") -> str:
    made = request("POST", "/a", query, (FORM,), body)
    return string_to_sign(made).rpartition("\n")[2]


def test_the_string_has_five_lines_the_listed_headers_and_the_resource() -> None:
    fields = (
        ("accept", "text/plain"),
        ("Content-MD5", "md5"),
        ("Content-Type", "text/x; charset=utf-8"),
        ("Date", "today"),
        ("x-one", "1"),
        ("X-Ca-Signature-Headers", "X-One"),
    )
    assert string_to_sign(request("post", "/a", "b=2&a=1", fields)) == (
        "POST\ntext/plain\nmd5\ntext/x; charset=utf-8\ntoday\nX-One:1\n/a?a=1&b=2"
    )


def test_absent_fixed_fields_leave_empty_lines() -> None:
    assert string_to_sign(request()) == "GET\n\n\n\n\n/a"


def test_listed_names_are_trimmed_sorted_by_code_point_and_empty_ones_skipped() -> None:
    headers = Headers([("X-Ca-Signature-Headers", " b ,,X-B, X-a,a ,")])
    assert signed_header_names(headers) == ["X-B", "X-a", "a", "b"]


def test_a_listed_header_that_is_absent_counts_as_empty() -> None:
    text = string_to_sign(request(headers=(("X-Ca-Signature-Headers", "X-Gone"),)))
    assert text == "GET\n\n\n\n\nX-Gone:\n/a"


def test_a_listed_fixed_field_is_signed_twice() -> None:
    fields = (("Accept", "a/b"), ("X-Ca-Signature-Headers", "Accept"))
    assert string_to_sign(request(headers=fields)) == "GET\na/b\n\n\n\nAccept:a/b\n/a"


def test_the_signed_content_type_replaces_the_real_one_and_is_a_line_when_listed() -> None:
    fields = (
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("X-Ca-Signed-Content-Type", "multipart/form-data"),
        ("X-Ca-Signature-Headers", "X-Ca-Signed-Content-Type"),
    )
    assert string_to_sign(request(headers=fields, body=b"--x")) == (
        "GET\n\n\nmultipart/form-data\n\nX-Ca-Signed-Content-Type:multipart/form-data\n/a"
    )


@pytest.mark.parametrize(
    ("query", "signed"),
    [
        ("", "/a"),
        ("b=2&a=1", "/a?a=1&b=2"),
        ("a", "/a?a"),
        ("a=", "/a?a"),
        ("=a", "/a"),
        ("a=1&a=2", "/a?a=1"),
        ("a=&a=2", "/a?a"),
        ("Z=1&a=2", "/a?Z=1&a=2"),
        ("q=a+b", "/a?q=a b"),
        ("q=a%2Bb", "/a?q=a+b"),
        ("%E4%B8%AD=%E6%96%87", "/a?中=文"),
        ("na+me", "/a?na me"),
        ("q=%2526", "/a?q=%26"),
    ],
)
def test_query_parameters_are_decoded_sorted_and_the_first_value_counts(
    query: str, signed: str
) -> None:
    assert resource(query) == signed


def test_form_fields_join_the_query_and_the_query_wins() -> None:
    assert resource("k=q", b"z=1&k=f") == "/a?k=q&z=1"


def test_a_bare_form_name_is_kept_exactly_as_received() -> None:
    assert resource("", b"na+me&x%20y&v=a+b") == "/a?na+me&v=a b&x%20y"


def test_a_body_that_is_no_form_is_not_in_the_string() -> None:
    fields = (("Content-Type", "application/json"),)
    assert string_to_sign(request("POST", headers=fields, body=b"a=1")).endswith("\n/a")


def test_the_path_is_decoded_but_for_escaped_slashes_and_plus() -> None:
    assert string_to_sign(request(path="/%E4%B8%AD%2F+%5c")).endswith("\n/中%2F+%5c")


def test_the_candidates_are_the_documented_the_raw_path_and_the_historical_ones() -> None:
    made = list(candidates(request(path="/%41", query="a=&b=x+y")))
    assert [text.rpartition("\n")[2] for text in made] == [
        "/A?a&b=x y",
        "/%41?a&b=x y",
        "/A?a=&b=x+y",
        "/%41?a=&b=x+y",
    ]


def test_candidates_do_not_repeat() -> None:
    assert len(list(candidates(request(query="a=1")))) == 1


def test_the_historical_form_reads_an_escaped_plus_and_a_plus_alike() -> None:
    last = list(candidates(request(query="a=x+y%2Bz%20w")))[-1]
    assert last.endswith("/a?a=x+y+z w")


def test_a_signature_is_base64_of_the_hmac_over_utf8() -> None:
    expected = hmac.new("密".encode(), "文\n".encode(), hashlib.sha256).digest()
    assert sign("密", "文\n") == base64.b64encode(expected).decode()
    sha1 = hmac.new(b"k", b"t", hashlib.sha1).digest()
    assert sign("k", "t", SignatureMethod.HMAC_SHA1) == base64.b64encode(sha1).decode()


def test_surrogate_escapes_are_signed_as_the_bytes_they_stand_for() -> None:
    text = b"\xff".decode("utf-8", "surrogateescape")
    expected = hmac.new(b"k", b"\xff", hashlib.sha256).digest()
    assert sign("k", text) == base64.b64encode(expected).decode()


def test_content_md5_is_base64_of_the_raw_digest() -> None:
    assert content_md5(b"") == "1B2M2Y8AsgTpgAmY7PhCfg=="


def test_candidates_of_a_form_that_is_not_utf8_do_not_raise() -> None:
    made = request("POST", headers=(FORM,), body=b"a=\xff%20")
    assert list(candidates(made))


def test_signing_headers_sign_every_x_ca_header_and_the_body() -> None:
    made = request("POST", headers=(("X-Ca-Stage", "TEST"), ("X-Own", "1")), body=b"{}")
    added = dict(signing_headers(made, key="k", secret="s", timestamp_ms=5, nonce="n"))
    assert added["X-Ca-Key"] == "k"
    assert added["X-Ca-Timestamp"] == "5"
    assert added["X-Ca-Nonce"] == "n"
    assert added["Content-MD5"] == content_md5(b"{}")
    assert added["X-Ca-Signature-Headers"] == (
        "X-Ca-Key,X-Ca-Nonce,X-Ca-Signature-Method,X-Ca-Stage,X-Ca-Timestamp"
    )
    whole = Headers([*made.headers.fields, *added.items()])
    text = string_to_sign(SignableRequest("POST", "/a", "", whole, b"{}"))
    assert added["X-Ca-Signature"] == sign("s", text)


def test_signing_headers_leave_the_md5_of_a_form_and_of_no_body_out() -> None:
    form = request("POST", headers=(FORM,), body=b"a=1")
    for made in (form, request()):
        names = [n for n, _ in signing_headers(made, key="k", secret="s", timestamp_ms=1, nonce="")]
        assert "Content-MD5" not in names
