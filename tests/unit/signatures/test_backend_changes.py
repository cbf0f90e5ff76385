"""Every text that a part may have had when the gateway signed it."""

import pytest
from unit.signatures.requests import request

from apigateway.protocol.wire import Headers
from apigateway.signatures.backend_changes import (
    fronts,
    header_blocks,
    parameters,
    paths,
    some,
)
from apigateway.signatures.caller import SignableRequest, content_md5
from apigateway.signatures.caller_explain import Variant

FORM = ("Content-Type", "application/x-www-form-urlencoded")
LIST = "X-Ca-Proxy-Signature-Headers"


def causes(variants: list[Variant], text: str) -> list[str]:
    return [cause for cause, one in variants if one == text]


@pytest.mark.parametrize(
    "received",
    [
        request(),
        request(FORM, method="POST", query="a=1&a=2&%zz", body=b"a=3&b"),
        request((LIST, "X-A,X-B"), ("X-A", "1,2"), method="PUT", path="/a/b/", body=b"{}\n"),
    ],
)
def test_the_first_variant_is_what_was_received_and_no_text_stands_twice(
    received: SignableRequest,
) -> None:
    for variants in (
        fronts(received),
        header_blocks(received.headers),
        paths(received, ("/v3",)),
        parameters(received),
    ):
        assert variants[0][0] == ""
        assert all(cause for cause, _ in variants[1:])
        texts = [text for _, text in variants]
        assert len(set(texts)) == len(texts)


def test_another_method_takes_the_md5_of_its_own() -> None:
    found = fronts(request(method="PATCH", body=b"{}"))
    md5 = content_md5(b"{}")
    assert causes(found, f"PUT\n{md5}\n") == [
        "the method was changed: PUT was signed, PATCH was received"
    ]
    assert causes(found, "GET\n\n") == [
        "the method was changed: GET was signed, PATCH was received"
    ]


@pytest.mark.parametrize(
    ("received", "sent", "cause"),
    [
        (b"{}", b"{}\n", "a line feed at the end of the body was lost"),
        (b"{}\n", b"{}", "a line feed was added at the end of the body"),
        (b"a\nb", b"a\r\nb", "CR LF in the body became LF"),
        (b"a\r\nb", b"a\nb", "LF in the body became CR LF"),
        (b"b", b"a", "the body was changed: its MD5 is {md5}, but Content-MD5 says {sent_md5}"),
        (b"", b"a", "the body was lost: Content-MD5 says {sent_md5}"),
    ],
)
def test_a_changed_body_is_named_as_closely_as_can_be(
    received: bytes, sent: bytes, cause: str
) -> None:
    sent_md5 = content_md5(sent)
    found = fronts(request(("Content-MD5", sent_md5), method="POST", body=received))
    expected = cause.format(md5=content_md5(received), sent_md5=sent_md5)
    assert causes(found, f"POST\n{sent_md5}\n") == [expected]


def test_a_document_that_became_a_form_and_the_reverse() -> None:
    found = fronts(request(FORM, method="POST", body=b"a=1"))
    md5 = content_md5(b"a=1")
    assert causes(found, f"POST\n{md5}\n") == [
        "the gateway signed a document, but a form was received"
    ]
    found = fronts(request(method="POST", body=b"a=1"))
    assert "was a form" in causes(found, "POST\n\n")[0]
    form = parameters(request(("Content-Type", "text/plain"), method="POST", body=b"a=1"))
    assert causes(form, "?a=1") == [
        "the gateway signed a form, but Content-Type was received as 'text/plain'"
    ]


