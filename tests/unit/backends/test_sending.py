"""Calling real backends on a local socket: bytes as decided, and answers as they came."""

import asyncio

import pytest
from aiohttp import web
from unit.backends.played import (
    aiohttp_backend,
    answered,
    answered_raw,
    heard_by_raw,
)
from unit.build import a_pass, outbound
from unit.listening import (
    opened,
    signed,
)

from apigateway.backends.sending import Backends
from apigateway.errors import Refusal
from apigateway.exchange import MockUpstream, Signed
from apigateway.model.settings import BackendLimits

# --- what is sent


@pytest.mark.parametrize(
    "target",
    [
        "/a%2Fb",
        "/a%2fb/%5C/%25E4",
        "/%E4%B8%AD",
        "/a+b;c=d,e:f@g!$&'()*~",
        "/%0D%0A",
        "/..%2F..%2Fetc",
        "/trailing/",
        "/",
        "/@127.0.0.1:22",
    ],
)
def test_a_path_is_sent_byte_for_byte(target: str) -> None:
    head, _ = heard_by_raw(outbound(path=target))
    assert head.startswith(f"GET {target} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("query", ["a=1&a=2", "q=%2B%20+&b", "x=%25", "%E4%B8%AD=%26", "a=b=c?d"])
def test_a_query_is_sent_byte_for_byte(query: str) -> None:
    head, _ = heard_by_raw(outbound(path="/p", query=query))
    assert head.startswith(f"GET /p?{query} HTTP/1.1\r\n".encode())


def test_only_the_decided_headers_and_the_host_are_sent() -> None:
    sent = outbound(headers=(("x-Own", "1"), ("Accept", "a/b"), ("x-Own", "2")))
    head, _ = heard_by_raw(sent)
    lines = head.decode().split("\r\n")[1:-2]
    assert lines[0].startswith("Host: backend.test:")
    assert lines[1:] == ["x-Own: 1", "Accept: a/b", "x-Own: 2"]


def test_a_field_repeated_in_another_spelling_is_sent_as_often_as_it_came() -> None:
    sent = outbound(headers=(("X-Own", "1"), ("x-own", "2"), ("Accept", "*/*"), ("X-OWN", "3")))
    head, _ = heard_by_raw(sent)
    lines = head.decode().split("\r\n")[2:-2]
    assert sorted(line.lower() for line in lines) == [
        "accept: */*",
        *(f"x-own: {n}" for n in "123"),
    ]


def test_header_text_is_sent_as_utf8() -> None:
    head, _ = heard_by_raw(outbound(headers=(("X-City", "杭州"),)))
    assert "X-City: 杭州\r\n".encode() in head


def test_header_bytes_that_are_not_utf8_are_sent_as_they_came_or_refused_as_the_callers() -> None:
    value = b"caf\xe9".decode("utf-8", "surrogateescape")
    try:
        head, _ = heard_by_raw(outbound(headers=(("X-City", value),)))
    except Refusal as refusal:
        assert refusal.fault.value.status == 400
    else:
        assert b"X-City: caf\xe9\r\n" in head


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_is_sent_whole_with_its_length_and_no_type_of_ours(method: str) -> None:
    head, _ = heard_by_raw(outbound(method=method, body=b'\x00\xff{"a":1}'))
    assert head.endswith(b'\r\n\r\n\x00\xff{"a":1}')
    assert head.lower().count(b"content-length: 9\r\n") == 1
    assert b"content-type" not in head.lower()
    assert b"transfer-encoding" not in head.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_with_a_body_says_that_there_is_none(method: str) -> None:
    head, _ = heard_by_raw(outbound(method=method))
    assert head.lower().count(b"content-length: 0\r\n") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_method_without_a_body_has_no_length(method: str) -> None:
    head, _ = heard_by_raw(outbound(method=method))
    assert head.startswith(method.encode() + b" ")
    assert b"content-length" not in head.lower()


def test_the_pinned_address_is_connected_to_and_the_name_is_never_resolved() -> None:
    head, _ = heard_by_raw(outbound(), host="no-such-name.invalid")
    assert b"\r\nHost: no-such-name.invalid:" in head


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert heard_by_raw(outbound())[1].status == 200


# --- what comes back


def test_an_answer_keeps_status_reason_body_and_every_field() -> None:
    async def handler(_: web.Request) -> web.Response:
        response = web.Response(status=418, reason="Teapot", body=b"short")
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2")
        return response

    answer = answered(handler)
    assert (answer.status, answer.reason, answer.body) == (418, "Teapot", b"short")
    cookies = [value for name, value in answer.headers if name == "Set-Cookie"]
    assert cookies == ["a=1; Path=/", "b=2"]
    assert answer.elapsed_ms > 0


def test_a_cookie_of_one_caller_is_not_sent_for_another() -> None:
    heard: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=secret; Path=/"})

    async def twice() -> None:
        async with aiohttp_backend(handler) as port, opened() as backends:
            await backends.send(signed(port, outbound()))
            await backends.send(signed(port, outbound()))

    asyncio.run(twice())
    assert heard == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_the_answer_and_is_not_followed(status: int) -> None:
    heard: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    answer = answered(handler)
    assert answer.status == status
    assert ("Location", "/elsewhere") in answer.headers
    assert heard == ["/v3/forecast"]


def test_a_compressed_body_is_not_touched() -> None:
    answer = answered_raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nnot"
    )
    assert answer.body == b"not"
    assert ("Content-Encoding", "gzip") in answer.headers


def test_the_answer_to_a_head_has_the_length_and_no_body() -> None:
    answer = answered_raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", sent=outbound(method="HEAD")
    )
    assert answer.body == b""
    assert ("Content-Length", "1234") in answer.headers


def test_the_answer_to_a_head_may_name_a_length_that_no_body_may_have() -> None:
    answer = answered_raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        sent=outbound(method="HEAD"),
        limits=BackendLimits(answer_bytes=8),
    )
    assert answer.status == 200


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body_does_not_wait_for_one(status: bytes) -> None:
    answer = answered_raw(b"HTTP/1.1 " + status + b"\r\nX-A: 1\r\n\r\n")
    assert answer.body == b""
    assert ("X-A", "1") in answer.headers


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints"])
def test_an_interim_answer_is_passed_over(interim: bytes) -> None:
    answer = answered_raw(
        b"HTTP/1.1 " + interim + b"\r\nLink: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    assert (answer.status, answer.body) == (200, b"ok")


def test_a_chunked_answer_with_trailers_is_read_to_its_end() -> None:
    answer = answered_raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"
    )
    assert answer.body == b"ok"


def test_an_answer_that_ends_with_its_connection_is_read() -> None:
    assert answered_raw(b"HTTP/1.0 200 OK\r\n\r\nuntil", b" the end").body == b"until the end"


def test_field_bytes_are_kept_as_they_came() -> None:
    answer = answered_raw(b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nContent-Length: 0\r\n\r\n")
    assert ("X-A", b"caf\xe9".decode("utf-8", "surrogateescape")) in answer.headers


def test_an_answer_without_a_reason_has_none() -> None:
    assert answered_raw(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").reason == ""


def test_a_reason_with_control_characters_is_not_passed_on() -> None:
    answer = answered_raw(b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.reason) == (200, "")


def test_a_mock_is_answered_without_a_backend() -> None:
    mock = MockUpstream(status=201, headers=(("X-A", "1"),), body=b"{}")
    answer = asyncio.run(Backends().send(a_pass(Signed, upstream=mock)))
    assert (answer.status, answer.headers, answer.body) == (201, (("X-A", "1"),), b"{}")
