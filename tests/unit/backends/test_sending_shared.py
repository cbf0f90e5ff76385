"""Calling real backends on a local socket: connections that calls share, and their number."""

import asyncio
import time

import pytest
from unit.backends.played import (
    PATIENCE_S,
)
from unit.build import outbound
from unit.listening import (
    EMPTY_ANSWER,
    Talk,
    opened,
    raw_backend,
    request_of,
    signed,
)

from apigateway.backends.sending import Backends
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import BackendLimits


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
