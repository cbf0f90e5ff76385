"""How a call is counted, in windows of the clock and in buckets. Pure: rows in, tally and rows out.

Of each key the last window is on record, and a clock that is not where the record is meets one of
four rules:

- later than the record: a new window, counted from zero;
- one window earlier (a clock set back over the edge of a window): counted in the window on
  record, so stepping back gives no free calls;
- earlier than that (the recorded window was reached with a clock that ran far ahead): what was
  used is carried into the window of now. Nothing is given back, and nobody is locked out until
  the clock has caught up. The move is kept even when the call is refused, else a full counter
  would be carried from window to window;
- inside a recorded window that is not the one of now (the time zone was changed): what was used
  is carried too.

A bucket holds calls in millionths and leaks `ceiling` calls a second. A clock set back stops the
leak until it has caught up, for at most a second; further back, the level is carried to now.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from apigateway.ports import Limit, Standing, Tally

CALL = 1_000_000
"""One call in a bucket, which leaks `ceiling * CALL / 1000` a millisecond."""

PATIENCE_MS = 1_000

_tuple = tuple.__new__


class Count(NamedTuple):
    """What is on record for one key: `used` calls of the window of `length_ms` that starts at
    `start_ms`; or, with a length of 0, the level of a bucket as it was at `start_ms`."""

    key: str
    length_ms: int
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

    After a refusal those are only the counts that moved back to another time, uncharged.
    """
    charged: list[Count] = []
    standings: list[Standing] = []
    for limit in limits:
        key, length_ms, start_ms, used = count_at(recorded.get(limit.key), limit, now_ms)
        if limit.queue is None:
            if used >= limit.ceiling:
                break
            used += 1
            # Ten tuples a call: made without a Python function each.
            charged.append(_tuple(Count, (key, length_ms, start_ms, used)))
            standings.append(_tuple(Standing, (limit, used, start_ms + length_ms, 0)))
        else:
            count = Count(key, length_ms, start_ms, used + CALL)
            if count.used > (limit.ceiling + limit.queue) * CALL or not limit.ceiling:
                break
            charged.append(count)
            standings.append(standing(limit, count, now_ms))
    else:
        return Tally(tuple(standings)), charged
    counts = [count_at(recorded.get(limit.key), limit, now_ms) for limit in limits]
    moved = [
        count
        for count in counts
        if (before := recorded.get(count.key)) is not None and count.start_ms < before.start_ms
    ]
    return look(limits, counts, now_ms), moved


def look(limits: Sequence[Limit], counts: Sequence[Count], now_ms: int) -> Tally:
    """How counts of now stand, and which would refuse a call; nothing is charged."""
    standings = tuple(
        standing(limit, count, now_ms) for limit, count in zip(limits, counts, strict=True)
    )
    full = (
        found
        for found, limit, count in zip(standings, limits, counts, strict=True)
        if is_full(limit, count)
    )
    return Tally(standings, next(full, None))


def count_at(recorded: Count | None, limit: Limit, now_ms: int) -> Count:
    """What `limit` has used at `now_ms`."""
    if limit.queue is not None:
        return _level_at(recorded, limit, now_ms)
    window = limit.zone.window_at(limit.unit, now_ms)
    if recorded is not None and recorded.start_ms == window.start_ms and recorded.length_ms:
        return recorded
    fresh = Count(limit.key, window.end_ms - window.start_ms, window.start_ms, 0)
    if recorded is None or not recorded.length_ms:
        return fresh
    if recorded.start_ms + recorded.length_ms <= window.start_ms:
        return fresh
    if window.start_ms <= recorded.start_ms <= window.end_ms:
        return recorded
    return fresh._replace(used=recorded.used)


def _level_at(recorded: Count | None, limit: Limit, now_ms: int) -> Count:
    if recorded is None or recorded.length_ms:
        return Count(limit.key, 0, now_ms, 0)
    ahead_ms = recorded.start_ms - now_ms
    if ahead_ms > PATIENCE_MS:
        return recorded._replace(start_ms=now_ms)
    if ahead_ms >= 0:
        return recorded
    leaked = -ahead_ms * limit.ceiling * (CALL // 1000)
    return Count(limit.key, 0, now_ms, max(0, recorded.used - leaked))


def is_full(limit: Limit, count: Count) -> bool:
    """Whether one more call would be too many."""
    if limit.queue is None:
        return count.used >= limit.ceiling
    return count.used + CALL > (limit.ceiling + limit.queue) * CALL or not limit.ceiling


def standing(limit: Limit, count: Count, now_ms: int) -> Standing:
    if limit.queue is None:
        return Standing(limit, count.used, count.start_ms + count.length_ms)
    rate = max(1, limit.ceiling) * (CALL // 1000)
    if is_full(limit, count):
        over = count.used + CALL - (limit.ceiling + limit.queue) * CALL
        resets_ms = count.start_ms + _divided_up(over, rate)
    else:
        resets_ms = count.start_ms + _divided_up(count.used, rate)
    over = count.used - limit.ceiling * CALL
    wait_ms = count.start_ms + _divided_up(over, rate) - now_ms if over > 0 else 0
    return Standing(limit, _divided_up(count.used, CALL), resets_ms, wait_ms)


def _divided_up(number: int, by: int) -> int:
    return -(-number // by)
