"""Linking the stages, and walking them fail closed."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from unit.build import (
    DOMAIN,
    NOW_MS,
    REQUEST_ID,
    a_catalog,
    a_pass,
    an_api,
    parameter,
    rooms,
    serve,
    whole_chain,
)

from apigateway.chain import Call, ChainError, Step, advance, link, walk
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Answer, Received, Routed, Signed
from apigateway.model.api import Location, Mode
from apigateway.model.catalog import ServedApi
from apigateway.ports import StoreUnavailable

NAMES = [
    "Routing",
    "Access",
    "Authentication",
    "Authorization",
    "Throttling",
    "Validation",
    "Mapping",
    "Resolution",
    "VpcAllowList",
    "Signing",
]


def received(served: ServedApi | None = None, **changes: Any) -> Received:
    return a_pass(Received, served, **changes)


def call_of(state: Received | None) -> Call:
    return Call(REQUEST_ID, NOW_MS, state)


def run(call: Call, *steps: Step) -> Call:
    return asyncio.run(walk(call, steps))


class Recorder:
    """Stands in for every stage of the real chain and notes which were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def over(self, steps: tuple[Step, ...]) -> list[Step]:
        return [self._around(step) for step in steps]

    def _around(self, step: Step) -> Step:
        def stage(call: Any) -> Any:
            self.called.append(step.name)
            return step.stage(call)

        return Step(step.name, stage, step.enters, step.leaves)


def broken(step: Step, outcome: Callable[[Any], Any]) -> Step:
    return Step(step.name, outcome, step.enters, step.leaves)


def raising(problem: BaseException) -> Callable[[Any], Any]:
    def stage(_: Any) -> Any:
        raise problem

    return stage


# --- link


def test_the_ten_stages_lead_from_received_to_signed() -> None:
    steps = whole_chain()
    assert [step.name for step in steps] == NAMES
    assert steps[0].enters is Received
    assert steps[-1].leaves is Signed
    for before, after in itertools.pairwise(steps):
        assert before.leaves is after.enters


@pytest.mark.parametrize("left_out", range(10), ids=NAMES)
def test_a_chain_without_one_of_its_stages_is_refused(left_out: int) -> None:
    stages = rooms()
    del stages[left_out]
    with pytest.raises(ChainError):
        link(*stages)


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(range(10), 2)])
def test_a_chain_with_two_stages_exchanged_is_refused(one: int, other: int) -> None:
    stages = rooms()
    stages[one], stages[other] = stages[other], stages[one]
    with pytest.raises(ChainError):
        link(*stages)


@pytest.mark.parametrize("twice", range(10), ids=NAMES)
def test_a_chain_with_a_stage_twice_is_refused(twice: int) -> None:
    stages = rooms()
    stages.insert(twice, stages[twice])
    with pytest.raises(ChainError):
        link(*stages)


def test_an_empty_chain_is_refused() -> None:
    with pytest.raises(ChainError, match="ends with Received"):
        link()


def test_the_message_names_the_two_that_do_not_fit() -> None:
    stages = rooms()
    del stages[1]
    with pytest.raises(
        ChainError, match=r"^Authentication takes Admitted, but Routing gives Routed"
    ):
        link(*stages)


class NoAnnotations:
    def __call__(self, call):  # type: ignore[no-untyped-def]
        return call


class NoReturn:
    def __call__(self, call: Received):  # type: ignore[no-untyped-def]
        return call


class OtherTypes:
    def __call__(self, call: str) -> Routed:
        raise NotImplementedError


class TwoArguments:
    def __call__(self, call: Received, more: int) -> Routed:
        raise NotImplementedError


class NotCallable:
    pass


@pytest.mark.parametrize(
    "stage", [NoAnnotations(), NoReturn(), OtherTypes(), TwoArguments(), NotCallable()]
)
def test_a_stage_that_does_not_say_what_it_takes_and_gives_is_refused(stage: Any) -> None:
    name = type(stage).__name__
    with pytest.raises(ChainError, match=f"^{name} does not say"):
        link(stage, *rooms()[1:])


def test_a_function_is_no_stage() -> None:
    def routing(call: Received) -> Routed:
        raise NotImplementedError

    with pytest.raises(ChainError):
        link(routing, *rooms()[1:])


