"""HAR files and answers of the demo backend, read as the requests that went over the wire."""

import json
from typing import Any

import pytest
from unit.captures.captured import FORM, echo, problem

from apigateway.captures.reading import read_capture


def har(*requests: dict[str, Any]) -> bytes:
    entries = [
        {"request": {"method": "GET", "url": "https://h.test/a?b=1", "headers": [], **request}}
        for request in requests
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def header_list(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_a_har_of_chrome_is_read_without_its_pseudo_headers() -> None:
    content = har(
        {
            "method": "POST",
            "url": "https://api.test/reports?x=%E4%B8%AD",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": ":authority", "value": "api.test"},
                {"name": ":method", "value": "POST"},
                {"name": ":path", "value": "/reports?x=%E4%B8%AD"},
                {"name": ":scheme", "value": "https"},
                {"name": "content-type", "value": FORM},
                {"name": "x-ca-signature", "value": "c2ln"},
            ],
            "postData": {
                "mimeType": FORM,
                "text": "a=b%20c",
                "params": [{"name": "a", "value": "b%20c"}],
            },
        }
    )
    (request,) = read_capture(content)
    assert (request.method, request.path, request.query) == ("POST", "/reports", "x=%E4%B8%AD")
    assert request.headers.fields == (("content-type", FORM), ("x-ca-signature", "c2ln"))
    assert request.headers.first("X-Ca-Signature") == "c2ln"
    assert request.body == b"a=b%20c"


def test_fields_without_a_text_are_put_together_as_a_form() -> None:
    params = [{"name": "a", "value": "b c&中"}, {"name": "d"}, {"name": "e", "value": None}]
    content = har({"postData": {"mimeType": FORM, "params": params}})
    assert read_capture(content)[0].body == b"a=b+c%26%E4%B8%AD&d=&e="


def test_a_body_in_base64_is_decoded() -> None:
    assert read_capture(har({"postData": {"text": "/wA=", "encoding": "base64"}}))[0].body == (
        b"\xff\x00"
    )


def test_a_har_may_begin_with_a_byte_order_mark_and_have_several_requests() -> None:
    content = b"\xef\xbb\xbf" + har({"url": "http://h.test"}, {"url": "http://h.test/b?"})
    assert [request.path for request in read_capture(content)] == ["/", "/b"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{}",
        b'{"log": 1}',
        b'{"log": {"entries": null}}',
        b'{"log": {"entries": ["request"]}}',
        b'{"log": {"entries": [{"request": {"method": "GET", "url": "http://h.test"}}]}}',
        b"{" + b'"a":[' * 100_000,
        har({"url": 5, "headers": [1]}),
        har({"postData": {"text": "a", "encoding": "base64"}}),
        har({"postData": [1]}),
        har({"postData": {"params": [{}]}}),
        har({"postData": {"text": "\ud800"}}),
    ],
)
def test_json_that_is_no_har_is_said(content: bytes) -> None:
    assert problem(content).startswith("not a HAR: ")


@pytest.mark.parametrize(
    "request_",
    [{"url": "http://[x"}, {"url": "http://h.test/\ud800"}, {"headers": header_list(A="\ud800")}],
)
def test_a_har_of_what_cannot_be_sent_is_said(request_: dict[str, Any]) -> None:
    assert "cannot have been sent" in problem(har(request_))


# --- the demo backend


def test_an_answer_of_the_demo_backend_is_the_request_that_it_received() -> None:
    (request,) = read_capture(echo())
    assert (request.method, request.path, request.body) == ("POST", "/v3/a%20b", b"a=1")
    assert request.query == "q=a+b%26%E4%B8%AD&q="
    assert request.headers.fields == (("Host", "h.test"), ("X-A", "中"))
    (request,) = read_capture(echo(body="/wA=", body_encoding="base64", query=[]))
    assert (request.query, request.body) == ("", b"\xff\x00")


@pytest.mark.parametrize(
    "changes",
    [{"headers": 1}, {"query": [[1]]}, {"body": "é", "body_encoding": "base64"}],
)
def test_an_answer_that_is_broken_is_said(changes: dict[str, Any]) -> None:
    assert problem(echo(**changes)).startswith("not an answer of the demo backend: ")
