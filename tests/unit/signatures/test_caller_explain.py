"""Why a signature does not verify: the usual mistakes, each found and named."""

import time
from typing import Any

import pytest
from unit.signatures.requests import request

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import (
    SignableRequest,
    candidates,
    content_md5,
    sign,
    string_to_sign,
)
from apigateway.signatures.caller_explain import Explanation, explain, first_difference

SECRET = "an-app-secret"
NOW_MS = 1_700_000_000_000
FORM = "application/x-www-form-urlencoded"
KEY = ("X-Ca-Key", "1")


def with_signature(arrived: SignableRequest, signature: str) -> SignableRequest:
    headers = Headers([*arrived.headers.fields, ("X-Ca-Signature", signature)])
    return SignableRequest(arrived.method, arrived.path, arrived.query, headers, arrived.body)


def explained(
    arrived: SignableRequest,
    signed: str,
    *,
    method: SignatureMethod = SignatureMethod.HMAC_SHA256,
    secret: str = SECRET,
    **options: Any,
) -> Explanation:
    """What is said of a request whose client signed the text `signed`."""
    return explain(with_signature(arrived, sign(secret, signed, method)), SECRET, **options)


def causes(arrived: SignableRequest, signed: str, **options: Any) -> tuple[str, ...]:
    found = explained(arrived, signed, **options)
    assert (found.verified, found.candidate) == (False, None)
    if found.causes and "AppSecret" not in found.causes[0]:
        assert found.client_string == signed
        assert found.server_string == string_to_sign(arrived)
        assert found.first_difference == first_difference(signed, string_to_sign(arrived))
    return found.causes


def test_a_good_signature_verifies_by_the_documented_rule() -> None:
    arrived = request(KEY, query="b=2&a=1")
    text = "GET\n\n\n\n\n/a?a=1&b=2"
    assert explained(arrived, text) == Explanation(True, 1, text, text, None, (), ())


def test_each_of_the_four_strings_is_named_by_its_number() -> None:
    arrived = request(KEY, path="/%41", query="a=&b=x+y")
    texts = list(candidates(arrived))
    for number, text in enumerate(texts, 1):
        found = explained(arrived, text)
        assert (found.verified, found.candidate, found.client_string) == (True, number, text)
        assert found.server_string == texts[0]
        assert found.first_difference == first_difference(text, texts[0])


@pytest.mark.parametrize("blank", [" {}", "{}\n", " {} "])
def test_blanks_around_a_signature_are_no_mistake(blank: str) -> None:
    arrived = request(KEY)
    given = blank.format(sign(SECRET, string_to_sign(arrived)))
    assert explain(with_signature(arrived, given), SECRET).verified


def test_an_accept_that_the_http_client_added_is_named_with_the_remedy() -> None:
    arrived = request(KEY, ("Accept", "*/*"))
    assert causes(arrived, "GET\n\n\n\n\n/a") == (
        "the client signed no Accept, but Accept: */* arrived "
        "(the HTTP client added it after signing: set Accept yourself)",
    )
    assert explained(arrived, "GET\n\n\n\n\n/a").first_difference == 4


