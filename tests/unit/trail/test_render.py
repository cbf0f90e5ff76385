"""A trail as people read it."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.build import APP, KEY, NOW_MS, an_api, parameter, serve, signed_fields
from unit.trail.walked import an_answer, walked

from apigateway.model.api import Auth, AuthType, MockBackend, Mode
from apigateway.model.settings import ErrorStyle
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest
from apigateway.trail.difference import columns
from apigateway.trail.render import WIDTH, render, verdict_line, wrapped
from apigateway.trail.strings import signature_of
from apigateway.trail.trail import trail_of

FOR_APPS = Auth(type=AuthType.APP)


def trail(served: Any = None, **changes: Any) -> dict[str, Any]:
    """With times that are known."""
    changes.setdefault("answered", an_answer())
    found = trail_of(walked(served, **changes), ErrorStyle.CODED)
    found["total_ms"] = 13.5
    for stage in found["stages"]:
        if stage["ms"] is not None and stage["stage"] != "Dispatch":
            stage["ms"] = 0.25
    return found


def read(lines: Iterable[str]) -> str:
    found = list(lines)
    assert all(columns(line) <= WIDTH for line in found), max(found, key=columns)
    assert all(line.isprintable() for line in found)
    return "\n".join(found)


def test_a_served_call_reads_from_the_verdict_to_the_backends_request() -> None:
    request = {"parameters": (parameter("days"),)}
    served = serve(an_api(method="POST", request=request))
    headers = [("Accept", "*/*")]
    text = read(render(trail(served, method="POST", query="days=3", headers=headers)))
    assert (
        text
        == """served GetForecast: 200
request 3F0B6A1C-0000-4000-8000-00000000CAFE of 2023-11-14 22:13:20.000 UTC, 13.50 ms in all

✓ Routing            0.25 ms  api.example.test is a domain (independent) of group weather; RELEASE
                                by default
                              POST /forecast is GetForecast (POST /forecast), version
                                20231114221320000
✓ Access             0.25 ms  http from 192.0.2.7; IP control: none
                              URL 15, head 13, body 0 bytes
✓ Authentication     0.25 ms  anonymous
✓ Authorization      0.25 ms  anonymous API
✓ Throttling         0.25 ms
✓ Validation         0.25 ms  days (String in query) = 3
✓ Mapping            0.25 ms  mode mapping
                              days (query) -> days (query)
✓ Resolution         0.25 ms  http://backend.test:9000; at most 10 s
✓ VpcAllowList       0.25 ms  backend.test:9000 is 127.0.0.1
                              allowed: any network
✓ Signing            0.25 ms  no key is bound
✓ Dispatch          12.50 ms  127.0.0.1:9000 answers 200 with 5 bytes

