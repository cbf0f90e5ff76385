"""Strings to sign without secrets, and why a signature did not verify."""

from typing import Any

import pytest
from unit.build import APP, KEY, NOW_MS, SECRET, an_api, parameter, serve, signed_fields
from unit.trail.walked import trail

from apigateway.model.api import Auth, AuthType, Location, SignatureMethod
from apigateway.model.catalog import ServedApi
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, candidates, sign, string_to_sign
from apigateway.trail.strings import LONGEST_STRING, masked_string, signature_of

FORM = ("Content-Type", "application/x-www-form-urlencoded")
FOR_APPS = serve(an_api(method="ANY", auth=Auth(type=AuthType.APP)))


def a_request(
    path: str = "/forecast",
    query: str = "",
    headers: Any = (),
    body: bytes = b"",
    method: str = "GET",
) -> SignableRequest:
    return SignableRequest(method, path, query, Headers(headers), body)


def shown(request: SignableRequest, served: ServedApi | None = None) -> str:
    return masked_string(string_to_sign(request), request, served)


def signed(request: SignableRequest, text: str, secret: str = SECRET) -> SignableRequest:
    """The request with the signature of another text."""
    fields = [*request.headers.fields, ("X-Ca-Key", KEY), ("X-Ca-Signature", sign(secret, text))]
    return SignableRequest(
        request.method, request.path, request.query, Headers(fields), request.body
    )


# --- without secrets


def test_a_string_without_secrets_stays_as_it_is() -> None:
    request = a_request(query="b=2&a=1", headers=[("Accept", "*/*"), ("Date", "x")])
    assert shown(request) == string_to_sign(request) == "GET\n*/*\n\n\nx\n/forecast?a=1&b=2"


def test_fields_parameters_and_segments_that_are_secrets_are_masked() -> None:
    served = serve(
        an_api(
            path="/f/[who]/[password]/end",
            backend_path="/[password]/[who]",
            request={
                "parameters": (
                    parameter("who", Location.PATH),
                    parameter("password", Location.PATH),
                    parameter("h"),
                )
            },
            backend_parameters=(),
        )
    )
    headers = [
        ("X-Token", "0123456789abcdef"),
        ("X-Plain", "a:b"),
        ("X-Ca-Signature-Headers", "X-Token,X-Plain"),
        FORM,
    ]
    request = a_request(
        "/f/me/p%C3%A4ss/end", "apiKey=x%26y&z=1", headers, b"pwd=a%26b&q=%7B%22pwd%22:%22x%22%7D"
    )
    assert shown(request, served) == (
        "GET\n\n\napplication/x-www-form-urlencoded\n\nX-Plain:a:b\nX-Token:0123…\n"
        '/f/me/…/end?apiKey=…&pwd=…&q={"pwd":"…"}&z=1'
    )
    assert "p%C3%A4ss" not in masked_string(list(candidates(request))[1], request, served)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("value", ["a%26b", "a+b%2Bc", "%C3%A4%0A%26x", "x;y", "a%3Db=c", "1"])
def test_no_form_of_the_string_holds_a_value_that_is_a_secret(value: str, number: int) -> None:
    request = a_request(
        "/a%20b", f"token={value}&a=", [FORM], f"secret={value}&%70wd={value}".encode()
    )
    texts = list(candidates(request))
    text = masked_string(texts[number % len(texts)], request, None)
    parameters = text.partition("?")[2].replace("a=&", "a&")
    assert parameters == "a&pwd=…&secret=…&token=…"


def test_repeated_and_many_secrets_are_masked_all() -> None:
    request = a_request(query="&".join(f"token{at}=value{at}" for at in range(300)))
    assert "value" not in shown(request)
    joined = "GET\n\n\n\n\n/forecast?token=a&b,c"
    assert masked_string(joined, a_request(query="token=a%26b&token=c"), None).endswith("?token=…")


