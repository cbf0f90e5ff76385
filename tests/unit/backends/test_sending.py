"""Calling real backends on a local socket: bytes as decided, and each failure by its name."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from unit.build import a_pass, outbound
from unit.listening import (
    EMPTY_ANSWER,
    Talk,
    opened,
    raw_backend,
    refused,
    request_of,
    signed,
)

from apigateway.backends.sending import Backends
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, MockUpstream, Outbound, Signed
from apigateway.model.settings import BackendLimits

PATIENCE_S = 20.0
"""For what is to come on a busy machine. A call has half a minute, where its test says nothing."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def aiohttp_backend(handler: Handler) -> AsyncIterator[int]:
    """A web server of aiohttp on a free port; the port."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def heard_by_raw(sent: Outbound, **changes: Any) -> tuple[bytes, Answer]:
    """The very bytes a backend gets for a request, and its empty answer."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_of(reader)
        heard.append(head + await reader.readexactly(len(sent.body)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, sent, **changes))

    answer = asyncio.run(call())
    assert len(heard) == 1
    return heard[0], answer


def answered_raw(*pieces: bytes, sent: Outbound | None = None, **options: Any) -> Answer:
    """The answer that the gateway reads from `pieces` of a backend that then closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, sent or outbound(), **options))

    return asyncio.run(call())


def answered(handler: Handler, sent: Outbound | None = None) -> Answer:
    async def call() -> Answer:
        async with aiohttp_backend(handler) as port, opened() as backends:
            return await backends.send(signed(port, sent or outbound()))

    return asyncio.run(call())


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


# --- each way to fail


def test_a_backend_that_is_slow_to_answer_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), timeout_ms=60))

    refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_TIMEOUT)
    assert refusal.fault.value.status == 504
    assert refusal.detail == "after 60 ms"


def test_a_body_that_drips_past_the_timeout_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await writer.drain()
        await reader.read()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), timeout_ms=60))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_TIMEOUT)


def test_a_port_where_nobody_listens_is_a_failed_connection() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

        async def call() -> Answer:
            async with opened() as backends:
                return await backends.send(signed(port, outbound()))

        refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_CONNECT)
    assert refusal.fault.value.code == "D504CO"
    assert f"Connect call failed ('127.0.0.1', {port})" in refusal.detail
    assert "ssl" not in refusal.detail


def test_the_message_of_a_failed_connection_tells_no_address_and_has_no_blank_at_its_end() -> None:
    from apigateway.answers import message_of
    from apigateway.model.settings import ErrorStyle

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

        async def call() -> Answer:
            async with opened() as backends:
                return await backends.send(signed(port, outbound()))

        refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_CONNECT)
    message = message_of(refusal, ErrorStyle.CODED)
    assert "127.0.0.1" not in message and str(port) not in message
    assert message == message.strip()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_failed_backend(said: bytes) -> None:
    refusal = refused(lambda: answered_raw(said), Fault.BACKEND_FAILED)
    assert refusal.fault.value.code == "D504RE"


def test_a_reset_is_a_failed_backend() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound()))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)


def test_tls_to_a_backend_that_speaks_none_is_a_failed_handshake() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            return await backends.send(signed(port, outbound(), scheme="https"))

    refusal = refused(lambda: asyncio.run(call()), Fault.BACKEND_TLS)
    assert refusal.fault.value.code == "D504CS"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
    ],
)
def test_an_answer_larger_than_the_calls_own_catalog_permits_is_refused(said: bytes) -> None:
    less, enough = BackendLimits(answer_bytes=8), BackendLimits(answer_bytes=9)
    refused(lambda: answered_raw(said, limits=less), Fault.BACKEND_FAILED)
    assert answered_raw(said, limits=enough).body == b"123456789"


def test_before_opening_and_after_closing_a_call_is_refused_with_503() -> None:
    async def call() -> Answer:
        backends = Backends()
        backends.open()
        backends.close()
        return await backends.send(signed(1, outbound()))

    assert refused(lambda: asyncio.run(call()), Fault.BUSY).retry_after_s == 1
    refused(lambda: asyncio.run(Backends().send(signed(1, outbound()))), Fault.BUSY)


def test_a_call_that_is_under_way_when_the_session_closes_fails() -> None:
    async def call() -> Answer:
        arrived = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            arrived.set()
            await reader.read()

        async with raw_backend(talk) as port:
            backends = Backends()
            backends.open()
            sending = asyncio.create_task(backends.send(signed(port, outbound())))
            await arrived.wait()
            backends.close()
            return await sending

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)


def test_closing_ends_the_connections_that_are_kept_for_the_next_call() -> None:
    async def call() -> None:
        ended = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            assert await reader.read() == b""
            ended.set()

        async with raw_backend(talk) as port:
            backends = Backends()
            backends.open()
            await backends.send(signed(port, outbound()))
            backends.close()
            async with asyncio.timeout(PATIENCE_S):
                await ended.wait()

    asyncio.run(call())


def test_opening_twice_keeps_the_session_and_closing_twice_is_once() -> None:
    async def call() -> None:
        backends = Backends()
        backends.open()
        backends.open()
        backends.close()
        backends.close()

    asyncio.run(call())


def test_after_a_failure_the_next_call_is_served() -> None:
    said = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(said.pop(0))
        await writer.drain()

    async def call() -> Answer:
        async with raw_backend(talk) as port, opened() as backends:
            with pytest.raises(Refusal):
                await backends.send(signed(port, outbound(method="POST")))
            return await backends.send(signed(port, outbound(method="POST")))

    assert asyncio.run(call()).status == 200


def test_a_connection_is_used_again() -> None:
    ports: set[int] = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async def call() -> None:
        async with aiohttp_backend(handler) as port, opened() as backends:
            for _ in range(3):
                await backends.send(signed(port, outbound()))

    asyncio.run(call())
    assert len(ports) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_call_that_changes_something_is_sent_once_whatever_happens(method: str) -> None:
    """No retries: what was decided once, counted once and signed once is sent once."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        heard.append(await request_of(reader))

    async def call() -> None:
        async with raw_backend(talk) as port, opened() as backends:
            await backends.send(signed(port, outbound(method=method)))
            await backends.send(signed(port, outbound(method=method)))

    refused(lambda: asyncio.run(call()), Fault.BACKEND_FAILED)
    assert len(heard) == 2