the request that http://backend.test:9000 gets, at 127.0.0.1:9000
  POST /v3/forecast?days=3 HTTP/1.1
  Host: backend.test:9000
  Accept: */*
  X-Ca-Request-Id: 3F0B6A1C-0000-4000-8000-00000000CAFE
  X-Forwarded-For: 192.0.2.7
  Content-Length: 0"""
    )


def test_a_refused_call_reads_with_the_reason_at_its_stage() -> None:
    request = {"parameters": (parameter("days", pattern="[0-9]"),)}
    text = read(render(trail(serve(an_api(request=request)), query="days=x")))
    assert text.startswith(
        "refused by Validation: 400 I400IP Invalid parameter days does not match [0-9]\n"
    )
    assert text.endswith("""
✗ Validation         0.25 ms  I400IP Invalid parameter days does not match [0-9]
                              days (String in query) does not match [0-9]
                              given: x
                              detail: in query
· Mapping                     not reached
· Resolution                  not reached
· VpcAllowList                not reached
· Signing                     not reached
· Dispatch                    not reached""")


def test_the_verdict_says_how_a_call_ended() -> None:
    assert verdict_line(trail()) == "served GetForecast: 200"
    assert verdict_line(trail(serve(an_api(backend=MockBackend())))) == "served GetForecast: 200"
    fields = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    assert verdict_line(trail(method="OPTIONS", headers=fields)) == "served preflight: 200"
    assert verdict_line(trail(host="x")) == "refused by Routing: 404 I404DO Invalid Domain `x`"
    unsent = trail(answered=None)
    assert verdict_line(unsent) == "every stage lets it pass; it was not sent"
    assert "· Dispatch                    not reached\n" in read(render(unsent))
    assert "127.0.0.1:9000, at most 10 s" in read(render(unsent))


def test_a_trail_that_was_saved_reads_the_same() -> None:
    found = trail()
    assert render(json.loads(json.dumps(found))) == render(found)


# --- bodies


def passing(**changes: Any) -> str:
    served = serve(an_api(method="POST", request={"mode": Mode.PASSTHROUGH}))
    return read(render(trail(served, method="POST", **changes)))


def test_a_body_reads_behind_a_blank_line() -> None:
    text = passing(body=b'{\n  "a": 1,\r\n\n  "pwd": "x"\n}')
    assert text.endswith('  Content-Length: 28\n\n  {\n    "a": 1,\n\n    "pwd": "…"\n  }')


def test_what_is_not_shown_of_a_body_is_said() -> None:
    assert passing(body=b"\xff\x00").endswith("\n\n  (2 bytes, in base64)\n  /wA=")
    assert passing(body=b"x" * 5_000).endswith("x\n  (cut: 5000 bytes in all)")
    headers = [("Content-Encoding", "gzip")]
    assert passing(body=b"x", headers=headers).endswith(
        "\n\n  (1 bytes of gzip, not shown: a secret could be in it)"
    )


def test_control_characters_of_callers_reach_no_terminal() -> None:
    text = passing(body=b"a\x1b[31mb\x07", query="q=\x1b")
    assert "\x1b" not in text
    assert "a\ufffd[31mb\ufffd" in text


# --- signatures


def refused_signature(query: str, signed_query: str) -> tuple[dict[str, Any], SignableRequest]:
    headers = signed_fields(query=signed_query)
    found = trail(serve(an_api(auth=FOR_APPS)), query=query, headers=headers)
    assert found["verdict"]["fault"] == "INVALID_SIGNATURE"
    return found, SignableRequest("GET", "/forecast", query, Headers(headers))


def test_a_refused_signature_reads_with_the_gateways_string() -> None:
    found, _ = refused_signature("q=1", "q=2")
    text = read(render(found))
    assert (
        f"""

the signature does not verify
  what the gateway signs, line by line:
    GET




    X-Ca-Key:{KEY}
    X-Ca-Nonce:a-nonce
    X-Ca-Signature-Method:HmacSHA256
    X-Ca-Timestamp:{NOW_MS}
    /forecast?q=1"""
        in text
    )


def test_a_refused_signature_that_was_explained_reads_with_both_strings() -> None:
    found, request = refused_signature("q=a+b", "q=c")
    found["signature"] = signature_of(request, APP, now_ms=NOW_MS)
    assert found["signature"]["client_string"] is None
    assert "because no usual mistake gives this signature" in read(render(found))
    found["signature"] = {
        "client_string": "GET\n\n\n\n\n/forecast?q=a b",
        "server_string": "GET\n*/*\n\n\n\n/forecast?q=a b",
        "first_difference": 4,
        "causes": ["the client signed no Accept, but Accept: */* arrived"],
        "notes": ["X-Ca-Key is missing"],
    }
    assert read(render(found)).endswith("""
the signature does not verify
  because the client signed no Accept, but Accept: */* arrived
  note: X-Ca-Key is missing
  the strings differ from byte 4 (line feeds as #):
    client   GET#####/forecast?q=a b
    gateway  GET#*/*####/forecast?q=a b
                 ^
  what the client signed, line by line:
    GET




    /forecast?q=a b
  what the gateway signs, line by line:
    GET
    */*



    /forecast?q=a b""")


@pytest.mark.parametrize("unit", ["a", "中"])
def test_strings_of_any_width_stay_within_the_lines(unit: str) -> None:
    found, _ = refused_signature("q=1", "q=2")
    found["signature"] = {
        "client_string": unit * 300,
        "server_string": unit * 200 + "!" + unit * 99,
        "first_difference": len((unit * 200).encode()),
        "causes": [unit * 500],
    }
    assert "^" in read(render(found))


# --- wrapping


def test_a_text_is_broken_at_blanks_and_else_within_a_word() -> None:
    assert wrapped("aaa bbb ccc", 7) == ["aaa bbb", "ccc"]
    assert wrapped("aaa bbb ccc", 8) == ["aaa bbb", "ccc"]
    assert wrapped("aaa bbb ccc", 7, "  ") == ["aaa bbb", "  ccc"]
    assert wrapped("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrapped("a bcdefghij", 6) == ["a bcde", "fghij"]
    assert wrapped("", 4) == [""]
    assert wrapped("中中中", 4) == ["中中", "中"]
    assert wrapped("a\tb\nc", 9) == ["a   b c"]


@given(text=st.text(max_size=300), width=st.integers(8, 100), indent=st.sampled_from(["", "  "]))
def test_no_line_is_too_wide_and_nothing_is_lost(text: str, width: int, indent: str) -> None:
    lines = wrapped(text, width, indent)
    assert all(columns(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith(indent) for line in lines[1:])
    kept = "".join("".join(lines).split())
    said = "".join("".join(wrapped(text, 10_000)).split())
    assert kept == said
