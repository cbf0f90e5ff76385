"""A capture sent call by call."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from unit.build import APP, KEY, NOW_MS, SECRET
from unit.replay.calls import (
    a_call,
    a_refusal,
    a_request,
    a_signed_request,
    an_answer,
    of_the_edge,
)

from apigateway.exchange import Answer
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.live import Line, NoAnswer, NotReached, Target
from apigateway.replay.live_calls import LiveCall, LiveReplay, Pace, spent, why_not_sent
from apigateway.replay.placeholders import app_code_mark, signature_mark
from apigateway.replay.restoring import Restorer
from apigateway.replay.signing import Resigner, signed_string

LATER_MS = NOW_MS + 86_400_000
THROTTLED = a_refusal(429, "T429PA", "Throttled by API Flow Control")
SECRETS = {KEY: APP.secret}


class Scripted(Line):
    """Answers as told, and keeps what it was sent."""

    def __init__(self, *answers: Answer | NoAnswer) -> None:
        super().__init__(Target("http", "127.0.0.1", 1))
        self.answers = list(answers)
        self.sent: list[CallerRequest] = []

    async def send(self, request: CallerRequest) -> Answer:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


def run(line: Line, *calls: CapturedCall, fresh: bool = True, **more: Any) -> list[LiveCall]:
    replay = LiveReplay(
        lambda scheme: line if scheme == "http" else None,
        restorer=Restorer(SECRETS, {}, tokens=False),
        resigner=Resigner(SECRETS) if fresh else None,
        clock_ms=lambda: LATER_MS,
        **more,
    )
    return asyncio.run(replay.run(calls))


def test_calls_are_signed_anew_or_go_as_they_were() -> None:
    call = a_call(a_signed_request("/a"))
    line = Scripted(an_answer(), an_answer())
    (fresh,) = run(line, call)
    (frozen,) = run(line, call, fresh=False)
    assert fresh.found == frozen.found == ()
    anew, as_it_was = line.sent
    assert anew.headers.first("X-Ca-Timestamp") == str(LATER_MS)
    assert signed_string(anew, SECRET) == 1
    assert as_it_was == call.request


def test_a_scrubbed_signature_is_made_again_in_both() -> None:
    request = a_signed_request("/a")
    mark = signature_mark(KEY, "HmacSHA256", 1)
    fields = [(n, mark if n == "X-Ca-Signature" else v) for n, v in request.headers.fields]
    call = a_call(replace(request, headers=Headers(fields)))
    line = Scripted(an_answer(), an_answer())
    run(line, call)
    run(line, call, fresh=False)
    assert [signed_string(sent, SECRET) for sent in line.sent] == [1, 1]


def test_what_differs_is_told_and_explained() -> None:
    line = Scripted(an_answer(500), THROTTLED, an_answer(body=b"other"))
    found = run(line, *[a_call()] * 3)
    assert [one.number for one in found] == [1, 2, 3]
    assert [str(one.found[0].kind) for one in found[:2] if one.found] == ["status", "now refused"]
    assert [bool(one.explained) for one in found] == [False, True, False]
    assert found[2].found == ()


def test_bodies_only_where_that_is_asked_and_not_of_placeholders() -> None:
    scrubbed = a_call(answer=an_answer(body=b"scrubbed:x"))
    line = Scripted(an_answer(body=b"other"), an_answer(body=b"other"))
    first, second = run(line, a_call(), scrubbed, bodies=True)
    assert first.found
    assert second.found == ()


def test_fields_of_one_answer_are_not_compared() -> None:
    before = a_call(answer=an_answer(fields=[("ETag", "1"), ("Content-Type", "a/b")]))
    line = Scripted(an_answer(fields=[("etag", "2"), ("content-type", "a/b")]), an_answer())
    same, without_type = run(line, before, before)
    assert same.found == ()
    assert without_type.found


def test_one_without_an_answer_failed_and_the_others_go_on() -> None:
    line = Scripted(an_answer(), NotReached("gone"), an_answer())
    found = run(line, *[a_call()] * 3)
    assert [one.failed for one in found] == ["", "gone", ""]


def test_nobody_there_at_first_ends_it() -> None:
    with pytest.raises(NotReached, match="nobody"):
        run(Scripted(NotReached("nobody")), a_call(), a_call())


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (a_call(lacks="its body"), "its body"),
        (a_call(edge=of_the_edge()), "before any stage"),
        (a_call(answer=None), "no answer"),
        (a_call(a_request("/a?t=eyJh.e30.scrubbed")), "token was scrubbed"),
        (
            a_call(a_request("/a", [("X-Ca-Signature", signature_mark("9", "HmacSHA256", 1))])),
            "no app has the AppKey 9",
        ),
        (a_call(a_request(f"/a?AppCode={app_code_mark(KEY)}")), "has none"),
    ],
)
def test_what_cannot_be_sent_as_it_was_is_not_sent(call: CapturedCall, why: str) -> None:
    assert why in why_not_sent(call, call.request)
    line = Scripted()
    (found,) = run(line, call)
    assert why in found.not_sent
    assert not line.sent


def test_a_scheme_without_a_gateway() -> None:
    (found,) = run(Scripted(), a_call(a_request(scheme="https")))
    assert found.not_sent == "it came over https, and no --to is an https:// URL"


def test_what_a_gateway_will_say_to_calls_of_another_time() -> None:
    calls = [a_call(a_signed_request("/a")), a_call(a_request("/a"))]
    assert spent(calls, NOW_MS + 1000) == (0, 1)
    assert spent(calls, LATER_MS) == (1, 0)


def test_a_pace_is_kept_without_a_burst_after_a_rest() -> None:
    now, slept = [100.0], []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    async def turns() -> None:
        pace = Pace(10, clock=lambda: now[0], sleep=sleep)
        for _ in range(3):
            await pace.turn()
        now[0] = 200.0
        await pace.turn()
        await Pace(0, clock=lambda: now[0], sleep=sleep).turn()

    asyncio.run(turns())
    assert slept == [0.1, 0.2]
