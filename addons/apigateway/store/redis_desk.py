"""How the desk asks Redis: releases, the audit log and domain bindings, off the path of calls."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import redis

from apigateway.ports import StoreUnavailable

if TYPE_CHECKING:
    from redis.client import Pipeline

T = TypeVar("T")

TRIES = 50
AT_A_TIME = 500


class RedisDesk:
    """A client for any number of threads, and the prefix of every key.

    `patient` waits longer for an answer: for what may be much.
    """

    def __init__(
        self, client: "redis.Redis", prefix: str, patient: "redis.Redis | None" = None
    ) -> None:
        self._client = client
        self._patient = patient or client
        self._prefix = prefix

    def key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def ask(self, work: Callable[["redis.Redis"], T]) -> T:
        """
        Raises:
            StoreUnavailable
        """
        try:
            return work(self._client)
        except (redis.RedisError, OSError) as problem:
            raise StoreUnavailable(f"Redis: {problem}") from problem

    def change(self, work: Callable[["Pipeline"], T], *watched: str) -> T:
        """Make a change in one step, and return what `work` does.

        `work` reads what it needs and then queues commands behind `multi()`. The server executes
        all of them or none, and none when one of the `watched` keys was changed meanwhile: then
        it is all done anew. A command that the server refuses spoils them all.

        Raises:
            StoreUnavailable: the text says when the change may have been made all the same.
        """
        for _ in range(TRIES):
            try:
                with self._patient.pipeline() as pipeline:
                    if watched:
                        pipeline.watch(*watched)  # type: ignore[no-untyped-call]
                    answer = work(pipeline)
                    _execute(pipeline)
            except redis.WatchError:
                continue
            except (redis.RedisError, OSError) as problem:
                raise StoreUnavailable(f"Redis: {problem}") from problem
            return answer
        raise StoreUnavailable("others change the same in Redis all the time; try again")


def pieces(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` in lists of a length that one command may have."""
    rest = iter(items)
    while piece := list(islice(rest, AT_A_TIME)):
        yield piece


def _execute(pipeline: "Pipeline") -> None:
    try:
        pipeline.execute()
    except (redis.ConnectionError, redis.TimeoutError, OSError) as problem:
        raise StoreUnavailable(
            f"Redis: {problem}; whether the change was made is not known: look before you try again"
        ) from problem


def text_of(value: Any) -> str:
    """A value as text; "" for none."""
    return "" if value is None else bytes(value).decode("utf-8")
