"""Releases in Redis. Used by a start, a reload and the command, never on the path of a call.

The id of a release says its environment and version and is a digest of the whole, so that a
server which lost what it held never gives the id of an old release to a new one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from apigateway.model.group import Environment
from apigateway.model.release import Change, Publish, Release, Switch
from apigateway.store.canonical import canonical
from apigateway.store.redis_audit import RedisAudit, audit_text
from apigateway.store.redis_desk import RedisDesk, pieces, text_of
from apigateway.store.release_changes import (
    OnRecord,
    Origin,
    Step,
    decide,
    entry_of,
    published,
    texts_of,
)
from apigateway.store.released import Shelf

if TYPE_CHECKING:
    import redis
    from redis.client import Pipeline

_ABOUT = tuple(field.name for field in fields(Release) if field.name != "document")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the server holds of a change's place. `wanted_id` is that of the version which a Switch
    asks for, "" for none."""

    on_record: OnRecord
    wanted_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """What a change comes to. `served_id` and `release` are those of from now on; `text` is that
    of a new release, else ""."""

    step: Step
    served_id: str
    release: Release | None
    text: str


class RedisReleases:
    """The port `Releases`.

    What changes come to is decided here, on what the server holds, and made there in one step
    (MULTI and EXEC) if that is still so; else it is decided anew. Not a script: that would hold
    the server up for long when there are thousands of changes, and leave half of them made when
    one of its commands fails.
    """

    def __init__(self, desk: RedisDesk, audit: RedisAudit) -> None:
        self._desk = desk
        self._audit = audit
        self._shelf = Shelf(self._read)

    def apply(
        self, changes: Sequence[Change], *, note: str, by: str, now_ms: int
    ) -> Sequence[Release | None]:
        texts, origin = texts_of(changes), Origin(note, by, now_ms)

        def work(pipeline: "Pipeline") -> list[Release | None]:
            held = self._held(changes)
            steps = decide(changes, [each.on_record for each in held], now_ms)
            moves = list(self._moves(steps, held, texts, origin))
            pipeline.multi()
            moved = [move for move in moves if move.step.changes_something]
            if moved:
                self._write(pipeline, moved)
                entries = [audit_text(entry_of(move.step, origin)) for move in moved]
                self._audit.add(pipeline, entries)
                pipeline.incr(self._desk.key("changes"))
            return [move.release for move in moves]

        watched = self._desk.key("current"), self._desk.key("versions")
        return self._desk.change(work, *watched) if changes else []

    def current(self) -> Sequence[Release]:
        ids = self._desk.ask(lambda client: client.hvals(self._desk.key("current")))
        return self._shelf.show(map(text_of, cast("list[Any]", ids)))

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        (ids,) = self._histories([api_id])
        found = self._read(ids)
        return [
            found[each]
            for each in ids
            if each in found and environment in (None, found[each].environment)
        ]

    def last_versions(self) -> Mapping[tuple[str, Environment], str]:
        found = self._desk.ask(lambda client: client.hgetall(self._desk.key("versions")))
        versions = {}
        for place, version in cast("dict[Any, Any]", found).items():
            api_id, _, environment = text_of(place).rpartition(" ")
            versions[api_id, Environment(environment)] = text_of(version)
        return versions

    def at(self, api_id: str, environment: Environment, version: str) -> Release | None:
        (ids,) = self._histories([api_id])
        found = self._find(ids, environment, version)
        return self._read([found]).get(found) if found else None

    def announce(self) -> None:
        self._desk.ask(lambda client: client.incr(self._desk.key("changes")))

    def changes(self) -> int:
        number = self._desk.ask(lambda client: client.get(self._desk.key("changes")))
        return int(text_of(number) or 0)

    def _held(self, changes: Sequence[Change]) -> list[_Held]:
        places = [_place(change) for change in changes]
        served_ids, last = self._of("current", places), self._of("versions", places)
        names = self._names(served_ids)
        switches = [change for change in changes if isinstance(change, Switch)]
        histories = self._histories([change.api_id for change in switches])
        wanted = {
            _place(change): self._find(ids, change.environment, change.version)
            for change, ids in zip(switches, histories, strict=True)
        }
        return [
            _Held(
                on_record=OnRecord(
                    served=names.get(served_id, ("", ""))[1],
                    last=version,
                    is_known=bool(wanted.get(place)),
                ),
                wanted_id=wanted.get(place, ""),
            )
            for place, served_id, version in zip(places, served_ids, last, strict=True)
        ]

    def _moves(
        self, steps: Sequence[Step], held: Sequence[_Held], texts: Sequence[str], origin: Origin
    ) -> Iterator[_Move]:
        switched = self._read([each.wanted_id for each in held if each.wanted_id])
        for step, each, document in zip(steps, held, texts, strict=True):
            if isinstance(step.change, Publish):
                release = published(step, document, origin)
                text = _text(release, document)
                yield _Move(step=step, served_id=_id(release, text), release=release, text=text)
            else:
                release_before = switched.get(each.wanted_id)
                yield _Move(step=step, served_id=each.wanted_id, release=release_before, text="")

    def _write(self, pipeline: "Pipeline", moves: Sequence[_Move]) -> None:
        texts, versions, served, abolished = [], [], [], []
        for move in moves:
            place = _place(move.step.change)
            if move.text:
                texts.append((move.served_id, move.text))
                versions.append((place, move.step.after))
                pipeline.lpush(self._history_key(move.step.change.api_id), move.served_id)
            if move.served_id:
                served.append((place, move.served_id))
            else:
                abolished.append(place)
        for name, pairs in (("releases", texts), ("versions", versions), ("current", served)):
            for some in pieces(pairs):
                pipeline.hset(self._desk.key(name), items=[word for pair in some for word in pair])
        for places in pieces(abolished):
            pipeline.hdel(self._desk.key("current"), *places)

    def _history_key(self, api_id: str) -> str:
        return self._desk.key(f"history:{api_id}")

    def _histories(self, api_ids: Sequence[str]) -> list[list[str]]:
        """The ids of all releases of each API, newest first."""

        def ask(client: "redis.Redis", some: Sequence[str]) -> list[Any]:
            with client.pipeline(transaction=False) as pipeline:
                for api_id in some:
                    pipeline.lrange(self._history_key(api_id), 0, -1)
                return pipeline.execute()

        found: list[list[str]] = []
        for some in pieces(api_ids):
            answers = self._desk.ask(partial(ask, some=some))
            found += [list(map(text_of, answer)) for answer in answers]
        return found

    def _of(self, name: str, places: Sequence[str]) -> list[str]:
        """What a hash has under each of these, "" for nothing."""
        if not places:
            return []
        found = self._desk.ask(lambda client: client.hmget(self._desk.key(name), list(places)))
        return list(map(text_of, cast("list[Any]", found)))

    def _names(self, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """The environment and version of each id. An early gateway's ids are bare numbers, which
        do not say them."""
        names: dict[str, tuple[str, str]] = {}
        early = []
        for each in filter(None, ids):
            environment, _, rest = each.partition(" ")
            if rest:
                names[each] = environment, rest.partition(" ")[0]
            else:
                early.append(each)
        for each, release in self._read(early).items():
            names[each] = release.environment.value, release.version
        return names

    def _find(self, ids: Iterable[str], environment: Environment, version: str) -> str:
        """That of these ids; "" for none."""
        names = self._names(ids).items()
        return next((each for each, name in names if name == (environment.value, version)), "")

    def _read(self, ids: Sequence[str]) -> dict[str, Release]:
        found: dict[str, str] = {}
        for some in pieces(ids):
            found.update(zip(some, self._of("releases", some), strict=True))
        return {each: _release(json.loads(text)) for each, text in found.items() if text}


def _place(change: Change) -> str:
    return f"{change.api_id} {change.environment.value}"


def _text(release: Release, document: str) -> str:
    """A release as JSON, around its document's own text."""
    about = {name: getattr(release, name) for name in _ABOUT}
    return f'{canonical(about)[:-1]},"document":{document}}}'


def _id(release: Release, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()
    return f"{release.environment.value} {release.version} {digest[:32]}"


def _release(document: dict[str, Any]) -> Release:
    return Release(**{**document, "environment": Environment(document["environment"])})
