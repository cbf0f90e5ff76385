"""Which version is served, and which one was before."""

from typing import Any

import pytest

from apigateway.lifecycle.serving import (
    Named,
    NothingToDo,
    abolishing,
    named,
    served_now,
    switching,
    version_before,
)
from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Publish, Release, Switch
from apigateway.store.memory import MemoryStore

NOW_MS = 1_700_000_000_000
RELEASE, TEST = Environment.RELEASE, Environment.TEST
API = Named(api_id="a" * 32, group="weather", api="GetForecast")


class Life:
    """One API in a store, step by step."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self._now_ms = NOW_MS

    def _apply(self, change: Any) -> str:
        self._now_ms += 1000
        assert change is not None
        (made,) = self.store.releases.apply([change], note="", by="me", now_ms=self._now_ms)
        return made.version if made else ""

    def release(self, environment: Environment = RELEASE) -> str:
        return self._apply(
            Publish(
                api_id=API.api_id,
                group=API.group,
                api=API.api,
                environment=environment,
                document={"at": self._now_ms},
            )
        )

    def switch(self, version: str) -> str:
        return self._apply(switching(API, RELEASE, version, self.served))

    def abolish(self) -> str:
        return self._apply(abolishing(API, RELEASE, self.served))

    @property
    def served(self) -> Any:
        return served_now(self.store.releases.current())

    def before(self, *, log: bool = True) -> str:
        entries = self.store.audit.entries(subject=str(API)) if log else ()
        history = self.store.releases.history(API.api_id, RELEASE)
        return version_before(API, RELEASE, self.served, entries, history)


def test_a_switch_expects_what_is_served_now() -> None:
    life = Life()
    first, second = life.release(), life.release()
    change = switching(API, RELEASE, first, life.served)
    assert isinstance(change, Switch)
    assert (change.version, change.served) == (first, second)
    assert switching(API, RELEASE, second, life.served) is None


def test_a_switch_from_nothing_expects_nothing() -> None:
    life = Life()
    first = life.release()
    life.abolish()
    change = switching(API, RELEASE, first, life.served)
    assert change is not None
    assert change.served == ""


def test_abolishing_is_for_what_is_served() -> None:
    life = Life()
    assert abolishing(API, RELEASE, life.served) is None
    version = life.release()
    change = abolishing(API, RELEASE, life.served)
    assert isinstance(change, Abolish)
    assert change.served == version
    assert abolishing(API, TEST, life.served) is None


def test_before_a_release_was_the_release_before() -> None:
    life = Life()
    first = life.release()
    life.release()
    assert life.before() == first
    assert life.before(log=False) == first


def test_before_a_switch_was_what_it_replaced() -> None:
    life = Life()
    first, second, third = life.release(), life.release(), life.release()
    life.switch(first)
    assert life.before() == third
    life.switch(life.before())
    assert life.before() == first
    assert second not in (first, third)


def test_before_an_abolition_was_what_it_ended() -> None:
    life = Life()
    life.release()
    second = life.release()
    life.abolish()
    assert life.before() == second
    assert life.before(log=False) == second


def test_what_happened_in_another_environment_does_not_matter() -> None:
    life = Life()
    first = life.release()
    life.release()
    life.release(TEST)
    assert life.before() == first


def test_where_the_log_is_gone_it_is_the_version_before_the_one_that_is_served() -> None:
    life = Life()
    first, second = life.release(), life.release()
    life.release()
    life.switch(second)
    assert life.before(log=False) == first


def test_the_first_version_has_none_before_it() -> None:
    life = Life()
    with pytest.raises(NothingToDo, match="weather/GetForecast was never released in RELEASE"):
        life.before()
    life.release()
    with pytest.raises(NothingToDo, match="has no version before"):
        life.before()


def test_every_api_has_a_name_whether_it_is_declared_or_only_served() -> None:
    release = Release(
        api_id="b" * 32,
        group="maps",
        api="Old",
        environment=RELEASE,
        version="20231114221320123",
        note="",
        released_by="me",
        released_ms=NOW_MS,
        document={},
    )
    assert [str(one) for one in named([], [release, release])] == ["maps/Old"]
