"""The backend's request as it is shown: to the byte, but for secrets and for what is too long."""

from typing import Any

import pytest
from unit.build import SECRET, an_api, parameter, serve, signed_fields
from unit.trail.walked import trail

from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Body,
    BodyFormat,
    Constant,
    Location,
    Mode,
)
from apigateway.model.app import Secret
from apigateway.model.catalog import ServedApi
from apigateway.model.policy import SignatureKey
from apigateway.trail.masking import MOST_ENTRIES

BACKEND_KEY = SignatureKey(
    id="1", name="backend", region="r", key="backend-key", secret=Secret("a-backend-secret")
)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


def sent(served: ServedApi | None = None, **changes: Any) -> dict[str, Any]:
    found = trail(served, **changes)["backend_request"]
    assert found is not None
    request: dict[str, Any] = found
    return request


def fields(request: dict[str, Any]) -> dict[str, str]:
    found = {name: value for name, value in request["headers"]}
    assert len(found) == len(request["headers"])
    return found


def passing(mode: Mode = Mode.PASSTHROUGH, **api: Any) -> ServedApi:
    return serve(an_api(method="ANY", request={"mode": mode}, **api))


def test_the_whole_request_is_shown() -> None:
    constant = Constant(name="X-Source", location=Location.HEADER, value="gateway")
    served = serve(
        an_api(request={"parameters": (parameter("q"),)}, constants=(constant,)),
        signature_key=BACKEND_KEY,
    )
    found = sent(served, query="q=a+b", headers=[("Accept", "*/*"), ("X-Other", "1")])
    headers = found["headers"]
    signature = headers[-1][1]
    assert len(signature) == 5 and signature.endswith("…")
    assert found == {
        "method": "GET",
        "url": "http://backend.test:9000/v3/forecast?q=a%20b",
        "address": "127.0.0.1:9000",
        "headers": [
            ["Host", "backend.test:9000"],
            ["Accept", "*/*"],
            ["X-Source", "gateway"],
            ["X-Ca-Request-Id", "3F0B6A1C-0000-4000-8000-00000000CAFE"],
            ["X-Forwarded-For", "192.0.2.7"],
            ["X-Ca-Proxy-Signature-Secret-Key", "backend-key"],
            ["X-Ca-Proxy-Signature-Headers", "X-Ca-Proxy-Signature-Secret-Key,X-Source"],
            ["X-Ca-Proxy-Signature", signature],
            ["X-Ca-Signature", signature],
        ],
        "body": "",
        "body_encoding": "text",
        "truncated": False,
        "body_bytes": 0,
    }


def test_a_body_is_shown_with_its_length() -> None:
    found = sent(passing(), method="POST", headers=[JSON], body=b'{"a":1,"pwd":"x"}')
    assert (found["body"], found["body_bytes"]) == ('{"a":1,"pwd":"…"}', 17)
    assert fields(found)["Content-Length"] == "17"
    assert fields(sent(passing(), method="PUT"))["Content-Length"] == "0"
    assert "Content-Length" not in fields(sent(passing(), method="DELETE"))


def test_what_callers_send_under_names_of_secrets_is_masked() -> None:
    headers = [
        ("Authorization", "Bearer 0123456789abcdef"),
        ("Cookie", "session=0123456789abcdef"),
        ("X-Api-Key", "x"),
        ("X-Filter", '{"pwd":"x","a":1}'),
        ("X-Plain", "x"),
    ]
    found = sent(passing(), headers=headers, query="password=x&a=1&Token=0123456789abcdef")
    assert found["url"] == "http://backend.test:9000/v3/forecast?password=…&a=1&Token=0123…"
    told = fields(found)
    assert told["Authorization"] == "Bearer 0123…"
    assert told["Cookie"] == "sess…"
    assert told["X-Api-Key"] == "…"
    assert told["X-Filter"] == '{"pwd":"…","a":1}'
    assert told["X-Plain"] == "x"


@pytest.mark.parametrize("location", [Location.QUERY, Location.HEADER, Location.BODY])
def test_a_secret_is_masked_under_whatever_name_it_is_sent(location: Location) -> None:
    move = BackendParameter(source="password", name="plain", location=location)
    served = serve(
        an_api(
            method="POST",
            request={"parameters": (parameter("password"),)},
            backend_parameters=(move,),
        )
    )
    found = sent(served, method="POST", query="password=hunter2")
    text = str(found)
    assert "hunter2" not in text
    assert "…" in text