@pytest.mark.parametrize(
    ("fields", "signed", "cause"),
    [
        (
            [],
            "GET\n*/*\n\n\n\n/a",
            "the client signed Accept: */*, but no Accept arrived",
        ),
        (
            [("Accept", "text/html")],
            "GET\napplication/json\n\n\n\n/a",
            "the client signed Accept: application/json, but Accept: text/html arrived",
        ),
        (
            [("Content-Type", "application/json; charset=utf-8")],
            "GET\n\n\napplication/json\n\n/a",
            "the client signed Content-Type: application/json, but "
            "Content-Type: application/json; charset=utf-8 arrived",
        ),
        (
            [("Content-Type", "text/plain")],
            "GET\n\n\ntext/plain; charset=UTF-8\n\n/a",
            "the client signed Content-Type: text/plain; charset=UTF-8, but "
            "Content-Type: text/plain arrived",
        ),
        (
            [("Content-Type", FORM)],
            "GET\n\n\n\n\n/a",
            f"the client signed no Content-Type, but Content-Type: {FORM} arrived",
        ),
        (
            [
                ("Content-Type", "multipart/form-data; boundary=x"),
                ("X-Ca-Signed-Content-Type", "m"),
            ],
            "GET\n\n\nmultipart/form-data; boundary=x\n\n/a",
            "the client signed Content-Type: multipart/form-data; boundary=x, but "
            "X-Ca-Signed-Content-Type: m arrived",
        ),
        (
            [("Date", "Mon")],
            "GET\n\n\n\n\n/a",
            "the client signed no Date, but Date: Mon arrived",
        ),
        (
            [("Content-MD5", "eA==")],
            "GET\n\n\n\n\n/a",
            "the client did not sign the Content-MD5 that it sent",
        ),
    ],
)
def test_a_field_of_the_first_lines_that_differs_is_named(
    fields: list[tuple[str, str]], signed: str, cause: str
) -> None:
    assert causes(request(KEY, *fields), signed) == (cause,)


def test_an_md5_that_was_signed_and_not_sent_is_named() -> None:
    arrived = request(KEY, method="POST", body=b"{}")
    assert causes(arrived, f"POST\n\n{content_md5(b'{}')}\n\n\n/a") == (
        "the client signed a Content-MD5 that it did not send",
    )


LISTED = ("X-Ca-Signature-Headers", "x-ca-b, X-Ca-A,X-Ca-None,Accept")


@pytest.mark.parametrize(
    ("block", "cause"),
    [
        (
            "x-ca-b:2\nX-Ca-A:1\nX-Ca-None:\nAccept:a/b\n",
            "the client signed the headers in the order of X-Ca-Signature-Headers, not sorted",
        ),
        (
            "accept:a/b\nx-ca-a:1\nx-ca-b:2\nx-ca-none:\n",
            "the client signed the names of headers in lower case, not as listed",
        ),
        (
            "Accept:a/b\nX-Ca-A:1\nx-ca-b:2\n",
            "the client left out listed headers that it did not send",
        ),
        (
            "X-Ca-A:1\nX-Ca-None:\nx-ca-b:2\n",
            "the client left out listed headers that are signed in lines of their own",
        ),
        ("", "the client signed no headers, but lists some"),
        (
            "X-Ca-A:1\nx-ca-b:2\nx-ca-more:3\n",
            "the client signed X-Ca-* headers that X-Ca-Signature-Headers does not list",
        ),
    ],
)
def test_a_block_of_headers_that_differs_is_named(block: str, cause: str) -> None:
    fields = [("X-Ca-A", "1"), ("x-ca-b", "2"), ("x-ca-more", "3"), ("Accept", "a/b"), LISTED]
    assert causes(request(*fields), f"GET\na/b\n\n\n\n{block}/a") == (cause,)


@pytest.mark.parametrize(
    ("path", "signed", "cause"),
    [
        ("/a%20b", "/a%2520b", "the client signed the path encoded again"),
        ("/a/", "/a", "the client signed the path without its last slash"),
        ("/a", "/a/", "the client signed the path with a slash at its end"),
        ("/中", "/%E4%B8%AD", "the client signed the path encoded again"),
    ],
)
def test_a_path_that_differs_is_named(path: str, signed: str, cause: str) -> None:
    assert causes(request(KEY, path=path), f"GET\n\n\n\n\n{signed}") == (cause,)


@pytest.mark.parametrize(
    ("query", "signed", "cause"),
    [
        (
            "q=%E4%B8%AD",
            "?q=%E4%B8%AD",
            "the client signed the query as it is encoded on the wire, not decoded",
        ),
        ("q=1", "", "the client did not sign the query"),
        (
            "a=1&a=2",
            "?a=2",
            "the client took the last value of a repeated name, not the first",
        ),
        ("a=1&a=2", "?a=1,2", "the client joined the values of a repeated name"),
        ("b=1&a=2", "?b=1&a=2", "the client did not sort the parameters"),
        (
            "q=a+b",
            "?q=a%20b",
            "the client percent-encoded the values again before signing",
        ),
    ],
)
def test_a_query_that_differs_is_named(query: str, signed: str, cause: str) -> None:
    assert causes(request(KEY, query=query), f"GET\n\n\n\n\n/a{signed}") == (cause,)


