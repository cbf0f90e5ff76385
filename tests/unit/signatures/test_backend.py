"""The string of the gateway's signature, on both sides of it."""

import pytest
from unit.signatures.requests import request

from apigateway.protocol.wire import Headers
from apigateway.signatures.backend import (
    backend_string_to_sign,
    document_md5,
    listed_names,
    one_line,
    received_fields,
    received_form,
    received_signature,
    received_string,
)
from apigateway.signatures.caller import content_md5

FORM = "application/x-www-form-urlencoded"
LIST = "X-Ca-Proxy-Signature-Headers"


def test_the_string_is_method_md5_headers_and_resource() -> None:
    text = backend_string_to_sign(
        "get", "md5", (("b", "2"), ("A", "1")), "/p", (("z", "1"), ("k", ""), ("z", "2"))
    )
    assert text == "GET\nmd5\na:1\nb:2\n/p?k=&z=1"


def test_a_resource_without_parameters_has_no_question_mark() -> None:
    assert backend_string_to_sign("GET", "", (), "/p", ()) == "GET\n\n/p"


def test_names_are_sorted_as_spelled_and_then_lower_cased() -> None:
    text = backend_string_to_sign("GET", "", (("a", "1"), ("B", "2")), "/p", ())
    assert text == "GET\n\nb:2\na:1\n/p"


def test_parameters_are_sorted_as_java_does_it() -> None:
    pairs = (("ａ", "1"), ("😀", "2"), ("\udcff", "3"), ("z", "4"))
    text = backend_string_to_sign("GET", "", (), "/", pairs)
    assert text == "GET\n\n/?z=4&😀=2&\udcff=3&ａ=1"


@pytest.mark.parametrize(
    ("method", "body", "content_type", "has_md5"),
    [
        ("POST", b"{}", "application/json", True),
        ("put", b"{}", "", True),
        ("PATCH", b"{}", "", False),
        ("DELETE", b"{}", "", False),
        ("GET", b"{}", "", False),
        ("POST", b"", "", False),
        ("POST", b"a=1", f"{FORM}; charset=utf-8", False),
    ],
)
def test_the_md5_is_that_of_a_document_of_post_and_put(
    method: str, body: bytes, content_type: str, has_md5: bool
) -> None:
    assert document_md5(method, body, content_type) == (content_md5(body) if has_md5 else "")


def test_the_line_of_debug_mode_holds_no_control_character() -> None:
    assert one_line("GET\n\na:x\r\x7f\t|\n/中") == "GET||a:x???||/中"


# --- as received


def test_the_signature_is_read_under_both_names_and_without_blanks() -> None:
    both = [("x-ca-signature", "a"), ("x-ca-proxy-signature", " b ")]
    assert received_signature(Headers(both)) == "b"
    assert received_signature(Headers(both[:1])) == "a"
    assert received_signature(Headers([])) == ""


def test_listed_names_are_trimmed_and_stand_once_in_the_order_of_their_spelling() -> None:
    assert listed_names(Headers([(LIST, "b, X-A ,,b,a")])) == ["X-A", "a", "b"]
    assert listed_names(Headers([])) == []


def test_listed_headers_are_found_in_any_case_and_skipped_when_missing() -> None:
    headers = Headers([(LIST, "X-A,X-B,X-C"), ("x-b", "2"), ("x-b", "3"), ("X-A", "")])
    assert received_fields(headers) == (("X-A", ""), ("X-B", "2"))


def test_a_form_is_read_in_its_charset_and_not_at_all_in_an_unknown_one() -> None:
    body = "名=值".encode("gbk")
    for charset, found in (("gbk", (("名", "值"),)), ("utf-8", ()), ("klingon", ())):
        form = request(("Content-Type", f"{FORM};charset={charset}"), body=body)
        assert received_form(form) == found
    assert received_form(request(body=b"a=1")) == ()


def test_the_string_of_a_received_request() -> None:
    headers = [(LIST, "X-B,x-a,gone"), ("X-A", "1"), ("x-b", "2"), ("Content-Type", FORM)]
    received = request(
        *headers, method="POST", path="/a%20b", query="q=%E4%B8%AD&f=&q=2", body=b"f=late&g=+"
    )
    assert received_string(received) == "POST\n\nx-b:2\nx-a:1\n/a%20b?f=&g= &q=中"
    document = request(method="PUT", body=b"{}")
    assert received_string(document) == f"PUT\n{content_md5(b'{}')}\n/a"
