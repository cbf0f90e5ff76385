"""The way to Redis from the event loop of the calls: a few connections that never make a call wait
for another, and that survive whatever becomes of the server.

Everything that is asked while a connection is under way goes with the next one in one go, which
costs a third of asking one by one. Nobody who asks touches a connection: a call that is cancelled
or gives up leaves nothing half read behind.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import NoScriptError, RedisError, ResponseError

from apigateway.ports import StoreUnavailable
from apigateway.store.scripts import digest_of, script_text

_CONNECTIONS = 4
_MOST_AT_ONCE = 64


@dataclass(slots=True, eq=False)
class _Question:
    script: str
    keys: Sequence[bytes]
    arguments: Sequence[str]
    answer: "asyncio.Future[Any]"

    def command(self, *how: str) -> tuple[Any, ...]:
        return (*how, len(self.keys), *self.keys, *self.arguments)


class RedisLine:
    """Asks scripts of `lua/`. Each event loop gets connections of its own, made on first use.

    `make` makes a client for one connection that asks nothing twice by itself.
    """

    def __init__(self, make: Callable[[], "redis.asyncio.Redis"], *, timeout_s: float) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._is_open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Queue[_Question] = asyncio.Queue()
        self._unanswered: set[_Question] = set()
        self._carriers: list[asyncio.Task[None]] = []

    def open(self) -> None:
        self._is_open = True

    def close(self) -> None:
        """Let go of the connections; what was asked and not answered is unavailable."""
        self._is_open = False
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            for carrier in self._carriers:
                carrier.cancel()  # may be lost on one that connects: it ends within `timeout_s`
            for question in self._unanswered:
                if not question.answer.done():
                    question.answer.set_result(StoreUnavailable("closed"))
        self._waiting, self._unanswered, self._carriers = asyncio.Queue(), set(), []

    async def ask(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> bytes:
        """What `lua/<script>.lua` answers.

        Raises:
            StoreUnavailable: not open, no answer in time, or an error for an answer. What was
                asked may have been done, so it is never asked again.
        """
        if not self._is_open:
            raise StoreUnavailable("Redis: not open")
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._start(loop)
        # A key that is no text fails here, for itself.
        named = [key.encode() for key in keys]
        question = _Question(script, named, arguments, loop.create_future())
        self._waiting.put_nowait(question)
        unanswered = self._unanswered
        unanswered.add(question)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await question.answer
        except TimeoutError:
            raise StoreUnavailable(f"Redis: no answer within {self._timeout_s:g} s") from None
        finally:
            unanswered.discard(question)
        if isinstance(answer, StoreUnavailable | RedisError | OSError):
            raise StoreUnavailable(f"Redis: {str(answer) or type(answer).__name__}") from answer
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, bytes):
            raise StoreUnavailable(f"Redis: an answer that cannot be understood: {answer!r}")
        return answer

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._waiting, self._unanswered = loop, asyncio.Queue(), set()
        self._carriers = [
            loop.create_task(self._carry(self._waiting), name=f"Redis connection {number}")
            for number in range(1, _CONNECTIONS + 1)
        ]

    async def _carry(self, waiting: "asyncio.Queue[_Question]") -> None:
        """One connection: whatever goes wrong, the next questions get another."""
        client: redis.asyncio.Redis | None = None
        try:
            while waiting is self._waiting:
                questions = [await waiting.get()]
                while len(questions) < _MOST_AT_ONCE and not waiting.empty():
                    questions.append(waiting.get_nowait())
                questions = [one for one in questions if not one.answer.done()]
                if not questions:
                    continue
                try:
                    client = client or self._make()
                    async with asyncio.timeout(self._timeout_s):
                        answers = await _answers(client, questions)
                except Exception as problem:
                    answers = [problem] * len(questions)
                for question, answer in zip(questions, answers, strict=True):
                    if not question.answer.done():
                        question.answer.set_result(answer)
                if any(isinstance(answer, Exception) for answer in answers):
                    client, broken = None, client
                    await _let_go(broken)
        finally:
            await _let_go(client)


async def _answers(client: "redis.asyncio.Redis", questions: Sequence[_Question]) -> list[Any]:
    """An answer or an error each. A script that the server does not have goes there in full; it
    has done nothing yet."""
    answers = await _sent(
        client, [one.command("EVALSHA", digest_of(one.script)) for one in questions]
    )
    unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        commands = [
            questions[place].command("EVAL", script_text(questions[place].script))
            for place in unknown
        ]
        for place, answer in zip(unknown, await _sent(client, commands), strict=True):
            answers[place] = answer
    return answers


async def _sent(client: "redis.asyncio.Redis", commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    if len(commands) == 1:
        try:
            return [await client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
        except ResponseError as problem:
            return [problem]
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return await pipeline.execute(raise_on_error=False)


async def _let_go(client: "redis.asyncio.Redis | None") -> None:
    if client is not None:
        with contextlib.suppress(RedisError, OSError):
            await client.aclose()
