"""What the tests of releases release, and how."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from contract.conftest import Store

from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Change, Publish, Release, Switch

T = TypeVar("T")

# 2023-11-14 22:13:20.123 UTC
NOW_MS = 1_700_000_000_123
FIRST, SECOND, THIRD = "20231114221320123", "20231114221320124", "20231114221320125"

RELEASE = Environment.RELEASE


def publish(
    api: str = "GetForecast",
    environment: Environment = RELEASE,
    *,
    document: Mapping[str, Any] | None = None,
    served: str | None = None,
    after: str | None = None,
) -> Publish:
    return Publish(
        api_id=f"id-of-{api}",
        group="weather",
        api=api,
        environment=environment,
        document={"name": api} if document is None else document,
        served=served,
        after=after,
    )


def switch(
    version: str,
    api: str = "GetForecast",
    environment: Environment = RELEASE,
    *,
    served: str | None = None,
) -> Switch:
    return Switch(
        api_id=f"id-of-{api}",
        group="weather",
        api=api,
        environment=environment,
        version=version,
        served=served,
    )


def abolish(
    api: str = "GetForecast", environment: Environment = RELEASE, *, served: str | None = None
) -> Abolish:
    return Abolish(
        api_id=f"id-of-{api}", group="weather", api=api, environment=environment, served=served
    )


def apply(
    store: Store, *changes: Change, note: str = "first", by: str = "someone", now_ms: int = NOW_MS
) -> Sequence[Release | None]:
    return store.releases.apply(changes, note=note, by=by, now_ms=now_ms)


def put(store: Store, change: Publish | None = None, *, now_ms: int = NOW_MS) -> Release:
    """The release that one Publish makes."""
    (made,) = apply(store, change or publish(), now_ms=now_ms)
    assert made is not None
    return made


def everything(store: Store) -> object:
    """All that releases can say, to see that nothing has changed."""
    releases = store.releases
    apis = sorted({api_id for api_id, _ in releases.last_versions()})
    return (
        list(releases.current()),
        dict(releases.last_versions()),
        [list(releases.history(api_id)) for api_id in apis],
        releases.changes(),
        list(store.audit.entries(limit=10_000)),
    )


def at_once(work: Callable[[int], T], threads: int) -> list[T]:
    """What comes back of so many threads that begin at the same moment."""
    barrier = threading.Barrier(threads)

    def begin(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))