def test_a_secret_in_the_path_is_masked_by_its_place() -> None:
    move = BackendParameter(source="password", name="x", location=Location.PATH)
    served = serve(
        an_api(
            backend_path="/b/[x]/end",
            request={"parameters": (parameter("password"),)},
            backend_parameters=(move,),
        )
    )
    found = sent(served, query="password=b")
    assert found["url"] == "http://backend.test:9000/b/…/end"


def test_a_system_parameter_is_shown_whatever_its_header_is_named() -> None:
    system = (BackendParameter(source="CaAppKey", name="X-App-Key", location=Location.HEADER),)
    served = serve(an_api(auth=Auth(type=AuthType.APP), system_parameters=system))
    assert fields(sent(served, headers=signed_fields()))["X-App-Key"] == "24681357"


def test_a_known_secret_is_taken_out_of_any_place() -> None:
    served = serve(
        an_api(method="ANY", auth=Auth(type=AuthType.APP), request={"mode": Mode.PASSTHROUGH}),
        signature_key=BACKEND_KEY,
    )
    query = f"q={SECRET}&r=a-backend-secret"
    headers = signed_fields(query=query, headers=[("X-Note", f"my {SECRET}!")])
    found = sent(served, query=query, headers=headers)
    assert found["url"].endswith("?q=…&r=a-ba…")
    assert fields(found)["X-Note"] == "my …!"


def test_a_form_that_the_definition_makes_is_masked_too() -> None:
    declared = (parameter("a", Location.BODY), parameter("pin_token", Location.BODY))
    served = serve(
        an_api(
            method="POST",
            request={"parameters": declared, "body": Body(format=BodyFormat.FORM)},
        )
    )
    found = sent(served, method="POST", headers=[FORM], body=b"pin_token=x&a=%41&b=2")
    assert found["body"] == "a=A&pin_token=…"


def test_what_is_long_is_cut_with_a_mark() -> None:
    many = [(f"X-H{number}", "x") for number in range(200)]
    found = sent(passing(), headers=[*many], query="q=" + "x" * 5_000)
    assert len(found["headers"]) == MOST_ENTRIES + 2
    assert found["headers"][-1][0] == "…"
    assert found["headers"][-1][1].endswith(" more)")
    assert found["url"].endswith("x… (1 more)")
    found = sent(passing(), headers=[("X-Long", "x" * 2_000), ("X-" + "n" * 3_000, "y")])
    assert found["headers"][1] == ["X-Long", "x" * 1_000 + "… (1000 more)"]
    assert found["headers"][2][0].endswith("… (2002 more)")


def test_the_string_of_debug_mode_holds_no_secret() -> None:
    declared = (
        parameter("password"),
        parameter("q"),
        parameter("X-Token", Location.HEADER),
        parameter("pwd", Location.BODY),
    )
    served = serve(
        an_api(
            method="POST",
            path="/f/[apiKey]",
            backend_path="/b/[apiKey]",
            request={"parameters": (*declared, parameter("apiKey", Location.PATH))},
        ),
        signature_key=BACKEND_KEY,
    )
    found = sent(
        served,
        method="POST",
        path="/f/path-secret",
        query="password=a%26b%7Cc&q=1",
        headers=[FORM, ("X-Token", "header-secret"), ("X-Ca-Request-Mode", "debug")],
        body=b"pwd=form-secret",
    )
    text = fields(found)["X-Ca-Proxy-Signature-String-To-Sign"]
    assert text == (
        "POST||x-ca-proxy-signature-secret-key:backend-key|x-token:…|/b/…?password=…&pwd=…&q=1"
    )


def test_the_string_of_debug_mode_has_the_hash_of_a_document() -> None:
    served = serve(
        an_api(method="POST", request={"mode": Mode.PASSTHROUGH}), signature_key=BACKEND_KEY
    )
    debug = ("X-Ca-Request-Mode", "debug")
    found = sent(served, method="POST", headers=[JSON, debug], body=b"{}")
    text = fields(found)["X-Ca-Proxy-Signature-String-To-Sign"]
    assert text.startswith("POST|mZFLkyvTelC5g8XnyQrpOw==|x-ca-proxy")
