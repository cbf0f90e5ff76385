"""Releases of several machines: what the server holds, and what is not read twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis as redis_package
from contract.releasing import FIRST, NOW_MS, RELEASE, SECOND, abolish, publish, switch
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis_server import RedisServer

from apigateway.model.release import Change, Release
from apigateway.ports import ReleasedMeanwhile, StoreUnavailable
from apigateway.store.redis_audit import RedisAudit
from apigateway.store.redis_desk import RedisDesk
from apigateway.store.redis_releases import RedisReleases

API = "id-of-GetForecast"


@dataclass
class Machine:
    """One of several that share a server."""

    client: "redis_package.Redis"
    prefix: str

    def __post_init__(self) -> None:
        desk = RedisDesk(self.client, self.prefix)
        self.audit = RedisAudit(desk)
        self.releases = RedisReleases(desk, self.audit)

    def apply(self, *changes: Change) -> list[Release | None]:
        return list(self.releases.apply(changes, note="", by="someone", now_ms=NOW_MS))

    def holds(self, name: str) -> Any:
        return self.client.hgetall(f"{self.prefix}{name}")


@pytest.fixture
def client(redis: RedisServer) -> Iterator["redis_package.Redis"]:
    made = redis_package.Redis(port=redis.port, protocol=2)
    yield made
    made.close()


@pytest.fixture
def machine(client: "redis_package.Redis", redis: RedisServer) -> Machine:
    return Machine(client, f"{{{redis.settings().prefix}}}:")


@pytest.fixture
def other(machine: Machine) -> Machine:
    return Machine(machine.client, machine.prefix)


def test_a_release_that_came_in_between_is_seen_and_followed(
    machine: Machine, other: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    interruptions = [publish(document={"n": 1}), publish(document={"n": 2})]
    held = machine.releases._held

    def interrupted(changes: Any) -> Any:
        answer = held(changes)
        if interruptions:
            other.apply(interruptions.pop(0))
        return answer

    monkeypatch.setattr(machine.releases, "_held", interrupted)
    (made,) = machine.apply(publish(document={"n": 3}))
    assert [one.document["n"] for one in machine.releases.history(API)] == [3, 2, 1]
    assert list(other.releases.current()) == [made]


@pytest.mark.parametrize("change", [publish(served=""), publish(after=""), abolish(served="")])
def test_a_release_that_came_in_between_is_a_conflict_to_who_expected_another(
    machine: Machine, other: Machine, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    held = machine.releases._held

    def interrupted(changes: Any) -> Any:
        answer = held(changes)
        if not other.releases.current():
            other.apply(publish())
        return answer

    monkeypatch.setattr(machine.releases, "_held", interrupted)
    with pytest.raises(ReleasedMeanwhile):
        machine.apply(change, publish("Another"))
    assert [one.api for one in machine.releases.current()] == ["GetForecast"]
    assert len(machine.audit.entries()) == 1


def test_documents_are_kept_byte_for_byte(machine: Machine) -> None:
    document = {"z": 1e22, "a": [0.1, 123456789.12345679, 2**63, -0.0], "天": "气", "e": {}}
    machine.apply(publish(document=document))
    (text,) = machine.holds("releases").values()
    canonical = '{"a":[0.1,123456789.12345679,9223372036854775808,-0.0],"e":{},"z":1e+22,"天":"气"}'
    assert f'"document":{canonical}}}' in text.decode()
    assert json.loads(text)["version"] == FIRST


def test_a_second_look_reads_only_what_is_new(
    machine: Machine, other: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    of = machine.releases._of

    def watched(name: str, places: Any) -> Any:
        if name == "releases":
            asked.append(places)
        return of(name, places)

    monkeypatch.setattr(machine.releases, "_of", watched)
    other.apply(publish("One"), publish("Two"))
    machine.releases.current()
    assert list(map(len, asked)) == [2]
    other.apply(publish("Two"))
    for _ in range(3):
        assert list(machine.releases.current()) == list(other.releases.current())
    assert list(map(len, asked)) == [2, 1]


def test_a_server_that_lost_what_it_held_gives_no_release_the_id_of_another(
    machine: Machine,
) -> None:
    machine.apply(publish(document={"n": 1}))
    assert machine.releases.current()[0].document == {"n": 1}
    machine.client.delete(*machine.client.keys(f"{machine.prefix}*"))
    machine.apply(publish(document={"n": 2}))
    assert machine.releases.current()[0].document == {"n": 2}


def test_a_release_whose_text_was_lost_is_not_served(machine: Machine) -> None:
    machine.apply(publish("One"), publish("Two"))
    (lost,) = (field for field, text in machine.holds("releases").items() if b'"One"' in text)
    machine.client.hdel(f"{machine.prefix}releases", lost)
    assert [one.api for one in machine.releases.current()] == ["Two"]
    assert list(machine.releases.history("id-of-One")) == []


def test_what_an_early_gateway_released_is_served_switched_and_followed(machine: Machine) -> None:
    """Its ids were bare numbers."""
    about = {
        "api_id": API,
        "group": "weather",
        "api": "GetForecast",
        "environment": "RELEASE",
        "note": "",
        "released_by": "someone",
        "released_ms": NOW_MS,
        "document": {},
    }
    client, prefix, place = machine.client, machine.prefix, f"{API} RELEASE"
    for number, version in (("1", FIRST), ("2", SECOND)):
        client.hset(f"{prefix}releases", number, json.dumps({**about, "version": version}))
        client.lpush(f"{prefix}history:{API}", number)
        client.hset(f"{prefix}current", place, number)
        client.hset(f"{prefix}versions", place, version)
    assert [one.version for one in machine.releases.current()] == [SECOND]
    with pytest.raises(ReleasedMeanwhile):
        machine.apply(switch(FIRST, served=FIRST))
    (first,) = machine.apply(switch(FIRST, served=SECOND))
    assert list(machine.releases.current()) == [first]
    assert machine.releases.at(API, RELEASE, SECOND) is not None
    (third,) = machine.apply(publish(served=FIRST, after=SECOND))
    assert list(machine.releases.current()) == [third]
    assert len(machine.releases.history(API)) == 3


def test_a_server_that_is_gone_is_unavailable(machine: Machine) -> None:
    gone = Machine(redis_package.Redis(port=1, retry=Retry(NoBackoff(), 0)), machine.prefix)
    for ask in (gone.releases.current, gone.releases.changes, lambda: gone.apply(publish())):
        with pytest.raises(StoreUnavailable, match="Connection refused"):
            ask()
