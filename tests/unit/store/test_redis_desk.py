"""Changes in one step: read, then made, unless something came in between."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import redis as redis_package
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis_server import RedisServer
from unit.store.fake_redis import OK, FakeRedis

from apigateway.ports import StoreUnavailable
from apigateway.store.redis_desk import TRIES, RedisDesk, pieces, text_of

if TYPE_CHECKING:
    from redis.client import Pipeline


@pytest.fixture
def client(redis: RedisServer) -> Iterator["redis_package.Redis"]:
    made = redis_package.Redis(port=redis.port, protocol=2)
    yield made
    made.close()


@pytest.fixture
def desk(client: "redis_package.Redis", redis: RedisServer) -> RedisDesk:
    return RedisDesk(client, f"{{{redis.settings().prefix}}}:")


def raised(desk: RedisDesk, pipeline: "Pipeline") -> int:
    """Raises a number by one, as nobody should."""
    number = int(desk.ask(lambda client: client.get(desk.key("number"))) or 0)
    pipeline.multi()
    pipeline.set(desk.key("number"), number + 1)
    return number + 1


def test_a_change_is_made_on_what_was_read(desk: RedisDesk) -> None:
    for expected in (1, 2, 3):
        number = desk.change(lambda pipeline: raised(desk, pipeline), desk.key("number"))
        assert number == expected


def test_a_change_that_another_came_before_is_made_anew(
    desk: RedisDesk, client: "redis_package.Redis"
) -> None:
    interruptions = [1, 1, 1]

    def work(pipeline: "Pipeline") -> int:
        number = raised(desk, pipeline)
        if interruptions:
            client.incrby(desk.key("number"), interruptions.pop() * 10)
        return number

    assert desk.change(work, desk.key("number")) == 31
    assert client.get(desk.key("number")) == b"31"


def test_who_loses_every_time_gives_up(desk: RedisDesk, client: "redis_package.Redis") -> None:
    tries = 0

    def work(pipeline: "Pipeline") -> None:
        nonlocal tries
        tries += 1
        raised(desk, pipeline)
        client.incr(desk.key("number"))

    with pytest.raises(StoreUnavailable, match="others change the same"):
        desk.change(work, desk.key("number"))
    assert tries == TRIES
    assert client.get(desk.key("number")) == str(TRIES).encode()


def test_what_work_refuses_changes_nothing_and_leaves_a_connection_that_works(
    desk: RedisDesk, client: "redis_package.Redis"
) -> None:
    def work(pipeline: "Pipeline") -> None:
        raised(desk, pipeline)
        raise LookupError("not this one")

    for _ in range(3):
        with pytest.raises(LookupError, match="not this one"):
            desk.change(work, desk.key("number"))
    assert client.get(desk.key("number")) is None
    assert desk.change(lambda pipeline: raised(desk, pipeline), desk.key("number")) == 1


def test_a_command_the_server_refuses_spoils_all_of_them(
    desk: RedisDesk, client: "redis_package.Redis"
) -> None:
    def work(pipeline: "Pipeline") -> None:
        pipeline.set(desk.key("number"), 1)
        pipeline.execute_command("NOSUCH")  # type: ignore[no-untyped-call]

    with pytest.raises(StoreUnavailable, match="unknown command"):
        desk.change(work)
    assert client.get(desk.key("number")) is None


def test_an_answer_that_never_comes_may_have_been_a_change() -> None:
    async def test() -> str:
        def answer(words: list[bytes]) -> bytes | None:
            match words[0]:
                case b"EXEC":
                    return None
                case b"INCRBY":
                    return b"+QUEUED\r\n"
                case _:
                    return OK

        async with FakeRedis(answer) as server:
            client = redis_package.Redis.from_url(server.url, protocol=2)
            desk = RedisDesk(client, "p:")

            def change() -> None:
                desk.change(lambda pipeline: pipeline.incr("p:number") and None)

            with pytest.raises(StoreUnavailable) as caught:
                await asyncio.to_thread(change)
            client.close()
            return str(caught.value)

    said = asyncio.run(test())
    assert said.endswith("; whether the change was made is not known: look before you try again")


def test_a_server_that_is_gone_is_unavailable_and_nothing_was_changed() -> None:
    gone = RedisDesk(redis_package.Redis(port=1, retry=Retry(NoBackoff(), 0)), "p:")
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        gone.ask(lambda client: client.get("p:number"))
    with pytest.raises(StoreUnavailable, match="Connection refused") as caught:
        gone.change(lambda pipeline: None, "p:number")
    assert "not known" not in str(caught.value)


def test_what_may_be_much_is_left_to_the_patient_client(client: "redis_package.Redis") -> None:
    gone = redis_package.Redis(port=1, retry=Retry(NoBackoff(), 0))
    assert RedisDesk(gone, "p:", client).change(lambda pipeline: 5) == 5
    with pytest.raises(StoreUnavailable):
        RedisDesk(client, "p:", gone).change(lambda pipeline: 5, "p:number")
    assert RedisDesk(client, "p:", gone).ask(lambda asked: asked.get("p:number")) is None


def test_pieces_are_as_long_as_one_command_may_be() -> None:
    assert [len(piece) for piece in pieces(range(1_001))] == [500, 500, 1]
    assert [each for piece in pieces(range(1_001)) for each in piece] == list(range(1_001))
    assert list(pieces([])) == []


@pytest.mark.parametrize(("value", "text"), [(None, ""), (b"", ""), ("天".encode(), "天")])
def test_a_value_is_text(value: bytes | None, text: str) -> None:
    assert text_of(value) == text
