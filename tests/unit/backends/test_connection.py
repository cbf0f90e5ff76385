"""Answers as llhttp reads them and this connection completes them, however they are cut."""

import asyncio
import gc
import ssl
import weakref
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.backends.connection import (
    HEAD_BYTES,
    BackendAnswer,
    BackendConnection,
    BrokenAnswer,
    Unanswered,
)


class Wire(asyncio.Transport):
    """What a connection writes to, with nobody at its other end."""

    def __init__(self, secured: Any = None) -> None:
        super().__init__({"ssl_object": secured})
        self.sent = b""
        self.unsent = 0
        self.ended = ""

    def write(self, data: Any) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def connected(secured: Any = None) -> tuple[BackendConnection, Wire]:
    connection, wire = BackendConnection(), Wire(secured)
    connection.connection_made(wire)
    return connection, wire


def read(
    *pieces: bytes,
    is_head: bool = False,
    most_bytes: int = 1000,
    then_ends: bool = False,
    problem: Exception | None = None,
    secured: Any = None,
) -> tuple[BackendAnswer | BaseException, BackendConnection, Wire]:
    """What becomes of an exchange to which the backend says `pieces`."""

    async def run() -> tuple[BackendAnswer | BaseException, BackendConnection, Wire]:
        connection, wire = connected(secured)
        result = connection.exchange(b"request", is_head=is_head, most_bytes=most_bytes)
        for piece in pieces:
            connection.data_received(piece)
        if then_ends:
            if problem is None:
                connection.eof_received()
            connection.connection_lost(problem)
        found: BackendAnswer | BaseException
        try:
            async with asyncio.timeout(0.2):
                found = await result
        except (BrokenAnswer, OSError) as raised:
            found = raised
        return found, connection, wire

    return asyncio.run(run())


