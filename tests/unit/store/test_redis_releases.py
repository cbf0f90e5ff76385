"""Releases of several machines: versions rise whoever releases, and a first one is made once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis as redis_package
from redis_server import RedisServer

from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import ReleasedMeanwhile, StoreUnavailable
from apigateway.store.redis_releases import RedisReleases

NOW_MS = 1_700_000_000_123


@pytest.fixture
def prefix(redis: RedisServer) -> str:
    return f"{{{redis.settings().prefix}}}:"


@pytest.fixture
def client(redis: RedisServer) -> Iterator["redis_package.Redis"]:
    made = redis_package.Redis(port=redis.port, protocol=2)
    yield made
    made.close()


@pytest.fixture
def releases(client: "redis_package.Redis", prefix: str) -> RedisReleases:
    return RedisReleases(client, prefix)


def put(releases: RedisReleases, **changes: Any) -> Release:
    return releases.put(
        **{
            "api_id": "an-id",
            "group": "weather",
            "api": "GetForecast",
            "environment": Environment.RELEASE,
            "document": {"name": "GetForecast"},
            "note": "",
            "released_by": "someone",
            "now_ms": NOW_MS,
            **changes,
        }
    )


def at_once(work: Callable[[], Release | None], threads: int) -> list[Release]:
    """What comes back of so many that begin at the same moment."""
    barrier = threading.Barrier(threads)

    def begin() -> Release | None:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(begin) for _ in range(threads)]
        return [release for one in done if (release := one.result()) is not None]


def test_releases_at_the_same_moment_get_versions_of_their_own(releases: RedisReleases) -> None:
    made = at_once(lambda: put(releases), 8)
    versions = sorted(release.version for release in made)
    assert versions == [f"20231114221320{123 + number}" for number in range(8)]
    assert [release.version for release in releases.history("an-id")] == versions[::-1]
    assert [release.version for release in releases.current()] == versions[-1:]


def test_a_first_release_that_many_make_at_the_same_moment_is_made_once(
    releases: RedisReleases,
) -> None:
    def first() -> Release | None:
        try:
            return put(releases, after="")
        except ReleasedMeanwhile:
            return None

    made = at_once(first, 8)
    assert len(made) == 1
    assert list(releases.history("an-id")) == made


def test_who_loses_every_time_gives_up(client: "redis_package.Redis", prefix: str) -> None:
    class Overtaken(RedisReleases):
        """Somebody else releases between the question and the release, always."""

        def _run(self, work: Callable[[], Any]) -> Any:
            answer = super()._run(work)
            if isinstance(answer, bytes | None):
                put(others)
            return answer

    others = RedisReleases(client, prefix)
    with pytest.raises(StoreUnavailable, match="others release the same API"):
        put(Overtaken(client, prefix))
    assert {release.released_by for release in others.history("an-id")} == {"someone"}
    assert len(others.history("an-id")) == 20


def test_a_server_that_is_gone_is_unavailable(prefix: str) -> None:
    gone = RedisReleases(redis_package.Redis(port=1), prefix)
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        gone.current()
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        put(gone)


def test_every_release_tells_those_who_watch(
    client: "redis_package.Redis", releases: RedisReleases, prefix: str
) -> None:
    put(releases)
    put(releases, environment=Environment.TEST)
    assert client.get(f"{prefix}changes") == b"2"