@pytest.mark.parametrize(
    ("query", "signed", "cause"),
    [
        ("", "", "the client did not sign the fields of the form"),
        ("q=1", "?q=1", "the client did not sign the fields of the form"),
        ("q=1", "?f=1&g=a b", "the client did not sign the query"),
        ("q=1", "", "the client signed neither query nor form"),
        (
            "f=9&f=8",
            "?f=8&g=a b",
            "the client took the last value of a repeated name, in the query before the form",
        ),
        (
            "f=9&q=1",
            "?f=1&g=a b&q=1",
            "the client took the form's value where query and form have one name",
        ),
    ],
)
def test_a_form_that_differs_is_named(query: str, signed: str, cause: str) -> None:
    arrived = request(("Content-Type", FORM), method="POST", query=query, body=b"f=1&g=a+b")
    assert causes(arrived, f"POST\n\n\n{FORM}\n\n/a{signed}") == (cause,)


def test_a_body_that_was_signed_as_a_form_and_is_none_is_named() -> None:
    arrived = request(("Content-Type", "text/plain"), method="POST", body=b"f=1")
    assert causes(arrived, "POST\n\n\ntext/plain\n\n/a?f=1") == (
        "the client signed the body as form fields, but its Content-Type is no form's",
    )


def test_several_mistakes_are_all_named() -> None:
    arrived = request(("Accept", "*/*"), ("Date", "Mon"), query="b=1&a=2", path="/a/", method="PUT")
    assert causes(arrived, "PUT\n\n\n\n\n/a?b=1&a=2") == (
        "the client signed no Accept, but Accept: */* arrived "
        "(the HTTP client added it after signing: set Accept yourself)",
        "the client signed no Date, but Date: Mon arrived",
        "the client signed the path without its last slash",
        "the client did not sort the parameters",
    )


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (None, "no X-Ca-Signature-Method means HmacSHA256"),
        ("HmacSHA256", "X-Ca-Signature-Method says HmacSHA256"),
        ("HmacMD5", "X-Ca-Signature-Method says HmacMD5"),
    ],
)
def test_the_other_algorithm_is_named(said: str | None, cause: str) -> None:
    fields = [KEY] if said is None else [KEY, ("X-Ca-Signature-Method", said)]
    arrived = request(*fields)
    assert causes(arrived, string_to_sign(arrived), method=SignatureMethod.HMAC_SHA1) == (
        f"the client used HmacSHA1, but {cause}",
    )


def test_an_algorithm_that_is_none_is_noted() -> None:
    assert notes(KEY, ("X-Ca-Signature-Method", "HmacMD5")) == [
        "X-Ca-Signature-Method is none of HmacSHA256, HmacSHA1: the gateway refuses it"
    ]
    assert notes(KEY, ("X-Ca-Signature-Method", " hmacsha256")) == []


def test_sha1_verifies_where_the_request_says_so() -> None:
    arrived = request(KEY, ("X-Ca-Signature-Method", " HmacSHA1"))
    assert explained(arrived, string_to_sign(arrived), method=SignatureMethod.HMAC_SHA1).verified


def test_a_secret_with_a_line_feed_is_named() -> None:
    arrived = request(KEY)
    found = explained(arrived, string_to_sign(arrived), secret=f"{SECRET}\n")
    assert found.causes == ("the client used the AppSecret with a line feed at its end",)
    assert found.first_difference is None


def test_a_secret_whose_blanks_were_cut_off_is_named() -> None:
    arrived = request(KEY)
    given = sign("blank", string_to_sign(arrived))
    found = explain(with_signature(arrived, given), "blank ")
    assert found.causes == ("the client used the AppSecret without the blanks at its ends",)


