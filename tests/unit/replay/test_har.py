"""HAR files as calls with their times and answers."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.build import REQUEST_ID
from unit.captures.captured import echo

from apigateway.captures.sent import CaptureError
from apigateway.errors import Fault
from apigateway.exchange import Answer
from apigateway.proxy.flows import HAR_FIELD
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.har import read_har

CHROME: dict[str, Any] = {
    "startedDateTime": "2023-11-14T22:13:20.000Z",
    "time": 30.5,
    "request": {
        "method": "POST",
        "url": "https://h.test/a?b=%E4",
        "httpVersion": "http/2.0",
        "headers": [
            {"name": ":authority", "value": "h.test"},
            {"name": "content-type", "value": "application/json"},
        ],
        "postData": {"mimeType": "application/json", "text": '{"a": "中"}'},
    },
    "response": {
        "status": 200,
        "statusText": "",
        "httpVersion": "http/2.0",
        "headers": [
            {"name": "x-ca-request-id", "value": REQUEST_ID},
            {"name": "content-encoding", "value": "gzip"},
            {"name": "content-length", "value": "7"},
        ],
        "content": {"size": 9, "mimeType": "application/json", "text": '{"b": "中"}'},
    },
    "timings": {"blocked": 1, "dns": -1, "connect": 4, "send": 0.5, "wait": 20, "receive": 5},
}


def har(*entries: dict[str, Any], creator: str = "WebInspector") -> bytes:
    log = {"version": "1.2", "creator": {"name": creator}, "entries": list(entries)}
    return json.dumps({"log": log}).encode()


def changed(place: str, **changes: Any) -> dict[str, Any]:
    return {**CHROME, place: {**CHROME[place], **changes}}


def read(entry: dict[str, Any], creator: str = "WebInspector") -> CapturedCall:
    (call,) = read_har(har(entry, creator=creator))
    return call


def answer_of(entry: dict[str, Any]) -> Answer:
    answer = read(entry).answer
    assert answer is not None
    return answer


def request_of(*, creator: str = "WebInspector", **changes: Any) -> CallerRequest:
    return read(changed("request", **changes), creator).request


def fields(**values: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]


def test_an_entry_of_a_browser_is_a_call() -> None:
    call = read(CHROME)
    assert (call.request.method, call.request.target) == ("POST", "/a?b=%E4")
    assert (call.request.http_version, call.request.authority) == ("HTTP/2.0", "h.test")
    assert (call.request.scheme, call.request.sni, call.request.peer) == ("https", "h.test", "")
    assert call.request.headers.fields == (("content-type", "application/json"),)
    assert call.request.body == '{"a": "中"}'.encode()
    assert (call.request_id, call.trail, call.edge, call.lacks) == (REQUEST_ID, None, None, "")


def test_the_trail_that_a_gateway_kept_is_read() -> None:
    trail = {"verdict": {"served": True}}
    assert read({**CHROME, HAR_FIELD: trail}).trail == trail
    assert read({**CHROME, HAR_FIELD: "none"}).trail is None
    assert read(CHROME).trail is None


def test_the_time_is_when_the_request_was_sent() -> None:
    assert read(CHROME).received_ms == 1_700_000_000_005
    assert read({**CHROME, "timings": {}}).received_ms == 1_700_000_000_000
    for text in ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20"):
        assert read({**CHROME, "startedDateTime": text, "timings": {}}).received_ms == (
            1_700_000_000_000
        )
    assert read({**CHROME, "startedDateTime": ""}).received_ms is None


def test_a_body_is_unpacked_so_that_its_encoding_says_nothing_any_more() -> None:
    answer = answer_of(CHROME)
    assert (answer.status, answer.reason, answer.elapsed_ms) == (200, "", 25)
    assert answer.body == '{"b": "中"}'.encode()
    assert [name for name, _ in answer.headers] == ["x-ca-request-id", "content-length"]


@pytest.mark.parametrize(
    ("version", "read_as"),
    [
        ("http/2.0", "HTTP/2.0"),
        ("HTTP/2", "HTTP/2.0"),
        ("h2", "HTTP/2.0"),
        ("h3", "HTTP/3"),
        ("http/1.1", "HTTP/1.1"),
        ("HTTP/1.0", "HTTP/1.0"),
        ("", "HTTP/1.1"),
        ("unknown", "HTTP/1.1"),
    ],
)
def test_a_version_is_read_in_every_spelling(version: str, read_as: str) -> None:
    assert request_of(httpVersion=version).http_version == read_as


def test_an_older_version_has_a_host_of_the_url_but_in_a_har_of_mitmproxy() -> None:
    assert request_of(httpVersion="HTTP/1.1").headers.first("Host") == "h.test"
    assert request_of(httpVersion="HTTP/1.1", creator="mitmproxy").headers.first("Host") is None


@pytest.mark.parametrize(
    ("length", "body"), [("4", b"\xc3\xa4\xc3\xb6"), ("2", b"\xe4\xf6"), ("9", b"\xc3\xa4\xc3\xb6")]
)
def test_text_becomes_as_many_bytes_as_were_sent(length: str, body: bytes) -> None:
    posted = {"mimeType": "text/plain", "text": "äö"}
    assert request_of(headers=fields(Content_Length=length), postData=posted).body == body
    entry = changed("response", headers=fields(Content_Length=length), content={"text": "äö"})
    assert answer_of(entry).body == body


def test_text_that_is_no_latin_stays_utf8() -> None:
    entry = changed("response", headers=fields(Content_Length="1"), content={"text": "中"})
    assert answer_of(entry).body == "中".encode()


def test_a_body_in_base64_is_decoded() -> None:
    content = {"text": base64.b64encode(b"\xff\0").decode(), "encoding": "base64"}
    assert answer_of(changed("response", content=content)).body == b"\xff\0"


def test_a_body_that_is_not_there_is_missed() -> None:
    entry = changed("request", headers=fields(Content_Length="5"), postData=None)
    assert read(entry).lacks == "its body of 5 bytes is not in the HAR"
    entry = changed("request", headers=fields(Content_Length="5"))
    assert read(entry).lacks == "its body is 5 bytes by Content-Length, and 12 in the HAR"


@pytest.mark.parametrize("response", [None, {}, {"status": 0, "headers": []}])
def test_a_call_without_an_answer_has_none(response: Any) -> None:
    assert read({**CHROME, "response": response}).answer is None


def refused(status: int, code: str, message: str) -> dict[str, Any]:
    headers = fields(X_Ca_Error_Code=code, X_Ca_Error_Message=message)
    return changed("response", status=status, headers=headers)


def test_a_fault_that_is_the_edges_alone_was_the_edges() -> None:
    edge = read(refused(400, "I400RU", "Invalid Request Uri `is not a path`")).edge
    assert edge is not None
    assert (edge.fault, edge.parts) == (Fault.INVALID_URI, {"reason": "is not a path"})
    assert read(refused(404, "I404NF", "API not found with `GET /a`")).edge is None


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"log": {}}',
        har({"request": {}}),
        har({**CHROME, "startedDateTime": "yesterday"}),
        har({**CHROME, "response": {"status": "ok"}}),
        har({**CHROME, "response": {"status": 200, "headers": [{"name": "a"}]}}),
        har({**CHROME, "response": 5}),
        har({**CHROME, "timings": {"send": "soon"}}),
        har({**CHROME, "timings": {"send": 1e400}}),
        har(changed("response", content={"text": "a", "encoding": "base64"})),
    ],
)
def test_json_that_is_no_har_is_said(content: bytes) -> None:
    with pytest.raises(CaptureError, match=r"^not a HAR: "):
        read_har(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"log": ', "the JSON is broken: Expecting value: line 1 column 9"),
        (b'{"log": {}}', "there is no list log.entries; a browser saves one"),
        (b'{"log": {"entries": {}}}', "there is no list log.entries"),
        (b'{"log": {"entries": [null]}}', "entry 1 has no request"),
        (har(CHROME, {"request": {"method": "GET"}}), "entry 2 has no request.url"),
        (har(CHROME, {**CHROME, "startedDateTime": "soon"}), "entry 2: Invalid isoformat"),
    ],
)
def test_it_is_said_where_a_har_is_none(content: bytes, told: str) -> None:
    with pytest.raises(CaptureError, match=f"^not a HAR: {told}"):
        read_har(content)


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "blob:https://h.test/1"])
def test_what_a_browser_asked_no_server_for_is_not_judged(url: str) -> None:
    (call,) = read_har(har(changed("request", url=url)))
    assert call.lacks.endswith(": URL is sent to no server")


def test_what_a_backend_received_is_no_call() -> None:
    with pytest.raises(CaptureError, match="what a backend received, not what a caller sent"):
        read_har(echo())


@settings(deadline=None, max_examples=100)
@given(
    place=st.sampled_from(["request", "response", "timings"]),
    name=st.sampled_from([*CHROME["request"], *CHROME["response"], *CHROME["timings"]]),
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    ),
)
def test_no_value_raises_anything_but_a_capture_error(place: str, name: str, value: Any) -> None:
    with contextlib.suppress(CaptureError):
        read_har(har(changed(place, **{name: value})))