def test_headers_that_something_befell() -> None:
    headers = Headers(
        [
            (LIST, "X-A,X-B,X-C,X-D,X-{E}"),
            ("X_A", "1"),
            ("X-B", "2, proxy"),
            ("X-B", "3"),
            ("X-C", "中".encode().decode("latin-1")),
            ("{x", "no name"),
        ]
    )
    mojibake = headers.first("X-C")
    found = header_blocks(headers)
    rest = f"x-b:2, proxy\nx-c:{mojibake}\n"
    assert found[0] == ("", rest)
    assert causes(found, f"x-a:1\n{rest}") == ["X-A was received as X_A"]
    assert causes(found, f"{rest}x-d:\n") == ["X-D was sent empty and was not received"]
    assert causes(found, f"x-a:\n{rest}x-d:\nx-{{e}}:\n") == [
        "X-A, X-D, X-{E} was sent empty and was not received"
    ]
    assert causes(found, f"x-b:3\nx-c:{mojibake}\n") == [
        "X-B was received more than once; the last was signed"
    ]
    assert causes(found, f"x-b:2\nx-c:{mojibake}\n") == [
        "something was put behind the value of X-B"
    ]
    assert causes(found, f"x-b:proxy\nx-c:{mojibake}\n") == [
        "something was put before the value of X-B"
    ]
    assert causes(found, "x-b:2, proxy\nx-c:中\n") == ["X-C was read as ISO-8859-1, not as UTF-8"]


def test_paths_that_a_proxy_changed() -> None:
    sent = "/v3/a%2Fb%20c/%E4%B8%AD"
    for received, cause in (
        ("/v3/a%2Fb c/中", "the path was partly decoded on its way"),
        ("/v3/a%2fb%20c/%e4%b8%ad", "the path was encoded otherwise on its way"),
        (sent + "/", "a slash was added at the end of the path"),
        ("/api/x" + sent, "a proxy put /api/x before the path"),
        ("/" + sent, "a proxy put / before the path"),
        ("/a%2Fb%20c/%E4%B8%AD", "a proxy took /v3 from the front of the path"),
    ):
        found = paths(request(path=received), ("/v3",))
        assert causes(found, sent) == [cause]
    assert causes(paths(request(path="/a b"), ()), "/a%20b") == ["the path was decoded on its way"]
    assert causes(paths(request(path="/a%20b"), ()), "/a b") == [
        "the path was encoded again on its way"
    ]
    assert causes(paths(request(path="/a"), ()), "/a/") == [
        "a slash was taken from the end of the path"
    ]


@pytest.mark.parametrize(
    ("field", "cause"),
    [
        (("X-Original-URI", "/v3/a?q=1"), "a proxy rewrote the path: X-Original-URI says /v3/a"),
        (
            ("X-Original-URL", "http://h.test/v3/a"),
            "a proxy rewrote the path: X-Original-URL says /v3/a",
        ),
        (("X-Forwarded-Prefix", "/v3/"), "a proxy took /v3 from the front of the path"),
    ],
)
def test_a_path_that_a_proxy_kept_in_a_header(field: tuple[str, str], cause: str) -> None:
    assert causes(paths(request(field, path="/a"), ()), "/v3/a") == [cause]


@pytest.mark.parametrize(
    ("query", "sent", "cause"),
    [
        ("q=a+b", "?q=a+b", "%2B in the query became + on its way"),
        ("q=%20", "?q=%20", "the query was decoded on its way"),
        ("q=%2520", "?q= ", "the query was encoded again on its way"),
        ("q=1&q=2", "?q=2", "the values of a repeated name came in another order"),
        ("q=1", "", "the query was added on its way"),
        ("q=1&r=2", "?r=2", "the parameter q was added"),
    ],
)
def test_queries_that_were_changed(query: str, sent: str, cause: str) -> None:
    assert causes(parameters(request(query=query)), sent) == [cause]


def test_forms_that_were_changed() -> None:
    gbk = ("Content-Type", f"{FORM[1]}; charset=gbk")
    found = parameters(request(gbk, method="POST", body="a=中".encode()))
    assert causes(found, "?a=中") == [
        "the gateway read the form as utf-8, not as Content-Type says"
    ]
    found = parameters(request(FORM, method="POST", query="q=1", body=b"a=1"))
    assert causes(found, "?q=1") == [
        "the gateway signed no fields of a form: what it sent was none"
    ]


def test_a_path_or_a_form_of_thousands_is_not_tried_in_every_place() -> None:
    many = request(path="/a" * 5000, query="&".join(f"q{n}=1" for n in range(5000)))
    assert len(paths(many, ())) < 100
    assert len(parameters(many)) < 100


def test_a_cause_names_a_few() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdef")) == "a, b, c, d and 2 more"