WHOLE = [
    b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nX-B: 2\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 5\n\nhello",
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_an_answer_is_the_same_however_it_is_cut(whole: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    edges = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(edges)]
    found, connection, _ = read(*pieces)
    assert isinstance(found, BackendAnswer)
    assert (found.status, found.reason, found.body) == (200, "OK", b"hello")
    assert found.headers[0] == ("X-A", "1")
    assert "X-B" not in dict(found.headers)
    assert connection.is_usable


def test_the_end_of_the_connection_ends_a_body_without_a_length() -> None:
    said = b"HTTP/1.1 200 OK\r\n\r\nall"
    assert isinstance(read(said)[0], TimeoutError)
    found, connection, _ = read(said, then_ends=True)
    assert isinstance(found, BackendAnswer)
    assert found.body == b"all"
    assert not connection.is_usable


@pytest.mark.parametrize("said", [b"HTTP/1.1 2", WHOLE[0][:-1], WHOLE[1][:-7]])
def test_an_answer_that_breaks_off_is_none(said: bytes) -> None:
    found, connection, _ = read(said, then_ends=True)
    assert isinstance(found, BrokenAnswer)
    assert not isinstance(found, Unanswered)
    assert not connection.is_usable


def test_an_end_before_the_first_byte_is_told_apart() -> None:
    assert isinstance(read(then_ends=True)[0], Unanswered)
    reset = ConnectionResetError("reset by peer")
    assert read(then_ends=True, problem=reset)[0] is reset


def test_a_reset_in_the_middle_of_an_answer_is_no_reason_to_ask_again() -> None:
    for said in (b"H", WHOLE[0][:-1], b"HTTP/1.1 100 Continue\r\n\r\n"):
        found, _, _ = read(said, then_ends=True, problem=ConnectionResetError("reset by peer"))
        assert isinstance(found, BrokenAnswer)
        assert not isinstance(found, Unanswered)
        assert "reset by peer" in str(found)


class Secured:
    """What TLS has to say at the end of a connection."""

    def __init__(self, says: bytes | ssl.SSLError) -> None:
        self._says = says

    def read(self, size: int) -> bytes:
        if isinstance(self._says, ssl.SSLError):
            raise self._says
        return self._says


def test_over_tls_only_the_backend_itself_ends_a_body_without_a_length() -> None:
    said = b"HTTP/1.1 200 OK\r\n\r\nall"
    found, _, _ = read(said, then_ends=True, secured=Secured(b""))
    assert isinstance(found, BackendAnswer)
    found, _, _ = read(said, then_ends=True, secured=Secured(ssl.SSLWantReadError()))
    assert isinstance(found, BrokenAnswer)


def test_a_connection_that_ended_before_it_was_used_says_so_at_once() -> None:
    async def run() -> None:
        connection, _ = connected()
        connection.connection_lost(None)
        await connection.exchange(b"request", is_head=False, most_bytes=9)

    with pytest.raises(Unanswered):
        asyncio.run(asyncio.wait_for(run(), 30))


def test_a_connection_that_ended_is_gone_without_the_collector() -> None:
    async def run() -> "weakref.ref[BackendConnection]":
        connection, _ = connected()
        result = connection.exchange(b"request", is_head=False, most_bytes=9)
        connection.data_received(WHOLE[0])
        await result
        connection.connection_lost(None)
        return weakref.ref(connection)

    gc.disable()
    try:
        assert asyncio.run(run())() is None
    finally:
        gc.enable()


def test_what_comes_behind_an_answer_closes_the_connection() -> None:
    for behind in (b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
        for pieces in ((WHOLE[0] + behind,), (WHOLE[0], behind)):
            found, connection, wire = read(*pieces)
            assert isinstance(found, BackendAnswer)
            assert found.body == b"hello"
            assert not connection.is_usable
            assert wire.ended


def test_the_answer_to_a_head_ends_with_its_head() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    found, connection, _ = read(head, is_head=True)
    assert isinstance(found, BackendAnswer)
    assert found.body == b""
    assert connection.is_usable
    found, connection, wire = read(head + b"hello", is_head=True)
    assert isinstance(found, BackendAnswer)
    assert found.body == b""
    assert not connection.is_usable
    assert wire.ended


def test_the_exchange_after_a_head_is_read_from_its_start() -> None:
    async def run() -> BackendAnswer:
        connection, _ = connected()
        first = connection.exchange(b"HEAD", is_head=True, most_bytes=9)
        connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await first
        second = connection.exchange(b"GET", is_head=False, most_bytes=9)
        connection.data_received(WHOLE[0])
        return await second

    assert asyncio.run(run()).body == b"hello"


@pytest.mark.parametrize("field", [b"Connection: close", b"X: y\r\nConnection: x, close"])
def test_a_backend_that_says_so_is_left(field: bytes) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + field + b"\r\n\r\n"
    found, connection, wire = read(said)
    assert isinstance(found, BackendAnswer)
    assert not connection.is_usable
    assert wire.ended == "closed"


def test_a_request_that_is_not_read_to_its_end_is_the_last() -> None:
    async def run() -> tuple[BackendConnection, Wire]:
        connection, wire = connected()
        result = connection.exchange(b"large", is_head=False, most_bytes=9)
        wire.unsent = 3
        connection.data_received(WHOLE[0])
        await result
        return connection, wire

    connection, wire = asyncio.run(run())
    assert not connection.is_usable
    assert wire.ended == "aborted"


def test_limits_hold_for_fields_heads_and_bodies() -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * (HEAD_BYTES // 8 + 1)
    for said in (
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        endless,
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * (HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" * (HEAD_BYTES // 36 + 1),
    ):
        found, connection, wire = read(said)
        assert isinstance(found, BrokenAnswer), said[:60]
        assert not connection.is_usable
        assert wire.ended


@pytest.mark.parametrize("piece", [b"X-A: 1\r\n" * 1000, b"a" * 10_000])
def test_a_trailer_has_a_limit(piece: bytes) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-B: "
    found, _, wire = read(chunked, *[piece] * (HEAD_BYTES // len(piece) + 1))
    assert isinstance(found, BrokenAnswer)
    assert wire.ended


def test_many_small_chunks_are_content() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [b"1;%s\r\nx\r\n" % (b"a" * 1000)] * (2 * HEAD_BYTES // 1000)
    found, _, _ = read(chunked, *pieces, b"0\r\n\r\n")
    assert isinstance(found, BackendAnswer)
    assert len(found.body) == len(pieces)


def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    connection, wire = connected()
    connection.data_received(b"HTTP/1.1 408 Timeout\r\n\r\n")
    assert not connection.is_usable
    assert wire.ended


def test_closing_ends_the_exchange_under_way() -> None:
    async def run() -> None:
        connection, _ = connected()
        result = connection.exchange(b"request", is_head=False, most_bytes=9)
        connection.close()
        await result

    with pytest.raises(BrokenAnswer, match="was closed"):
        asyncio.run(run())


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_reader(said: bytes) -> None:
    found, _, _ = read(b"HTTP/1.1 200 OK\r\n" + said, then_ends=True)
    assert isinstance(found, BackendAnswer | BrokenAnswer)
