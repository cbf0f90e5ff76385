"""Sending captured calls: the bytes as they were, over connections that are used again."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest
from unit.replay.calls import a_request

from apigateway.exchange import Answer
from apigateway.replay.live import Line, NoAnswer, NotReached, Target, trusting

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nX-Odd: \xff\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(autouse=True)
def no_rest_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two calls of a test a busy machine may rest."""
    monkeypatch.setattr("apigateway.replay.live._IDLE_S", 60.0)


async def answering(handler: Handler, *targets: str, timeout_s: float = 30.0) -> list[Answer]:
    """The answers to GETs over one line."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        line = Line(Target("http", "127.0.0.1", server.sockets[0].getsockname()[1]),
                    timeout_s=timeout_s)  # fmt: skip
        try:
            return [await line.send(a_request(target)) for target in targets]
        finally:
            await line.close()


def test_calls_share_a_connection_and_go_as_they_were() -> None:
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        while head := await reader.readuntil(b"\r\n\r\n"):
            heard[-1] += head.partition(b"\r\n")[0]
            writer.write(OK)

    first, second = asyncio.run(answering(handler, "/a%2", "/b?x=%zz&&"))
    assert heard == [b"GET /a%2 HTTP/1.1GET /b?x=%zz&& HTTP/1.1"]
    assert (first.status, first.reason, first.body) == (200, "OK", b"hi")
    assert first.headers == (("X-Odd", "\udcff"), ("Content-Length", "2"))
    assert second.elapsed_ms > 0


def test_a_connection_that_is_closed_is_not_used_again() -> None:
    opened = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
        writer.close()

    found = asyncio.run(answering(handler, "/a", "/b"))
    assert [answer.body for answer in found] == [b"to the end"] * 2
    assert len(opened) == 2


@pytest.mark.parametrize("said", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
def test_what_is_no_answer_says_so(said: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    with pytest.raises(NoAnswer, match="no answer"):
        asyncio.run(answering(handler, "/a"))


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with pytest.raises(NoAnswer, match=r"within 0\.05 s"):
        asyncio.run(answering(handler, "/a", timeout_s=0.05))


def test_nobody_there_is_told_apart() -> None:
    async def send() -> None:
        await Line(Target("http", "127.0.0.1", 1)).send(a_request("/a"))

    with pytest.raises(NotReached, match=r"127\.0\.0\.1:1"):
        asyncio.run(send())


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080", Target("http", "127.0.0.1", 8080)),
        ("https://[::1]/", Target("https", "::1", 443)),
        ("gw.test:81", Target("http", "gw.test", 81)),
    ],
)
def test_targets(url: str, target: Target) -> None:
    assert Target.of(url) == target
    assert Target.of(str(target)) == target


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a/path", "http://a?b", "http://u@a"])
def test_what_is_no_target(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Target.of(url)


def test_which_machine_is_this_one() -> None:
    mine = ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "api.weather.localhost"]
    assert all(Target.of(f"http://{host}").is_loopback for host in mine)
    others = ["192.0.2.1", "example.com", "localhost.example.com"]
    assert not any(Target.of(f"http://{host}").is_loopback for host in others)


def test_whom_to_trust() -> None:
    assert trusting(None, anyone=True).verify_mode is ssl.CERT_NONE
    assert trusting(None, anyone=False).verify_mode is ssl.CERT_REQUIRED