def test_what_nothing_explains_is_said_honestly() -> None:
    arrived = request(KEY)
    found = explained(arrived, string_to_sign(arrived), secret="another")
    assert found == Explanation(
        False,
        None,
        None,
        string_to_sign(arrived),
        None,
        (
            "no usual mistake gives this signature: the AppSecret is another one, or the client "
            "signed something that did not arrive",
        ),
        (),
    )


@pytest.mark.parametrize("given", ["not base64 !", "\udcff", "=" * 5000])
def test_a_signature_that_is_none_is_no_crash(given: str) -> None:
    found = explain(with_signature(request(KEY), given), SECRET)
    assert found.causes[0].startswith("no usual mistake")


@pytest.mark.parametrize("fields", [[KEY], [KEY, ("X-Ca-Signature", " ")]])
def test_a_missing_signature_is_said(fields: list[tuple[str, str]]) -> None:
    assert explain(request(*fields), SECRET).causes == ("there is no X-Ca-Signature",)


# --- notes


def notes(*fields: tuple[str, str], body: bytes = b"", now_ms: int | None = NOW_MS) -> list[str]:
    arrived = request(*fields, body=body)
    return list(explained(arrived, string_to_sign(arrived), now_ms=now_ms).notes)


def test_a_missing_key_is_noted() -> None:
    assert notes() == ["X-Ca-Key is missing"]
    assert notes(KEY) == []


@pytest.mark.parametrize("text", ["now", "1e3", "²", "１７", "-1", "9" * 5000])
def test_a_timestamp_that_is_none_is_noted(text: str) -> None:
    assert notes(KEY, ("X-Ca-Timestamp", text)) == [
        "X-Ca-Timestamp is not milliseconds: the gateway refuses it"
    ]


@pytest.mark.parametrize(
    ("off_ms", "noted"),
    [
        (15 * 60_000, []),
        (-15 * 60_000, []),
        (20 * 60_000, ["X-Ca-Timestamp is 20 minutes off; the gateway takes 15 (--now MS)"]),
        (-60 * 60_000, ["X-Ca-Timestamp is 60 minutes off; the gateway takes 15 (--now MS)"]),
    ],
)
def test_a_timestamp_outside_the_window_is_noted_where_the_clock_is_known(
    off_ms: int, noted: list[str]
) -> None:
    stamp = ("X-Ca-Timestamp", str(NOW_MS - off_ms))
    assert notes(KEY, stamp) == noted
    assert notes(KEY, stamp, now_ms=None) == []


def test_a_body_that_is_not_the_md5s_is_noted() -> None:
    text = "Content-MD5 is not the body's: the body was changed after it was signed"
    assert notes(KEY, ("Content-MD5", content_md5(b"a")), body=b"b") == [text]
    assert notes(KEY, ("Content-MD5", content_md5(b"a")), body=b"a") == []
    form = ("Content-Type", FORM)
    assert notes(KEY, form, ("Content-MD5", content_md5(b"a")), body=b"b") == []


# --- bounds


def test_a_body_of_2_mb_is_explained_in_bounded_time() -> None:
    arrived = request(
        ("Content-Type", FORM),
        ("Accept", "*/*"),
        ("X-Ca-Signature-Headers", "b,A"),
        method="POST",
        query="b=1&a=2&a=3",
        body=b"f=1&g=" + b"%41" * 700_000,
    )
    began = time.thread_time()
    found = explain(with_signature(arrived, "nonsense"), SECRET)
    assert time.thread_time() - began < 20
    assert not found.verified
    text = string_to_sign(arrived).replace("*/*", "", 1)
    assert causes(arrived, text)[0].startswith("the client signed no Accept")


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        ("", "", None),
        ("a", "a", None),
        ("a", "b", 0),
        ("ab", "a", 1),
        ("", "a", 0),
        ("中a", "中b", 3),
    ],
)
def test_a_difference_is_counted_in_bytes(one: str, other: str, at: int | None) -> None:
    assert first_difference(one, other) == at
    assert first_difference(other, one) == at
