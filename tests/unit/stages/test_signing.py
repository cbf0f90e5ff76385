"""The gateway's own signature, as the vendor's backend demo checks it."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from unit.build import a_pass, an_api, outbound, serve

from apigateway.exchange import MockUpstream, Outbound, Permitted
from apigateway.model.app import Secret
from apigateway.model.policy import SignatureKey
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import content_md5
from apigateway.stages.signing import Signing, is_debug, sign_outbound

KEY = SignatureKey(id="1", name="k", region="r", key="DemoKey1", secret=Secret("DemoSecret1"))
SIGNED_KEY = "X-Ca-Proxy-Signature-Secret-Key"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def hmac_of(text: str) -> str:
    mac = hmac.new(b"DemoSecret1", text.encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


def signed(request: Outbound, *, debug: bool = False) -> dict[str, str]:
    return dict(sign_outbound(request, KEY, debug=debug).headers)


def test_key_list_and_signature_are_added_behind_the_other_fields() -> None:
    sent = sign_outbound(outbound(headers=(("X-A", "1"),)), KEY, debug=False)
    signature = hmac_of("GET\n\nx-ca-proxy-signature-secret-key:DemoKey1\n/v3/forecast")
    assert sent.headers == (
        ("X-A", "1"),
        (SIGNED_KEY, "DemoKey1"),
        ("X-Ca-Proxy-Signature-Headers", SIGNED_KEY),
        ("X-Ca-Proxy-Signature", signature),
        ("X-Ca-Signature", signature),
    )


def test_every_header_of_the_definition_is_signed_and_listed_as_it_is_sent() -> None:
    request = outbound(
        headers=(("Accept", "x"), ("x-b", "2"), ("X-A", "1")), defined=("x-b", "X-A")
    )
    fields = signed(request)
    assert fields["X-Ca-Proxy-Signature-Headers"] == f"X-A,{SIGNED_KEY},x-b"
    text = "GET\n\nx-a:1\nx-ca-proxy-signature-secret-key:DemoKey1\nx-b:2\n/v3/forecast"
    assert fields["X-Ca-Proxy-Signature"] == hmac_of(text)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_md5_of_a_document_is_signed_and_sent(method: str) -> None:
    fields = signed(outbound(method=method, body=b"{}"))
    assert fields["Content-MD5"] == content_md5(b"{}")
    text = f"{method}\n{content_md5(b'{}')}\nx-ca-proxy-signature-secret-key:DemoKey1\n/v3/forecast"
    assert fields["X-Ca-Proxy-Signature"] == hmac_of(text)


@pytest.mark.parametrize(
    ("method", "body", "pairs"),
    [
        ("PATCH", b"{}", ()),
        ("DELETE", b"{}", ()),
        ("GET", b"{}", ()),
        ("POST", b"", ()),
        ("POST", b"a=1", (("a", "1"),)),
        ("PUT", b"a=1", (("a", "1"),)),
    ],
)
def test_there_is_no_md5_of_a_form_of_no_body_and_of_other_methods(
    method: str, body: bytes, pairs: Any
) -> None:
    request = outbound(method=method, body=body, form_pairs=pairs, headers=(FORM,) if pairs else ())
    assert "Content-MD5" not in signed(request)


def test_there_is_no_md5_of_a_form_whose_fields_have_no_names() -> None:
    request = outbound(method="POST", body=b"=x", headers=(FORM,))
    assert "Content-MD5" not in signed(request)


def test_fields_under_a_content_type_that_is_no_forms_are_signed_as_the_backend_reads_them() -> (
    None
):
    """A definition may set Content-Type itself; the backend then sees a document."""
    request = outbound(
        method="POST",
        body=b"a=1",
        form_pairs=(("a", "1"),),
        headers=(("Content-Type", "text/plain"),),
    )
    md5 = content_md5(b"a=1")
    fields = signed(request)
    assert fields["Content-MD5"] == md5
    text = f"POST\n{md5}\nx-ca-proxy-signature-secret-key:DemoKey1\n/v3/forecast"
    assert fields["X-Ca-Proxy-Signature"] == hmac_of(text)


def test_query_and_form_are_signed_decoded_and_together() -> None:
    request = outbound(
        method="POST",
        headers=(FORM,),
        query="q=a%20b",
        query_pairs=(("q", "a b"),),
        body=b"f=%26",
        form_pairs=(("f", "&"), ("q", "late")),
    )
    text = "POST\n\nx-ca-proxy-signature-secret-key:DemoKey1\n/v3/forecast?f=&&q=a b"
    assert signed(request)["X-Ca-Proxy-Signature"] == hmac_of(text)


def test_debug_shows_the_string_on_one_line_and_does_not_sign_it() -> None:
    plain = signed(outbound())
    shown = signed(outbound(), debug=True)
    assert shown.pop("X-Ca-Proxy-Signature-String-To-Sign") == (
        "GET||x-ca-proxy-signature-secret-key:DemoKey1|/v3/forecast"
    )
    assert shown == plain


def test_a_line_break_in_a_parameter_cannot_become_a_header() -> None:
    request = outbound(query_pairs=(("a", "1\r\nX-Evil: 1\x00"),))
    shown = signed(request, debug=True)["X-Ca-Proxy-Signature-String-To-Sign"]
    assert not any(ord(c) < 32 or ord(c) == 127 for c in shown)


@pytest.mark.parametrize(("value", "debug"), [("debug", True), (" DEBUG ", True), ("x", False)])
def test_debug_is_asked_for_in_any_case(value: str, debug: bool) -> None:
    assert is_debug(Headers([("x-ca-request-mode", value)])) is debug
    assert is_debug(Headers([])) is False


def sign_call(**changes: Any) -> Outbound:
    bound = changes.pop("bound", {})
    served = serve(an_api(), **bound)
    return Signing()(a_pass(Permitted, served, **changes)).dispatched


def test_without_a_key_the_request_goes_as_it_is() -> None:
    request = outbound(headers=(("X-A", "1"),))
    assert sign_call(outbound=request) is request


def test_with_a_key_the_request_is_signed() -> None:
    sent = sign_call(bound={"signature_key": KEY})
    assert dict(sent.headers)["X-Ca-Proxy-Signature"]


def test_debug_mode_of_the_caller_shows_the_string_to_the_backend() -> None:
    name = "X-Ca-Proxy-Signature-String-To-Sign"
    debug = sign_call(bound={"signature_key": KEY}, headers=[("X-Ca-Request-Mode", "Debug")])
    assert name in dict(debug.headers)
    assert name not in dict(sign_call(bound={"signature_key": KEY}).headers)


def test_a_mock_is_not_signed() -> None:
    mock = MockUpstream(status=200, headers=(), body=b"")
    assert sign_call(bound={"signature_key": KEY}, upstream=mock).headers == ()


def test_a_header_that_the_definition_names_and_that_is_not_sent_does_not_crash() -> None:
    """A listed header that is missing is skipped (the vendor's backend demo)."""
    request = outbound(headers=(("X-A", "1"),), defined=("X-A", "Content-Type"))
    text = "GET\n\nx-a:1\nx-ca-proxy-signature-secret-key:DemoKey1\n/v3/forecast"
    assert signed(request)["X-Ca-Proxy-Signature"] == hmac_of(text)