# --- walking


def test_a_good_call_goes_through_every_stage_once_and_is_signed() -> None:
    recorder = Recorder()
    call = run(call_of(received()), *recorder.over(whole_chain()))
    assert call.refusal is None
    assert type(call.state) is Signed
    assert recorder.called == NAMES
    assert list(call.took_ms) == NAMES
    assert not call.ended


@pytest.mark.parametrize(
    "problem",
    [
        RuntimeError("a bug"),
        KeyError("x"),
        TypeError(),
        AssertionError(),
        RecursionError(),
        MemoryError(),
        UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
        StopIteration(),
        TimeoutError(),
    ],
    ids=lambda problem: type(problem).__name__,
)
@pytest.mark.parametrize("at", range(10), ids=NAMES)
def test_a_stage_that_crashes_refuses_the_call_with_500(
    at: int, problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    steps = list(whole_chain())
    steps[at] = broken(steps[at], raising(problem))
    with caplog.at_level(logging.ERROR):
        call = run(call_of(received()), *steps)
    assert call.refusal is not None
    assert call.refusal.fault is Fault.INTERNAL
    assert call.refusal.fault.value.status == 500
    assert call.refused_by == NAMES[at]
    assert call.refusal.detail.startswith(type(problem).__name__)
    assert REQUEST_ID in caplog.text


@pytest.mark.parametrize("at", range(10), ids=NAMES)
def test_a_stage_whose_store_is_unavailable_refuses_the_call_with_503(at: int) -> None:
    steps = list(whole_chain())
    steps[at] = broken(steps[at], raising(StoreUnavailable("locked")))
    call = run(call_of(received()), *steps)
    assert call.refusal is not None
    assert call.refusal.fault is Fault.BUSY
    assert call.refusal.fault.value.status == 503
    assert call.refusal.retry_after_s == 1
    assert call.refusal.detail == "store: locked"
    assert call.refused_by == NAMES[at]


def test_an_async_stage_that_crashes_refuses_the_call_too() -> None:
    async def stage(_: Any) -> Any:
        raise ValueError("late")

    steps = list(whole_chain())
    steps[2] = broken(steps[2], stage)
    call = run(call_of(received()), *steps)
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL
    assert call.refusal.detail == "ValueError: late"


@pytest.mark.parametrize("at", range(10), ids=NAMES)
@pytest.mark.parametrize(
    "gives", [lambda call: None, lambda call: call, lambda call: True], ids=["None", "own", "True"]
)
def test_a_stage_that_gives_the_wrong_pass_refuses_the_call(
    at: int, gives: Callable[[Any], Any]
) -> None:
    steps = list(whole_chain())
    steps[at] = broken(steps[at], gives)
    call = run(call_of(received()), *steps)
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL
    assert call.refused_by == NAMES[at]
    assert type(call.state) is steps[at].enters


def test_a_stage_that_gives_a_pass_of_a_later_stage_refuses_the_call() -> None:
    steps = list(whole_chain())
    steps[0] = broken(steps[0], lambda call: a_pass(Signed))
    call = run(call_of(received()), *steps)
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL


@pytest.mark.parametrize("skipped", range(9), ids=NAMES[:9])
def test_a_skipped_stage_stops_the_call_at_the_next_one(skipped: int) -> None:
    recorder = Recorder()
    steps = recorder.over(whole_chain())
    del steps[skipped]
    call = run(call_of(received()), *steps)
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL
    assert call.refused_by == NAMES[skipped + 1]
    assert recorder.called == NAMES[:skipped]


def test_without_the_last_stage_the_call_has_no_signed_pass() -> None:
    call = run(call_of(received()), *whole_chain()[:-1])
    assert type(call.state) is not Signed


def test_a_refusal_of_another_stage_is_told_in_its_name() -> None:
    steps = list(whole_chain())
    at = NAMES.index("Throttling")
    steps[at] = broken(steps[at], raising(Refusal(Fault.NONCE_USED, stage="Authentication")))
    call = run(call_of(received()), *steps)
    assert (call.refused_by, type(call.state)) == ("Authentication", steps[at].enters)
    assert "Throttling" in call.took_ms


def test_a_call_that_was_never_received_is_refused_by_the_first_stage() -> None:
    call = run(call_of(None), *whole_chain())
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL
    assert call.refused_by == "Routing"


@pytest.mark.parametrize("at", range(10), ids=NAMES)
def test_after_a_refusal_no_later_stage_is_called(at: int) -> None:
    recorder = Recorder()
    steps = recorder.over(whole_chain())
    steps[at] = broken(steps[at], raising(Refusal(Fault.UNAUTHORIZED, "no")))
    call = run(call_of(received()), *steps)
    assert recorder.called == NAMES[:at]
    assert call.refusal is not None and call.refusal.fault is Fault.UNAUTHORIZED
    assert call.refused_by == NAMES[at]
    assert type(call.state) is steps[at].enters


def test_a_call_that_was_answered_is_not_advanced() -> None:
    recorder = Recorder()
    call = call_of(received())
    call.answer = Answer(status=200, reason="", headers=(), body=b"", elapsed_ms=0.0)
    run(call, *recorder.over(whole_chain()))
    assert call.ended and recorder.called == []


def test_the_first_refusal_stands_and_an_answer_is_withdrawn() -> None:
    call = call_of(received())
    call.answer = Answer(status=200, reason="", headers=(), body=b"", elapsed_ms=0.0)
    call.refuse(Refusal(Fault.BUSY, "first"), "one")
    call.refuse(Refusal(Fault.INTERNAL, "second"), "two")
    assert call.answer is None
    assert call.refusal is not None and call.refusal.fault is Fault.BUSY
    assert call.refused_by == "one"


def test_a_call_that_is_cancelled_is_not_swallowed_and_stays_undecided() -> None:
    step = broken(whole_chain()[0], raising(asyncio.CancelledError()))
    call = call_of(received())
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(advance(call, step))
    assert type(call.state) is Received


def test_a_subclass_of_the_pass_is_not_the_pass() -> None:
    step = whole_chain()[1]
    call = call_of(a_pass(Admitted))
    asyncio.run(advance(call, step))
    assert call.refusal is not None and call.refusal.fault is Fault.INTERNAL
    assert call.refusal.detail == "ChainError: Access takes Routed, but got Admitted"


# --- what only the whole chain decides


def outcome(served: ServedApi, **changes: Any) -> Fault | None:
    """How a call to the one API of a catalog ends: its fault, or None."""
    state = a_pass(Received, served, catalog=a_catalog(served), **changes)
    assert state.host == DOMAIN
    call = run(call_of(state), *whole_chain())
    return call.refusal.fault if call.refusal else None


def test_two_content_types_are_refused_on_an_anonymous_api_too() -> None:
    served = serve(an_api(method="POST", request={"mode": Mode.PASSTHROUGH}))
    two = [("Content-Type", "application/json"), ("Content-Type", "text/xml")]
    fault = outcome(served, method="POST", body=b"{}", headers=two)
    assert fault is not None
    assert fault.value.status == 400


BYTES = "a\udcff%20b"


@pytest.mark.parametrize("mode", Mode)
def test_a_path_value_that_is_not_utf8_is_a_callers_fault(mode: Mode) -> None:
    served = serve(
        an_api(
            path="/f/[city]",
            backend_path="/b/[city]",
            request={
                "mode": mode,
                "parameters": (parameter("city", Location.PATH, required=True),),
            },
        )
    )
    for path in ("/f/\udcff", "/f/" + BYTES):
        fault = outcome(served, path=path)
        assert fault is not None and fault.value.status == 400, (path, fault)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("query", ["q=\udcff", "q=" + BYTES, "\udcff=1", "other=\udcff%41"])
def test_a_query_that_is_not_utf8_never_crashes_a_stage(mode: Mode, query: str) -> None:
    request = {"mode": mode, "parameters": (parameter("q", pattern="[a-z]*"),)}
    served = serve(an_api(request=request))
    fault = outcome(served, query=query)
    assert fault is None or fault.value.status == 400, fault


def test_a_header_that_is_not_utf8_never_crashes_a_stage() -> None:
    declared = parameter("X-City", Location.HEADER, pattern="[a-z]*")
    served = serve(an_api(request={"parameters": (declared,)}))
    fault = outcome(served, headers=[("X-City", "caf\udce9")])
    assert fault is not None and fault.value.status == 400, fault