def test_a_header_that_the_definition_hides_is_masked() -> None:
    auth = Auth(type=AuthType.APP)
    move = {"parameters": (parameter("X-Who", Location.HEADER), parameter("password"))}
    served = serve(an_api(auth=auth, request=move))
    listed = [("X-Who", "me"), ("password", "p"), ("X-Ca-Signature-Headers", "X-Who,password")]
    assert shown(a_request(headers=listed), served) == (
        "GET\n\n\n\n\nX-Who:me\npassword:…\n/forecast"
    )


def test_a_long_string_is_cut() -> None:
    request = a_request(query="a=" + "x" * 20_000)
    assert len(shown(request)) < LONGEST_STRING + 30
    assert shown(request).endswith(" more)")


# --- why


def test_the_clients_string_is_found_with_the_first_difference_and_the_cause() -> None:
    request = signed(
        a_request(query="a=1", headers=[("Accept", "*/*")]), "GET\n\n\n\n\n/forecast?a=1"
    )
    found = signature_of(request, APP, served=FOR_APPS, now_ms=NOW_MS)
    assert found == {
        "client_string": "GET\n\n\n\n\n/forecast?a=1",
        "server_string": "GET\n*/*\n\n\n\n/forecast?a=1",
        "first_difference": 4,
        "causes": [
            "the client signed no Accept, but Accept: */* arrived "
            "(the HTTP client added it after signing: set Accept yourself)"
        ],
        "notes": [],
    }


def test_no_secret_is_in_what_is_found() -> None:
    query = "password=hunter2&q=1"
    request = signed(a_request(query=query), f"GET\n\n\n\n\n/forecast?{query}x")
    found = signature_of(request, APP, now_ms=NOW_MS)
    assert (found["client_string"], found["first_difference"]) == (None, None)
    assert found["server_string"] == "GET\n\n\n\n\n/forecast?password=…&q=1"
    assert found["causes"][0].startswith("no usual mistake gives this signature")


def test_a_difference_in_what_is_not_shown_is_said() -> None:
    query = "token=a%20b"
    request = signed(a_request(query=query), f"GET\n\n\n\n\n/forecast?{query}")
    found = signature_of(request, APP)
    assert found["client_string"] == found["server_string"]
    assert found["first_difference"] is None
    assert found["causes"] == [
        "the client signed the query as it is encoded on the wire, not decoded",
        "the strings differ in what is not shown of them",
    ]


def test_the_difference_is_counted_in_the_strings_as_shown() -> None:
    query = "a_token=0123456789abcdef0123456789&q=%20"
    request = signed(a_request(query=query), f"GET\n\n\n\n\n/forecast?{query}")
    found = signature_of(request, APP)
    at = found["first_difference"]
    client, server = (found[name].encode() for name in ("client_string", "server_string"))
    assert client[:at] == server[:at] == "GET\n\n\n\n\n/forecast?a_token=0123…&q=".encode()
    assert client[at:] == b"%20"


def test_the_apps_own_secret_and_code_are_taken_out_of_everything() -> None:
    assert APP.code is not None
    request = signed(a_request(query=f"x={SECRET}&y={APP.code.reveal()}"), "nothing")
    found = signature_of(request, APP)
    assert found["server_string"].endswith("?x=…&y=…")


# --- in the trail of a refused signature


def test_a_trail_holds_the_gateways_string_alone() -> None:
    headers = signed_fields(query="password=x", secret="another")
    found = trail(FOR_APPS, query="password=x", headers=headers)
    string = (
        f"GET\n\n\n\n\nX-Ca-Key:{KEY}\nX-Ca-Nonce:a-nonce\n"
        f"X-Ca-Signature-Method:HmacSHA256\nX-Ca-Timestamp:{NOW_MS}\n/forecast?password=…"
    )
    assert found["signature"] == {
        "client_string": None,
        "server_string": string,
        "first_difference": None,
        "causes": [],
    }
    one_line = string.replace("\n", "#")
    assert found["verdict"]["message"] == (f"Invalid Signature, Server StringToSign:`{one_line}`")
    assert trail(FOR_APPS, headers=signed_fields())["signature"] is None
    assert SignatureMethod.HMAC_SHA256.value in found["verdict"]["detail"]
