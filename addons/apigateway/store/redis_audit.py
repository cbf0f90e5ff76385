"""The audit log in Redis: a list, newest first."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import count, islice
from typing import TYPE_CHECKING, Any, cast

from apigateway.model.audit import AuditEntry
from apigateway.store.audit import KEPT_ENTRIES
from apigateway.store.canonical import canonical
from apigateway.store.redis_desk import AT_A_TIME, RedisDesk, pieces

if TYPE_CHECKING:
    from redis.client import Pipeline


def audit_text(entry: AuditEntry) -> str:
    """
    Raises:
        TypeError, ValueError: `before` or `after` is not plain JSON data.
    """
    return canonical(asdict(entry))


class RedisAudit:
    """The port `Audit`."""

    def __init__(self, desk: RedisDesk, *, keep_entries: int = KEPT_ENTRIES) -> None:
        self._desk = desk
        self._key = desk.key("audit")
        self._keep_entries = keep_entries

    def write(self, entries: Sequence[AuditEntry]) -> None:
        texts = [audit_text(entry) for entry in entries]
        if texts:
            self._desk.change(lambda pipeline: self.add(pipeline, texts))

    def add(self, pipeline: "Pipeline", texts: Sequence[str]) -> None:
        """Add entries as `audit_text` writes them, together with what they tell of."""
        for some in pieces(texts):
            pipeline.lpush(self._key, *some)
        pipeline.ltrim(self._key, 0, self._keep_entries - 1)

    def entries(
        self, *, subject: str = "", action: str = "", limit: int = 100
    ) -> Sequence[AuditEntry]:
        found = (
            entry
            for entry in self._newest_first()
            if action in ("", entry.action)
            and (subject in ("", entry.subject) or entry.subject.startswith(f"{subject}/"))
        )
        return list(islice(found, max(0, limit)))

    def _newest_first(self) -> Iterator[AuditEntry]:
        for start in count(step=AT_A_TIME):
            texts = self._piece(start)
            for text in texts:
                yield AuditEntry(**json.loads(text))
            if len(texts) < AT_A_TIME:
                return

    def _piece(self, start: int) -> list[Any]:
        end = start + AT_A_TIME - 1
        return cast(
            "list[Any]", self._desk.ask(lambda client: client.lrange(self._key, start, end))
        )
