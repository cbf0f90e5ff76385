"""Whoever asks gets the answer to what was asked, or is told in time that there is none."""

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis_server import RedisServer
from unit.store.fake_redis import FakeRedis, bulk

from apigateway.ports import StoreUnavailable
from apigateway.store.redis_line import RedisLine
from apigateway.store.scripts import digest_of, script_text

TIMEOUT_S = 0.25
PATIENCE_S = 20.0


@contextmanager
def line_to(url: str, *, timeout_s: float = PATIENCE_S) -> Iterator[RedisLine]:
    def make() -> Redis:
        limits = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
        pool = ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), **limits)
        return Redis.from_pool(pool)

    line = RedisLine(make, timeout_s=timeout_s)
    line.open()
    yield line
    line.close()


def echo(words: list[bytes]) -> bytes:
    """The last argument of a script."""
    return bulk(words[-1])


def ask(line: RedisLine, text: str) -> Awaitable[bytes]:
    return line.ask("claim", ["key"], [text])


async def unavailable(line: RedisLine, text: str = "x") -> str:
    with pytest.raises(StoreUnavailable) as caught:
        await ask(line, text)
    return str(caught.value)


async def answered(line: RedisLine, text: str) -> bytes:
    """The answer. A machine that stops for longer than the timeout is asked once more."""
    for _ in range(20):
        with suppress(StoreUnavailable):
            return await ask(line, text)
    raise AssertionError(f"{text} is never answered")


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


def test_everyone_gets_the_answer_to_what_was_asked() -> None:
    async def test() -> None:
        async with FakeRedis(echo) as server:
            with line_to(server.url) as line:
                texts = [str(number) for number in range(1_000)]
                answers = await asyncio.gather(*(ask(line, text) for text in texts))
                assert [answer.decode() for answer in answers] == texts
                assert server.links <= 4

    run(test)


def test_whoever_gives_up_takes_nobody_elses_answer() -> None:
    async def slowly(words: list[bytes]) -> bytes:
        await asyncio.sleep(0.0005)
        return echo(words)

    async def test() -> None:
        async with FakeRedis(slowly) as server:
            with line_to(server.url) as line:
                tasks = [asyncio.ensure_future(ask(line, str(number))) for number in range(300)]
                for number, task in enumerate(tasks):
                    if number % 3 == 0:
                        asyncio.get_running_loop().call_later(number / 3_000, task.cancel)
                answers = await asyncio.gather(*tasks, return_exceptions=True)
                for number, answer in enumerate(answers):
                    assert answer == str(number).encode() or (
                        number % 3 == 0 and isinstance(answer, asyncio.CancelledError)
                    )
                assert await ask(line, "afterwards") == b"afterwards"

    run(test)


def test_a_server_that_never_answers_is_unavailable_in_time() -> None:
    async def test() -> None:
        never = asyncio.Event()

        async def silent(words: list[bytes]) -> bytes:
            await never.wait()
            return b""

        async with FakeRedis(silent) as server:
            with line_to(server.url, timeout_s=TIMEOUT_S) as line:
                began = time.monotonic()
                said = await asyncio.gather(*(unavailable(line) for _ in range(200)))
                # One after the other on each connection would be twelve seconds.
                assert time.monotonic() - began < 10
                assert set(said) == {"Redis: no answer within 0.25 s"}
                server.answer = echo
                assert await answered(line, "again") == b"again"

    run(test)


def test_an_answer_that_comes_too_late_is_nobody_elses() -> None:
    async def late(words: list[bytes]) -> bytes:
        if words[-1] == b"slow":
            await asyncio.sleep(1.5 * TIMEOUT_S)
        return echo(words)

    async def test() -> None:
        async with FakeRedis(late) as server:
            with line_to(server.url, timeout_s=TIMEOUT_S) as line:
                for _ in range(4):  # as many as there are connections
                    await unavailable(line, "slow")
                    assert await answered(line, "next") == b"next"

    run(test)


def test_a_question_whose_connection_breaks_is_not_asked_again() -> None:
    async def test() -> None:
        async with FakeRedis(lambda words: None) as server:
            with line_to(server.url) as line:
                assert "Connection closed by server" in await unavailable(line, "once")
                assert [words[-1] for words in server.scripts] == [b"once"]

    run(test)


def test_of_several_asked_at_once_none_is_asked_again() -> None:
    async def test() -> None:
        async with FakeRedis(lambda words: echo(words) if words[-1] == b"0" else None) as server:
            with line_to(server.url) as line:
                texts = [str(number) for number in range(5)]
                answers = await asyncio.gather(
                    *(ask(line, text) for text in texts), return_exceptions=True
                )
                asked = [words[-1] for words in server.scripts]
                assert len(asked) == len(set(asked))
                assert sum(isinstance(answer, StoreUnavailable) for answer in answers) >= 4

    run(test)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (b"-LOADING Redis is loading the dataset in memory", "loading the dataset"),
        (b"-READONLY You can't write against a read only replica.", "read only replica"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"),
        (b"-NOPERM this user has no permissions to run the 'evalsha' command", "no permissions"),
        (b"-MISCONF Redis is configured to save RDB snapshots", "RDB snapshots"),
        (b"-ERR Error running script: no luck", "no luck"),
    ],
)
def test_an_error_is_told_and_the_next_question_gets_a_connection_of_its_own(
    error: bytes, said: str
) -> None:
    async def test() -> None:
        async with FakeRedis(lambda words: error + b"\r\n") as server:
            with line_to(server.url) as line:
                assert said in await unavailable(line)
                links = server.links
                server.answer = echo
                answers = await asyncio.gather(*(ask(line, str(n)) for n in range(8)))
                assert [int(answer) for answer in answers] == list(range(8))
                assert server.links > links

    run(test)


