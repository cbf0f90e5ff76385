"""Every captured call through what is live and through what would be, and what would differ.

Both sides judge at the time of the call, count its limits from zero and know the same nonces;
backends answer as they did. Nothing is sent or spent.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apigateway.chain import Call
from apigateway.exchange import Identified, Routed
from apigateway.rehearsal.causes import Cause, cause_of, distinct
from apigateway.rehearsal.showing import Side, caller_line, shown_differences
from apigateway.rehearsal.sides import Sides
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Difference, Kind, differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import outcome_of
from apigateway.trail.trail import trail_of

EXAMPLES = 20
"""Calls of a cause that are kept with all that was decided of them."""

MOST_WITH_EXAMPLES = 500
"""Where there are more causes than these, as callers can make them, no more examples are kept than
one of each."""

Trail = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A call that would end otherwise, without secrets. `number` counts from 1 in the order of
    time; `app` is "" where none is known; `before` and `after` say what every stage decided."""

    number: int
    request_id: str
    line: str
    app: str
    found: tuple[Difference, ...]
    before: Trail
    after: Trail


@dataclass(slots=True, kw_only=True)
class Group:
    """Calls that differ for one reason: all by number with their request id, some as examples,
    each with the difference that this is the cause of. `callers` are the apps, with how many of
    the calls are theirs; "" is nobody known."""

    cause: Cause
    calls: list[tuple[int, str]] = field(default_factory=list)
    callers: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[Example, Difference]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Report:
    """`same`, `differing`, `reworded` (no other difference), `not_touched` and `not_judged` add up
    to all calls. `by_api` has the calls of each API that is touched, and how many of them are
    `differing`."""

    sides: Sides
    calls: int = 0
    same: int = 0
    differing: int = 0
    reworded: int = 0
    not_touched: int = 0
    not_judged: list[tuple[int, str]] = field(default_factory=list)
    by_api: dict[str, list[int]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    @property
    def breaking(self) -> list[Group]:
        """All but those that break nobody."""
        return [group for group in self.groups if not group.cause.breaks_nobody]


class Rehearsal:
    """Takes calls one by one, in the order of time; `report` says what was found.

    `live` and `candidate` judge against the two sides. Their counters and nonces are their own.
    """

    def __init__(
        self,
        sides: Sides,
        live: OfflineChain,
        candidate: OfflineChain,
        *,
        examples: int = EXAMPLES,
    ) -> None:
        self._sides = sides
        self._live, self._candidate = live, candidate
        self._examples = examples
        self._style = sides.live.settings.errors
        self._report = Report(sides=sides)
        self._groups: dict[Cause, Group] = {}

    async def take(self, captured: CapturedCall) -> None:
        report = self._report
        report.calls += 1
        if captured.lacks:
            report.not_judged.append((report.calls, captured.lacks))
            return
        if captured.edge is not None or not self._sides.may_differ(captured.request):
            report.not_touched += 1
            return
        known = captured if captured.request_id else _with_an_id(captured)
        before = await self._live.run(known)
        after = await self._candidate.run(known)
        if _end_alike(before, after):
            self._count(before, after, differs=False)
            report.same += 1
            return
        old, new = outcome_of(before, self._style), outcome_of(after, self._style)
        found = differences(old, new)
        causes = [cause_of(one, old, new) for one in found]
        matters = any(not cause.breaks_nobody for cause in causes)
        self._count(before, after, differs=matters)
        if not found:
            report.same += 1
            return
        report.differing += matters
        report.reworded += not matters
        self._keep(captured, before, after, found, causes)

    def report(self) -> Report:
        """What was found so far: calls that are refused now, then other differences, those that
        break nobody last; of each the cause of most calls first."""
        named = distinct(self._groups)
        for cause, group in self._groups.items():
            group.cause = named[cause]
        self._report.groups = sorted(
            self._groups.values(),
            key=lambda one: (
                one.cause.breaks_nobody,
                one.cause.kind is not Kind.NOW_REFUSED,
                -len(one.calls),
                one.cause.full_name,
            ),
        )
        return self._report

    def _count(self, before: Call, after: Call, *, differs: bool) -> None:
        api = _api_of(before) or _api_of(after)
        if api:
            counted = self._report.by_api.setdefault(api, [0, 0])
            counted[0] += 1
            counted[1] += differs

    def _keep(
        self,
        captured: CapturedCall,
        before: Call,
        after: Call,
        found: tuple[Difference, ...],
        causes: list[Cause],
    ) -> None:
        number, app = self._report.calls, _app_of(before) or _app_of(after)
        example: Example | None = None
        for at, cause in enumerate(causes):
            group = self._groups.get(cause)
            if group is None:
                group = self._groups[cause] = Group(cause=cause)
            group.calls.append((number, captured.request_id))
            group.callers[app] += 1
            most = self._examples if len(self._groups) <= MOST_WITH_EXAMPLES else 1
            if len(group.examples) < most:
                example = example or self._example(number, app, captured, before, after, found)
                group.examples.append((example, example.found[at]))

    def _example(
        self,
        number: int,
        app: str,
        captured: CapturedCall,
        before: Call,
        after: Call,
        found: tuple[Difference, ...],
    ) -> Example:
        old, new = self._side(before), self._side(after)
        return Example(
            number=number,
            request_id=captured.request_id,
            line=caller_line(captured.request, old, new),
            app=app,
            found=shown_differences(found, old, new),
            before=old.trail,
            after=new.trail,
        )

    def _side(self, call: Call) -> Side:
        """The time in all is that of the stages: the other side was run meanwhile."""
        trail = trail_of(call, self._style)
        trail["total_ms"] = round(sum(call.took_ms.values()), 3)
        return Side(call, trail)


async def rehearse(
    sides: Sides,
    live: OfflineChain,
    candidate: OfflineChain,
    calls: Iterable[CapturedCall],
    *,
    examples: int = EXAMPLES,
) -> Report:
    """All of the calls, which have a time and come in its order."""
    rehearsal = Rehearsal(sides, live, candidate, examples=examples)
    for call in calls:
        await rehearsal.take(call)
    return rehearsal.report()


def _with_an_id(captured: CapturedCall) -> CapturedCall:
    """A call whose capture tells no request id has one and the same on both sides."""
    kept = {**(captured.trail or {}), "request_id": str(uuid.uuid4()).upper()}
    return replace(captured, trail=kept)


def _end_alike(before: Call, after: Call) -> bool:
    """Whether one and the same API let the call pass, or refused it for one and the same reason,
    on both sides: then its outcome is the same, and need not be made to be compared."""
    old, new = before.state, after.state
    if not (isinstance(old, Routed) and isinstance(new, Routed)) or old.served is not new.served:
        return False
    if before.refusal is None or after.refusal is None:
        return before.refusal is after.refusal
    return (
        before.refusal.fault is after.refusal.fault and before.refusal.parts == after.refusal.parts
    )


def _api_of(call: Call) -> str:
    state = call.state
    return f"{state.bound.group.name}/{state.served.api.name}" if isinstance(state, Routed) else ""


def _app_of(call: Call) -> str:
    """By name; of a call that was refused before its app was known, ""."""
    state = call.state
    return state.app.name if isinstance(state, Identified) and state.app is not None else ""
