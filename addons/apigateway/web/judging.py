"""Flows through the chain again, offline: what every stage decides now, and what ends otherwise."""

from typing import Any

from apigateway.errors import Fault
from apigateway.model.catalog import Catalog
from apigateway.ports import Counters
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome
from apigateway.replay.seen import refusal_of
from apigateway.replay.unspent import NoCounters, StandingCounters
from apigateway.trail.trail import trail_of

MARK = " | replayed: "
"""In a comment, before what came of the last replay."""

SAME = "ends as it did"


async def judged(call: CapturedCall, catalog: Catalog, counters: Counters) -> dict[str, Any]:
    """The trail of the call against what is served, with limits as they stand. Nothing is spent."""
    chain = OfflineChain(catalog, counters=StandingCounters(counters))
    return trail_of(await chain.run(call), catalog.settings.errors)


async def replayed(call: CapturedCall, catalog: Catalog) -> str:
    """How the call ends against what is served, compared with how it ended: `ends as it did`, the
    differences, or why it was not compared. Limits refuse nothing, nonces are new."""
    if call.lacks:
        return f"not compared: {call.lacks}"
    before = captured_outcome(call)
    if before is None:
        return "not compared: it has no answer"
    spent = _spent(call)
    if spent:
        return f"not compared: {spent}"
    after = await OfflineChain(catalog, counters=NoCounters()).outcome(call)
    found = differences(before, after)
    return "; ".join(map(str, found)) if found else SAME


def _spent(call: CapturedCall) -> str:
    """Why the call was refused for what was spent before it, which a replay does not know."""
    if call.refused_by == "Throttling":
        return "a limit refused it, and limits are off in a replay"
    refusal = None if call.answer is None else refusal_of(call.answer)
    if refusal is not None and refusal.fault is Fault.NONCE_USED:
        return "its nonce had been used, and nonces are new in a replay"
    return ""


def with_result(comment: str, result: str) -> str:
    """A comment with the result of the last replay behind it."""
    return f"{comment.partition(MARK)[0]}{MARK}{result}"
