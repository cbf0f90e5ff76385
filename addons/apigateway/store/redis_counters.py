"""Counters and nonces in Redis or Valkey: one script a take, so that it is one step whoever else
is counting, on this machine or on another."""

from collections.abc import Iterator, Sequence

from apigateway.ports import Limit, NonceClaim, NonceUsed, StoreUnavailable, Tally
from apigateway.store.digests import digest
from apigateway.store.nonces import KEPT_MS
from apigateway.store.redis_line import RedisLine
from apigateway.store.windows import Count, distinct_keys, standing

_TRIES = 3
_USED = b"used"


class RedisLedger:
    """The port `Ledger`, by the clock of the Redis server; nonces live by that of the caller.

    Clocks of machines differ, and two that count together by clocks that are more than a window
    apart would each begin a new one after the other, without end. `own_clock` is False in tests
    only, where the time is what the caller says.
    """

    def __init__(self, line: RedisLine, prefix: str, *, own_clock: bool = True) -> None:
        self._line = line
        self._prefix = prefix
        self._own_clock = own_clock
        self._ahead_ms = 0  # of the clock of the callers: a guess, which Redis corrects

    async def spend(self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._ask(claim, limits, now_ms, charge="1")

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        """As of the port `Counters`."""
        return await self._ask(None, limits, now_ms, charge="0")

    async def _ask(
        self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int, *, charge: str
    ) -> Tally:
        keys = [f"{self._prefix}c:{key}" for key in distinct_keys(limits)]
        time = "" if self._own_clock else str(now_ms)
        nonce = ""
        if claim is not None:
            keys.append(nonce_key(self._prefix, claim.app_key, claim.nonce))
            nonce = " ".join(nonce_times(now_ms, claim.lifetime_ms))
        elif not keys:
            return Tally(())
        for _ in range(_TRIES):
            windows = " ".join(_numbers(limits, now_ms + self._ahead_ms))
            answer = await self._line.ask("take", keys, (time, charge, windows, nonce))
            if answer == _USED:
                raise NonceUsed
            numbers = [int(number) for number in answer.split()]
            ahead_ms = self._ahead_ms = numbers[0] - now_ms
            if len(numbers) > 1:
                return _tally(limits, numbers[1], numbers[2:], now_ms, ahead_ms)
        raise StoreUnavailable("Redis: its clock does not stand still")


def _numbers(limits: Sequence[Limit], now_ms: int) -> Iterator[str]:
    for limit in limits:
        window = limit.zone.window_at(limit.unit, now_ms)
        queue = -1 if limit.queue is None else limit.queue
        yield f"{limit.ceiling} {queue} {window.start_ms} {window.end_ms}"


def _tally(
    limits: Sequence[Limit], full: int, counts: Sequence[int], now_ms: int, ahead_ms: int
) -> Tally:
    """What Redis counted, in the time of the caller, which it is `ahead_ms` of."""
    standings = tuple(
        standing(limit, Count(limit.key, length_ms, start_ms - ahead_ms, used), now_ms)
        for limit, length_ms, start_ms, used in zip(
            limits, counts[::3], counts[1::3], counts[2::3], strict=True
        )
    )
    return Tally(standings, standings[full - 1] if full else None)


class RedisCounters:
    """The port `Counters`."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    async def take(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._ledger.spend(None, limits, now_ms)

    async def look(self, limits: Sequence[Limit], now_ms: int) -> Tally:
        return await self._ledger.look(limits, now_ms)


def nonce_key(prefix: str, app_key: str, nonce: str) -> str:
    return f"{prefix}n:{digest(app_key, nonce).hex()}"


def nonce_times(now_ms: int, lifetime_ms: int) -> tuple[str, str, str]:
    """What the scripts ask: now, when it expires, and how long the key is kept."""
    return str(now_ms), str(now_ms + lifetime_ms), str(lifetime_ms + KEPT_MS)


class RedisNonces:
    """The port `Nonces`."""

    def __init__(self, line: RedisLine, prefix: str) -> None:
        self._line = line
        self._prefix = prefix

    async def claim(self, app_key: str, nonce: str, now_ms: int, lifetime_ms: int) -> bool:
        key, times = nonce_key(self._prefix, app_key, nonce), nonce_times(now_ms, lifetime_ms)
        return int(await self._line.ask("claim", [key], times)) == 1
