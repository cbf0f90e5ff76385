"""Counts that several machines share: one clock, one step a take, keys that end by themselves."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from redis_server import RedisServer
from unit.store.fake_redis import FakeRedis, bulk

from apigateway.model.settings import RedisSettings
from apigateway.model.windows import WindowUnit, Zone
from apigateway.ports import Dimension, Limit, NonceClaim, NonceUsed, StoreUnavailable, Tally
from apigateway.store.redis import RedisStore

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture
def settings(redis: RedisServer) -> RedisSettings:
    return redis.settings()


@pytest.fixture
def store(settings: RedisSettings, tmp_path: Path) -> Iterator[RedisStore]:
    with opened(settings, tmp_path / "records.db") as made:
        yield made


@contextlib.contextmanager
def opened(
    settings: RedisSettings, records: Path, *, own_clock: bool = True
) -> Iterator[RedisStore]:
    made = RedisStore(settings, records, own_clock=own_clock)
    made.open()
    yield made
    made.close()


def limit(
    key: str, ceiling: int, unit: WindowUnit = WindowUnit.DAY, queue: int | None = None
) -> Limit:
    return Limit(key, ceiling, unit, Dimension.API, queue)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def take(store: RedisStore, *limits: Limit, ahead_ms: int = 0) -> Tally:
    return asyncio.run(store.counters.take(limits, now_ms() + ahead_ms))


def grants(store: RedisStore, only: Limit, calls: int, clocks_ms: Sequence[int]) -> int:
    """Of so many calls, taken in turn by gateways whose clocks are so far off."""

    async def all_of_them() -> int:
        granted = 0
        for number in range(calls):
            ahead_ms = clocks_ms[number % len(clocks_ms)]
            tally = await store.counters.take([only], now_ms() + ahead_ms)
            granted += tally.refused is None
        return granted

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("ahead_ms", [2_500, 130_000, 50 * HOUR_MS, -50 * HOUR_MS])
@pytest.mark.parametrize("unit", [WindowUnit.MINUTE, WindowUnit.DAY])
def test_gateways_whose_clocks_differ_share_one_count(
    store: RedisStore, unit: WindowUnit, ahead_ms: int
) -> None:
    size_ms = DAY_MS if unit is WindowUnit.DAY else 60_000
    began = now_ms() // size_ms
    granted = grants(store, limit("a", 10, unit), 60, [0, ahead_ms])
    assert 10 <= granted <= 10 * (1 + now_ms() // size_ms - began)


@pytest.mark.parametrize("queue", [0, None])
def test_a_second_is_one_second_for_all(store: RedisStore, queue: int | None) -> None:
    began = time.monotonic()
    granted = grants(store, limit("a", 5, WindowUnit.SECOND, queue), 100, [0, 2_500, -2_500])
    assert 5 <= granted <= 5 * (2 + time.monotonic() - began)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("ahead_ms", [0, 3 * HOUR_MS, -400 * DAY_MS])
def test_standings_are_told_in_the_time_of_the_caller(
    store: RedisStore, zone: str, ahead_ms: int
) -> None:
    day = Limit("a", 9, WindowUnit.DAY, Dimension.API, zone=Zone(zone))
    before_ms = now_ms()
    (standing,) = take(store, day, ahead_ms=ahead_ms).standings
    ends = [
        Zone(zone).window_at(WindowUnit.DAY, real_ms).end_ms for real_ms in (before_ms, now_ms())
    ]
    # The caller's clock goes on until Redis looks at its own.
    assert any(abs(standing.resets_ms - ahead_ms - end_ms) < 60_000 for end_ms in ends)


def test_waits_are_the_same_for_a_caller_whose_clock_is_off(store: RedisStore) -> None:
    def waits_ms(name: str, ahead_ms: int) -> int:
        """Of the second of two calls, where one a second is permitted."""
        queued = limit(name, 1, WindowUnit.SECOND, queue=1)
        assert take(store, queued, ahead_ms=ahead_ms).wait_ms == 0
        return take(store, queued, ahead_ms=ahead_ms).wait_ms

    for ahead_ms in (0, 5 * HOUR_MS, -5 * HOUR_MS):
        # After a second the next one is there: a busy machine may be as slow as that, not always.
        waits = (waits_ms(f"a{ahead_ms} {turn}", ahead_ms) for turn in range(10))
        assert 0 < next(filter(None, waits), 0) <= 1_000


def test_a_call_of_another_time_is_charged_once(store: RedisStore) -> None:
    """The window that the caller took for that of now was none: asked again, charged once."""
    limits = (limit("minute", 9, WindowUnit.MINUTE), limit("day", 9))
    for _ in range(2):
        take(store, *limits, ahead_ms=7 * DAY_MS)
    assert asyncio.run(store.counters.look(limits, now_ms())).standings[1].used == 2


def test_a_clock_that_does_not_stand_still_is_unavailable(tmp_path: Path) -> None:
    async def test() -> None:
        day = iter(range(1, 100))

        def answer(words: list[bytes]) -> bytes:
            return bulk(b"%d" % (next(day) * DAY_MS))

        async with FakeRedis(answer) as server:
            store = RedisStore(RedisSettings(url=server.url), tmp_path / "records.db")
            await asyncio.to_thread(store.open)
            with pytest.raises(StoreUnavailable, match="clock does not stand still"):
                await store.counters.take([limit("a", 1)], 0)
            store.close()

    asyncio.run(test())


def test_a_nonce_and_all_limits_of_a_call_are_one_question(tmp_path: Path) -> None:
    async def test() -> list[list[bytes]]:
        def answer(words: list[bytes]) -> bytes:
            return bulk(b"1700000000000 0" + b" 0 0 1" * (int(words[2]) - 1))

        async with FakeRedis(answer) as server:
            store = RedisStore(RedisSettings(url=server.url), tmp_path / "records.db")
            await asyncio.to_thread(store.open)
            before = len(server.scripts)
            claim = NonceClaim("key", "nonce", 900_001)
            await store.ledger.spend(claim, [limit("a", 1), limit("b", 1)], 0)
            store.close()
            return server.scripts[before:]

    (words,) = asyncio.run(test())
    assert words[2] == b"3"
    assert words[-1] == b"0 900001 960001"


def test_a_nonce_is_not_spent_by_a_question_that_has_to_be_asked_again(store: RedisStore) -> None:
    """A gateway whose clock is a week off learns so from Redis, which has done nothing yet."""
    claim = NonceClaim("key", "nonce", 900_000)
    for _ in range(2):
        spending = store.ledger.spend(claim, [limit("a", 5)], now_ms() + 7 * DAY_MS)
        with contextlib.suppress(NonceUsed):
            assert asyncio.run(spending).standings[0].used == 1
    (standing,) = asyncio.run(store.counters.look([limit("a", 5)], now_ms())).standings
    assert standing.used == 1


def test_keys_start_with_the_prefix_and_end_by_themselves(
    redis: RedisServer, store: RedisStore, settings: RedisSettings
) -> None:
    began = time.monotonic()
    take(
        store,
        limit("second", 9, WindowUnit.SECOND),
        limit("hour", 9, WindowUnit.HOUR),
        limit("bucket", 9, WindowUnit.SECOND, queue=0),
    )
    asyncio.run(store.nonces.claim("key", "nonce", now_ms(), 900_000))
    prefix = f"{{{settings.prefix}}}:"

    def kept_ms(key: str) -> int:
        return int(redis.say(f"PTTL {prefix}{key}")[1:])

    for name, whole_ms in (("second", 10_000), ("hour", 2 * HOUR_MS), ("bucket", DAY_MS)):
        left_ms = kept_ms(f"c:{name}")
        gone_ms = 1 + (time.monotonic() - began) * 1_000
        assert whole_ms - gone_ms <= left_ms <= whole_ms
    nonces = redis.say(f"KEYS {prefix}n:*").split()
    assert len(nonces) == 3
    assert 900_000 < kept_ms(nonces[-1].decode().removeprefix(prefix)) <= 960_000


def test_gateways_with_prefixes_of_their_own_do_not_count_together(
    redis: RedisServer, store: RedisStore, tmp_path: Path
) -> None:
    assert take(store, limit("a", 1)).refused is None
    with opened(redis.settings(), tmp_path / "other.db") as other:
        assert take(other, limit("a", 1)).refused is None
    assert take(store, limit("a", 1)).refused is not None


def test_a_look_keeps_no_key_alive(
    redis: RedisServer, store: RedisStore, settings: RedisSettings
) -> None:
    asyncio.run(store.counters.look([limit("a", 1)], now_ms()))
    assert redis.say(f"EXISTS {{{settings.prefix}}}:c:a") == b":0\r\n"


def test_scripts_that_were_flushed_in_the_middle_are_brought_again(
    redis: RedisServer, store: RedisStore
) -> None:
    async def many() -> int:
        granted = 0
        for _ in range(20):
            taken = asyncio.gather(
                *(store.counters.take([limit("a", 50)], now_ms()) for _ in range(10))
            )
            redis.say("SCRIPT FLUSH")
            granted += sum(tally.refused is None for tally in await taken)
        return granted

    assert asyncio.run(many()) == 50


@pytest.mark.parametrize("command", ["SET {} nonsense", "LPUSH {} x", "SET {} '1 2 3 4'"])
def test_a_value_that_is_no_count_is_unavailable_and_charges_nothing(
    redis: RedisServer, store: RedisStore, settings: RedisSettings, command: str
) -> None:
    redis.say(command.format(f"{{{settings.prefix}}}:c:bad"))
    with pytest.raises(StoreUnavailable):
        take(store, limit("good", 5), limit("bad", 5))
    assert asyncio.run(store.counters.look([limit("good", 5)], now_ms())).standings[0].used == 0


def test_a_key_that_is_no_text_is_an_error_of_its_own(store: RedisStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        take(store, limit("\udcff", 5))
    assert take(store, limit("a", 5)).refused is None


def test_several_stores_on_one_server_grant_exactly_the_ceiling(
    settings: RedisSettings, tmp_path: Path
) -> None:
    async def rush(stores: list[RedisStore]) -> list[Tally]:
        limits = [limit("a", 50), limit("b", 1_000)]
        takes = [store.counters.take(limits, now_ms()) for store in stores for _ in range(60)]
        return await asyncio.gather(*takes)

    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(opened(settings, tmp_path / f"{number}.db")) for number in range(3)
        ]
        tallies = asyncio.run(rush(stores))
        assert sum(tally.refused is None for tally in tallies) == 50
        looked = asyncio.run(stores[0].counters.look([limit("b", 1_000)], now_ms()))
        assert looked.standings[0].used == 50


def test_of_many_claims_at_once_one_succeeds(settings: RedisSettings, tmp_path: Path) -> None:
    async def rush(stores: list[RedisStore]) -> int:
        claims = [
            store.nonces.claim("key", "nonce", now_ms(), 900_000)
            for store in stores
            for _ in range(50)
        ]
        return sum(await asyncio.gather(*claims))

    with opened(settings, tmp_path / "1.db") as one, opened(settings, tmp_path / "2.db") as two:
        assert asyncio.run(rush([one, two])) == 1
