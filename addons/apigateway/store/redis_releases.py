"""Releases in Redis: used at start and by the command, never on the path of a call."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

import redis

from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import ReleasedMeanwhile, StoreUnavailable
from apigateway.store.releases import canonical, version_at
from apigateway.store.scripts import script_text

T = TypeVar("T")

_TRIES = 20


class RedisReleases:
    """The port `Releases`. `prefix` starts every key; `changes` counts whatever changed."""

    def __init__(self, client: "redis.Redis", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def put(
        self,
        *,
        api_id: str,
        group: str,
        api: str,
        environment: Environment,
        document: Mapping[str, Any],
        note: str,
        released_by: str,
        now_ms: int,
        after: str | None = None,
    ) -> Release:
        keys = [
            self._key("releases"),
            self._key(f"history:{api_id}"),
            self._key("versions"),
            self._key("current"),
            self._key("changes"),
            self._key("release-id"),
        ]
        place = f"{api_id} {environment.value}"
        plain = json.loads(canonical(document))
        script = script_text("release")
        for _ in range(_TRIES):
            last = self._run(lambda: self._client.hget(self._key("versions"), place))
            before = _text(last)
            if after is not None and after != before:
                raise ReleasedMeanwhile(before)
            release = Release(
                api_id=api_id,
                group=group,
                api=api,
                environment=environment,
                version=version_at(now_ms, before or None),
                note=note,
                released_by=released_by,
                released_ms=now_ms,
                document=plain,
            )
            arguments = [before, release.version, place, canonical(asdict(release))]
            if self._run(partial(self._client.eval, script, len(keys), *keys, *arguments)):
                return release
        raise StoreUnavailable("others release the same API all the time; try again")

    def current(self) -> Sequence[Release]:
        ids = self._run(lambda: self._client.hvals(self._key("current")))
        found = self._documents(ids)
        return sorted(found, key=lambda one: (one.group, one.api, one.environment))

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        ids = self._run(lambda: self._client.lrange(self._key(f"history:{api_id}"), 0, -1))
        return [one for one in self._documents(ids) if environment in (None, one.environment)]

    def announce(self) -> None:
        self._run(lambda: self._client.incr(self._key("changes")))

    def changes(self) -> int:
        number = self._run(lambda: self._client.get(self._key("changes")))
        return int(_text(number) or 0)

    def _documents(self, ids: Any) -> list[Release]:
        if not ids:
            return []
        texts = self._run(lambda: self._client.hmget(self._key("releases"), list(ids)))
        return [_release(json.loads(text)) for text in texts if text is not None]

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _run(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (redis.RedisError, OSError) as problem:
            raise StoreUnavailable(f"Redis: {problem}") from problem


def _text(value: Any) -> str:
    return "" if value is None else bytes(value).decode("utf-8")


def _release(document: dict[str, Any]) -> Release:
    return Release(**{**document, "environment": Environment(document["environment"])})
