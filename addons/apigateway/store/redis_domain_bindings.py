"""Bindings of independent domains in Redis. Whoever serves is told when one changes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from apigateway.model.domain_binding import DomainBinding
from apigateway.store.canonical import canonical
from apigateway.store.redis_desk import RedisDesk

if TYPE_CHECKING:
    from redis.client import Pipeline


class RedisDomainBindings:
    """The port `DomainBindings`."""

    def __init__(self, desk: RedisDesk) -> None:
        self._desk = desk
        self._key = desk.key("domains")

    def all(self) -> Sequence[DomainBinding]:
        texts = cast("list[Any]", self._desk.ask(lambda client: client.hvals(self._key)))
        found = [DomainBinding(**json.loads(text)) for text in texts]
        return sorted(found, key=lambda binding: binding.domain)

    def record(self, bindings: Sequence[DomainBinding]) -> None:
        texts = [
            text for binding in bindings for text in (binding.domain, canonical(asdict(binding)))
        ]

        def work(pipeline: "Pipeline") -> None:
            pipeline.hset(self._key, items=texts)
            pipeline.incr(self._desk.key("changes"))

        if texts:
            self._desk.change(work)

    def forget(self, domains: Sequence[str]) -> None:
        def work(pipeline: "Pipeline") -> None:
            pipeline.hdel(self._key, *domains)
            pipeline.incr(self._desk.key("changes"))

        if domains:
            self._desk.change(work)