# --- connections, shared and counted


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection, a moment later."""
    while True:
        await request_of(reader)
        await asyncio.sleep(0.01)
        writer.write(EMPTY_ANSWER)


class Counted:
    """A backend that says how many connections it has, and had at most."""

    def __init__(self, talk: Talk = answer_all) -> None:
        self._talk = talk
        self.now = self.most = self.all = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.all += 1
        self.most = max(self.most, self.now)
        try:
            await self._talk(reader, writer)
        finally:
            self.now -= 1


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("hosts", [["a.test"], ["a.test", "b.test", "c.test"]])
def test_an_address_has_at_most_its_connections_whatever_the_method_and_the_name(
    hosts: list[str],
) -> None:
    counted, limits = Counted(), BackendLimits(connections=3)

    async def call() -> list[Answer]:
        async with raw_backend(counted.talk) as port, opened() as backends:
            calls = [
                backends.send(signed(port, outbound(method=method), host=host, limits=limits))
                for method in ("GET", "POST", "DELETE", "HEAD") * 5
                for host in hosts
            ]
            return await asyncio.gather(*calls)

    answers = asyncio.run(call())
    assert {answer.status for answer in answers} == {200}
    assert counted.most == counted.all == 3


def test_a_call_that_finds_the_pool_full_ends_within_its_own_timeout() -> None:
    counted, limits = Counted(silent), BackendLimits(connections=1)

    async def call() -> tuple[float, Refusal]:
        async with raw_backend(counted.talk) as port, opened() as backends:
            long = asyncio.create_task(backends.send(signed(port, outbound(), limits=limits)))
            while not counted.now:
                await asyncio.sleep(0.001)
            began = time.perf_counter()
            with pytest.raises(Refusal) as caught:
                await backends.send(signed(port, outbound(), limits=limits, timeout_ms=500))
            took = time.perf_counter() - began
            long.cancel()
            return took, caught.value

    took, refusal = asyncio.run(call())
    assert refusal.fault is Fault.BACKEND_TIMEOUT
    assert refusal.detail == "after 500 ms, waiting for one of 1 connections"
    assert 0.5 <= took < PATIENCE_S  # the one before it would have half a minute
    assert counted.all == 1


def test_a_full_backend_keeps_nobody_from_another() -> None:
    limits = BackendLimits(connections=1)

    async def call() -> Answer:
        async with (
            raw_backend(silent) as full,
            raw_backend(answer_all) as free,
            opened() as backends,
        ):
            held = asyncio.create_task(backends.send(signed(full, outbound(), limits=limits)))
            await asyncio.sleep(0.05)
            answer = await backends.send(signed(free, outbound(), limits=limits))
            held.cancel()
            return answer

    assert asyncio.run(call()).status == 200


def test_calls_that_were_given_up_leave_their_place_to_the_next() -> None:
    limits = BackendLimits(connections=1)

    async def answer_the_last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"GET /last " in await request_of(reader):
            writer.write(EMPTY_ANSWER)
        await reader.read()

    async def call() -> Answer:
        async with raw_backend(answer_the_last) as port, opened() as backends:
            given_up = [
                backends.send(signed(port, outbound(), limits=limits, timeout_ms=50))
                for _ in range(3)
            ]
            ends = await asyncio.gather(*given_up, return_exceptions=True)
            assert {type(end) for end in ends} == {Refusal}
            return await backends.send(signed(port, outbound(path="/last"), limits=limits))

    assert asyncio.run(call()).status == 200


def test_the_limit_is_that_of_each_calls_own_catalog() -> None:
    counted = Counted()

    async def most_of(backends: Backends, port: int, connections: int) -> int:
        limits = BackendLimits(connections=connections)
        calls = [backends.send(signed(port, outbound(), limits=limits)) for _ in range(12)]
        await asyncio.gather(*calls)
        return counted.most

    async def call() -> tuple[int, int]:
        async with raw_backend(counted.talk) as port, opened() as backends:
            return await most_of(backends, port, 2), await most_of(backends, port, 5)

    assert asyncio.run(call()) == (2, 5)


def assert_in_time(call: Callable[[], float]) -> None:
    """It takes half a second, and not twice that. A busy machine is late at times, not always."""
    for _ in range(10):
        took = call()
        assert took >= 0.5
        if took < 0.9:
            return
    raise AssertionError(f"late each time, at last {took} s")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_timeout_comes_when_it_should_and_the_connection_is_gone(method: str) -> None:
    async def call() -> float:
        ended = asyncio.Event()

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            ended.set()

        async with raw_backend(drip) as port, opened() as backends:
            began = time.perf_counter()
            with pytest.raises(Refusal) as caught:
                await backends.send(signed(port, outbound(method=method), timeout_ms=500))
            took = time.perf_counter() - began
            assert caught.value.fault is Fault.BACKEND_TIMEOUT
            async with asyncio.timeout(PATIENCE_S):
                await ended.wait()
            return took

    assert_in_time(lambda: asyncio.run(call()))


def test_a_backend_that_answers_without_reading_the_request_is_heard_and_not_used_again() -> None:
    """What is left of a request that was cut off must not be the start of the next one."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.3)

    counted = Counted(hasty)

    async def call() -> list[Answer]:
        async with raw_backend(counted.talk) as port, opened() as backends:
            large = outbound(method="POST", body=b"x" * 40_000_000)
            first = await backends.send(signed(port, large))
            return [first, await backends.send(signed(port, outbound()))]

    assert [(answer.status, answer.body) for answer in asyncio.run(call())] == [(413, b"no")] * 2
    assert counted.all == 2


def test_a_backend_that_neither_reads_nor_ends_its_answer_is_a_timeout() -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        await asyncio.sleep(1)

    async def call() -> float:
        async with raw_backend(stuck) as port, opened() as backends:
            large = outbound(method="POST", body=b"x" * 40_000_000)
            began = time.perf_counter()
            with pytest.raises(Refusal) as caught:
                await backends.send(signed(port, large, timeout_ms=500))
            assert caught.value.fault is Fault.BACKEND_TIMEOUT
            return time.perf_counter() - began

    assert_in_time(lambda: asyncio.run(call()))
