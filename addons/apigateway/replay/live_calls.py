"""A capture sent to a gateway that runs, call by call, and in what each answer is another one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from apigateway.exchange import Answer
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Difference, differences
from apigateway.replay.explained import explanation
from apigateway.replay.live import Line, NoAnswer, NotReached
from apigateway.replay.outcome import Outcome, captured_outcome
from apigateway.replay.placeholders import MARK, TOKEN, read_app_code, read_signature
from apigateway.replay.restoring import Restorer
from apigateway.replay.signing import Resigner
from apigateway.signatures.caller import NONCE, SIGNATURE, TIMESTAMP, WINDOW_MS
from apigateway.stages.authentication import app_code_in_query, app_code_of


class Time(StrEnum):
    """FROZEN is that of the capture; with FRESH calls are signed anew, for now."""

    FROZEN = "frozen"
    FRESH = "fresh"


COMPARED = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "allow",
        "cache-control",
        "content-encoding",
        "content-type",
        "location",
        "vary",
    }
)
"""Fields of an answer that say the same each time. Others are of one answer (cookies, tags)."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """By its number from 1. `found` is None where it was not sent or got no answer, and
    `not_sent` or `failed` says why; `explained` why it differs, where that is of the replay."""

    number: int
    call: CapturedCall
    found: tuple[Difference, ...] | None = None
    not_sent: str = ""
    failed: str = ""
    explained: str = ""


class Pace:
    """At most so many turns a second; all of them at once with 0."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gap_s = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next_s = 0.0

    async def turn(self) -> None:
        if not self._gap_s:
            return
        now_s = self._clock()
        begins_s = max(now_s, self._next_s)
        self._next_s = begins_s + self._gap_s
        if begins_s > now_s:
            await self._sleep(begins_s - now_s)


class LiveReplay:
    """`lines` opens a connection for calls of a scheme, or says None where none is for it.

    `resigner` is None to send what was captured as it was. `bodies` compares bodies too, but for
    those that hold placeholders.
    """

    def __init__(
        self,
        lines: Callable[[str], Line | None],
        *,
        restorer: Restorer,
        resigner: Resigner | None,
        bodies: bool = False,
        pace: Pace | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._lines = lines
        self._restorer = restorer
        self._resigner = resigner
        self._bodies = bodies
        self._pace = pace or Pace(0)
        self._clock_ms = clock_ms
        self._answered = False

    async def run(
        self,
        calls: Sequence[CapturedCall],
        *,
        concurrency: int = 1,
        done: Callable[[], None] = lambda: None,
    ) -> list[LiveCall]:
        """Each call once, in their order where `concurrency` is 1; begun in their order else.

        Raises:
            NotReached: nobody is there when the first call is sent.
        """
        waiting = iter(enumerate(calls, 1))
        found: list[LiveCall] = []

        async def work() -> None:
            lines: dict[str, Line | None] = {}
            try:
                for number, call in waiting:
                    found.append(await self._one(number, call, lines))
                    done()
            finally:
                for line in lines.values():
                    if line is not None:
                        await line.close()

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(concurrency):
                    workers.create_task(work())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return sorted(found, key=lambda one: one.number)

    async def _one(
        self, number: int, call: CapturedCall, lines: dict[str, Line | None]
    ) -> LiveCall:
        scheme = call.request.scheme
        if scheme not in lines:
            lines[scheme] = self._lines(scheme)
        line = lines[scheme]
        ready = self._restorer(call)
        why_not = why_not_sent(call, ready.request)
        if line is None:
            why_not = why_not or f"it came over {scheme}, and no --to is an {scheme}:// URL"
        if why_not or line is None:
            return LiveCall(number, call, not_sent=why_not)
        await self._pace.turn()
        now_ms = self._clock_ms()
        if self._resigner is not None:
            ready = self._resigner(ready, now_ms)
        try:
            answer = await line.send(ready.request)
        except NoAnswer as problem:
            if isinstance(problem, NotReached) and not self._answered:
                raise
            return LiveCall(number, call, failed=str(problem))
        self._answered = True
        return self._compared(number, call, answer, now_ms)

    def _compared(self, number: int, call: CapturedCall, answer: Answer, now_ms: int) -> LiveCall:
        live = CapturedCall(request=call.request, received_ms=now_ms, answer=answer)
        before, after = captured_outcome(call), captured_outcome(live)
        if call.answer is None or before is None or after is None:
            return LiveCall(number, call, not_sent="the capture has no answer")
        bodies = self._bodies and MARK.encode("ascii") not in call.answer.body
        before, after = _seen(before, now_ms - 1, bodies), _seen(after, now_ms, bodies)
        found = differences(before, after)
        fresh = self._resigner is not None
        why = explanation(call, answer, fresh=fresh) if found else ""
        return LiveCall(number, call, found=found, explained=why)


def _seen(outcome: Outcome, run_ms: int, bodies: bool) -> Outcome:
    """What is compared of an answer. Two runs are two, so that strings to sign differ."""
    headers = tuple(field for field in outcome.headers if field[0] in COMPARED)
    body = outcome.body if bodies else None
    return replace(outcome, run=(outcome.run[0], run_ms), headers=headers, body=body)


def why_not_sent(call: CapturedCall, ready: CallerRequest) -> str:
    """Why a call cannot be sent as it was, "" for one that can. `ready` is what was put back."""
    if call.lacks:
        return call.lacks
    if call.edge is not None:
        return "it was refused before any stage: its bytes are not in the capture as they came"
    if call.answer is None:
        return "the capture has no answer"
    texts = [ready.target, *(value for _, value in ready.headers.fields)]
    texts.append(ready.body.decode("utf-8", "surrogateescape"))
    if any(not found["unverified"] for text in texts for found in TOKEN.finditer(text)):
        return "its token was scrubbed, and only its issuer can make another"
    if mark := read_signature(ready.headers.first(SIGNATURE) or ""):
        return f"its signature was scrubbed, and no app has the AppKey {mark.app_key}"
    code = app_code_of(ready.headers) or app_code_in_query(ready.query) or ""
    if key := read_app_code(code):
        return f"its AppCode was scrubbed, and app {key} has none"
    return ""


def spent(calls: Sequence[CapturedCall], now_ms: int) -> tuple[int, int]:
    """What a gateway will say to calls that are sent as they were: how many come too late, and how
    many hold a nonce that the gateway of the capture still knows."""
    late = known = 0
    for call in calls:
        headers = call.request.headers
        if not headers.first(SIGNATURE) or call.edge is not None:
            continue
        text = (headers.first(TIMESTAMP) or "").strip()
        age_ms = now_ms - int(text) if text.isascii() and text.isdecimal() else None
        if age_ms is not None and abs(age_ms) > WINDOW_MS:
            late += 1
        elif headers.first(NONCE):
            known += 1
    return late, known
