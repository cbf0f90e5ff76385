"""How a call is counted in windows of the clock. Pure: rows in, tally and rows out.

A window starts on a whole unit in UTC. Of each key the last window is on record, and a clock
that is not where the record is meets one of three rules:

- later than the record: a new window, counted from zero;
- one window earlier (a clock set back over the edge of a window): counted in the window on
  record, so stepping back gives no free calls;
- earlier than that (the recorded window was reached with a clock that ran far ahead): what was
  used is carried into the window of now. Nothing is given back, and nobody is locked out until
  the clock has caught up. The move is kept even when the call is refused, else a full counter
  would be carried from window to window.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from apigateway.ports import Limit, Standing, Tally


class Count(NamedTuple):
    """`used` calls in the window of `unit_ms` that starts at `start_ms`, for one key."""

    key: str
    unit_ms: int
    start_ms: int
    used: int


def distinct_keys(limits: Iterable[Limit]) -> list[str]:
    """The keys of `limits`, in order.

    Raises:
        ValueError: two limits share a key, so one call would be charged twice.
    """
    keys = [limit.key for limit in limits]
    if len(set(keys)) != len(keys):
        raise ValueError(f"two limits of one take share a key: {sorted(keys)}")
    return keys


def charge(
    limits: Sequence[Limit], recorded: Mapping[str, Count], now_ms: int
) -> tuple[Tally, list[Count]]:
    """Charge one call to all limits or to none; also returns the counts to put on record.

    After a refusal those are only the counts that moved to another window, uncharged.
    """
    counts: list[Count] = []
    moved: list[Count] = []
    full: int | None = None
    for place, limit in enumerate(limits):
        before = recorded.get(limit.key)
        count = _at(before, limit, now_ms)
        if before is not None and count.start_ms < before.start_ms:
            moved.append(count)
        if full is None and count.used >= limit.ceiling:
            full = place
        counts.append(count)
    if full is None:
        counts = [Count(key, unit_ms, start, used + 1) for key, unit_ms, start, used in counts]
    standings = tuple(
        Standing(limit, used, start_ms + unit_ms)
        for limit, (_, unit_ms, start_ms, used) in zip(limits, counts, strict=True)
    )
    if full is None:
        return Tally(standings), counts
    return Tally(standings, standings[full]), moved


def _at(recorded: Count | None, limit: Limit, now_ms: int) -> Count:
    """What `limit` has used at `now_ms`. A record kept in another unit is no record."""
    unit_ms = limit.unit.milliseconds
    start_ms = now_ms - now_ms % unit_ms
    if recorded is None or recorded.unit_ms != unit_ms or recorded.start_ms < start_ms:
        return Count(limit.key, unit_ms, start_ms, 0)
    if recorded.start_ms - start_ms <= unit_ms:
        return recorded
    return Count(limit.key, unit_ms, start_ms, recorded.used)