def test_one_question_that_fails_lets_the_others_be_answered() -> None:
    async def test() -> None:
        def answer(words: list[bytes]) -> bytes:
            return b"-ERR not this one\r\n" if words[-1] == b"3" else echo(words)

        async with FakeRedis(answer) as server:
            with line_to(server.url) as line:
                answers = await asyncio.gather(
                    *(ask(line, str(number)) for number in range(6)), return_exceptions=True
                )
                assert isinstance(answers.pop(3), StoreUnavailable)
                assert answers == [b"0", b"1", b"2", b"4", b"5"]

    run(test)


def test_a_script_that_the_server_does_not_have_goes_there_in_full_and_only_that() -> None:
    async def test() -> None:
        known: set[bytes] = set()

        def answer(words: list[bytes]) -> bytes:
            if words[0] == b"EVAL":
                known.add(digest_of("claim").encode())
                assert words[1].decode() == script_text("claim")
                return echo(words)
            return echo(words) if words[1] in known else b"-NOSCRIPT No matching script\r\n"

        async with FakeRedis(answer) as server:
            with line_to(server.url) as line:
                assert await ask(line, "first") == b"first"
                assert await ask(line, "second") == b"second"
                assert [words[0] for words in server.scripts] == [b"EVALSHA", b"EVAL", b"EVALSHA"]
                known.clear()
                answers = await asyncio.gather(*(ask(line, str(n)) for n in range(9)))
                assert [int(answer) for answer in answers] == list(range(9))

    run(test)


@pytest.mark.parametrize("said", [b":1\r\n", b"$-1\r\n", b"*0\r\n", b"?what\r\n"])
def test_an_answer_that_cannot_be_understood_is_none(said: bytes) -> None:
    async def test() -> None:
        async with FakeRedis(lambda words: said) as server:
            with line_to(server.url) as line:
                await unavailable(line)

    run(test)


def test_a_key_that_is_no_text_fails_for_itself() -> None:
    async def test() -> None:
        async with FakeRedis(echo) as server:
            with line_to(server.url) as line:
                bad, good = await asyncio.gather(
                    line.ask("claim", ["\udcff"], ["x"]), ask(line, "good"), return_exceptions=True
                )
                assert isinstance(bad, UnicodeEncodeError)
                assert good == b"good"

    run(test)


def test_a_line_that_is_not_open_is_unavailable() -> None:
    async def test() -> None:
        with line_to("redis://127.0.0.1:1/0") as line:
            line.close()
            assert await unavailable(line) == "Redis: not open"

    run(test)


TURNS = pytest.mark.parametrize("turns", [0, 1, 2, 7, 8, 9, 10, 12, 1000])
"""However far the connections are, counted in turns of the event loop."""


async def closed_after(turns: int, line: RedisLine) -> set[str | bytes]:
    """What those get who ask first."""
    waiting = asyncio.gather(*(ask(line, "x") for _ in range(300)), return_exceptions=True)
    for _ in range(turns + 1):  # in the first one they ask
        await asyncio.sleep(0)
    line.close()
    return {one if isinstance(one, bytes) else str(one) for one in await waiting}


async def nothing_is_left() -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(task.get_name().startswith("Redis") for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)


@TURNS
def test_closing_answers_whoever_waits_and_leaves_nothing_behind(turns: int) -> None:
    async def test() -> None:
        never = asyncio.Event()

        async def silent(words: list[bytes]) -> bytes:
            await never.wait()
            return b""

        async with FakeRedis(silent) as server:
            with line_to(server.url, timeout_s=3) as line:
                assert await closed_after(turns, line) == {"Redis: closed"}
            await nothing_is_left()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(test)


@TURNS
def test_closing_leaves_nothing_behind_where_the_server_answers(turns: int) -> None:
    async def test() -> None:
        async with FakeRedis(echo) as server:
            with line_to(server.url) as line:
                assert await closed_after(turns, line) <= {b"x", "Redis: closed"}
            await nothing_is_left()

    run(test)


def test_after_closing_it_opens_again() -> None:
    async def test() -> None:
        async with FakeRedis(echo) as server:
            with line_to(server.url) as line:
                for text in ("one", "two"):
                    assert await ask(line, text) == text.encode()
                    line.close()
                    line.open()

    run(test)


def test_every_event_loop_gets_connections_of_its_own(redis: RedisServer) -> None:
    with line_to(redis.url) as line:
        key = f"{redis.settings().prefix}:nonce"

        async def claim() -> bytes:
            return await line.ask("claim", [key], ["1", "2", "1000"])

        assert [asyncio.run(claim()) for _ in range(3)] == [b"1", b"0", b"0"]


def test_connections_that_died_are_replaced_before_anything_is_asked(redis: RedisServer) -> None:
    async def test() -> None:
        with line_to(redis.url) as line:
            prefix = redis.settings().prefix

            async def claim(number: int) -> bytes:
                return await line.ask("claim", [f"{prefix}:{number}"], ["1", "2", "1000"])

            await asyncio.gather(*(claim(number) for number in range(50)))
            redis.say("CLIENT KILL TYPE normal")
            async with asyncio.timeout(PATIENCE_S):
                while redis.say("CLIENT LIST TYPE normal").count(b" addr=") > 1:  # who asks is one
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # so that the event loop has heard of it
            answers = await asyncio.gather(*(claim(number) for number in range(50, 100)))
            assert answers == [b"1"] * 50

    run(test)
