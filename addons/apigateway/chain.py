"""The chain of stages: linked and checked once, then walked one step at a time, fail closed.

Whatever drives the chain (the proxy's adapter, a replay, a dry run, a test) uses `advance`, so
there is one place that decides what a crashed or skipped stage means: a refusal.
"""

import inspect
import logging
import time
import typing
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, Received, Reply, Signed
from apigateway.ports import StoreUnavailable

logger = logging.getLogger(__name__)

Stage = Callable[[Any], Any]


class ChainError(TypeError):
    """The stages do not fit together; the text names the two that do not."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and the passes at its doors. `name` is the stage's class name."""

    name: str
    stage: Stage
    enters: type[Received]
    leaves: type[Received]


def link(*stages: Stage) -> tuple[Step, ...]:
    """The stages as steps, proven to lead from Received to Signed without a gap.

    Raises:
        ChainError: a stage is missing, out of order, or does not say what it takes and gives.
    """
    steps = tuple(_step_of(stage) for stage in stages)
    door: type[Received] = Received
    before = "the call"
    for step in steps:
        if step.enters is not door:
            raise ChainError(
                f"{step.name} takes {step.enters.__name__}, but {before} gives {door.__name__}: "
                "a stage is missing or out of order"
            )
        door, before = step.leaves, step.name
    if door is not Signed:
        raise ChainError(f"the chain ends with {door.__name__}, not with Signed")
    return steps


def _step_of(stage: Stage) -> Step:
    name = type(stage).__name__
    hints = typing.get_type_hints(type(stage).__call__)
    leaves = hints.pop("return", None)
    enters = next(iter(hints.values()), None)
    if not (_is_pass(enters) and _is_pass(leaves) and len(hints) == 1):
        raise ChainError(f"{name} does not say which pass it takes and which it gives")
    return Step(name, stage, enters, leaves)


def _is_pass(hint: object) -> typing.TypeGuard[type[Received]]:
    return inspect.isclass(hint) and issubclass(hint, Received)


@dataclass(slots=True, eq=False)
class Call:
    """One call on its way. `state` is the last pass it got; it ends with a refusal or an answer.

    `took_ms` is the time in each stage by name. Times of day are milliseconds since the epoch;
    `started` and `finished` are of the monotonic clock, in seconds.
    """

    request_id: str
    received_ms: int
    state: Received | None = None
    refusal: Refusal | None = None
    refused_by: str = ""
    answer: Answer | None = None
    took_ms: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    recorded: bool = False

    @property
    def ended(self) -> bool:
        return self.refusal is not None or self.answer is not None

    def refuse(self, refusal: Refusal, by: str) -> None:
        """The first refusal stands; an answer that was there is withdrawn."""
        if self.refusal is None:
            self.refusal, self.refused_by, self.answer = refusal, by, None


async def advance(call: Call, step: Step) -> None:
    """Let a stage decide. Afterwards the call has the stage's pass, or a refusal.

    A pass that is not the one the stage takes (a stage before it was skipped, crashed or taken
    out), a crash in the stage and a wrong pass at its end are bugs, and answered INTERNAL.
    """
    rest = begin(call, step)
    if rest is not None:
        await rest


def begin(call: Call, step: Step) -> Coroutine[Any, Any, None] | None:
    """As `advance`; None once the stage has decided, else what is to be awaited for that. Most
    stages wait for nothing, and a coroutine for each of them would cost as much as they do."""
    if call.refusal is not None or call.answer is not None:
        return None
    began = time.perf_counter()
    try:
        if type(call.state) is not step.enters:
            found = type(call.state).__name__
            raise ChainError(f"{step.name} takes {step.enters.__name__}, but got {found}")
        left = step.stage(call.state)
        if type(left) is not step.leaves:
            if inspect.isawaitable(left):
                return _finish(call, step, left, began)
            raise ChainError(f"{step.name} gave {type(left).__name__}")
        call.state = left
    except Exception as problem:
        _end(call, step, problem)
    call.took_ms[step.name] = (time.perf_counter() - began) * 1000
    return None


async def _finish(call: Call, step: Step, deciding: Awaitable[Any], began: float) -> None:
    try:
        left = await deciding
        if type(left) is not step.leaves:
            raise ChainError(f"{step.name} gave {type(left).__name__}")
        call.state = left
    except Exception as problem:
        _end(call, step, problem)
    finally:
        call.took_ms[step.name] = (time.perf_counter() - began) * 1000


def _end(call: Call, step: Step, problem: Exception) -> None:
    """What a stage raised ends the call; fail closed: whatever a stage does, it is refused."""
    if isinstance(problem, Refusal):
        call.refuse(problem, problem.stage or step.name)
    elif isinstance(problem, Reply):
        call.answer = problem.answer
    elif isinstance(problem, StoreUnavailable):
        logger.error("[%s] %s: the store is unavailable: %s", call.request_id, step.name, problem)
        call.refuse(Refusal(Fault.BUSY, f"store: {problem}", retry_after_s=1), step.name)
    else:
        logger.error("[%s] %s crashed", call.request_id, step.name, exc_info=problem)
        kind = type(problem).__name__
        call.refuse(Refusal(Fault.INTERNAL, f"{kind}: {problem}"), step.name)


async def walk(call: Call, steps: Sequence[Step]) -> Call:
    """Take a received call through every stage (for replays, dry runs and tests)."""
    for step in steps:
        await advance(call, step)
    return call
