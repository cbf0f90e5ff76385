"""What every implementation of `Releases` does: one release after the other."""

from typing import Any

import pytest
from contract.conftest import Store
from contract.releasing import (
    FIRST,
    NOW_MS,
    RELEASE,
    SECOND,
    THIRD,
    abolish,
    apply,
    publish,
    put,
    switch,
)

from apigateway.model.group import Environment
from apigateway.model.release import Release

TEST = Environment.TEST
API = "id-of-GetForecast"


class TestReleases:
    def test_a_new_store_has_released_nothing(self, store: Store) -> None:
        assert list(store.releases.current()) == []
        assert list(store.releases.history(API)) == []
        assert dict(store.releases.last_versions()) == {}
        assert store.releases.at(API, RELEASE, FIRST) is None

    def test_a_release_says_what_was_released(self, store: Store) -> None:
        document = {"name": "GetForecast", "说明": "天气", "backend": {"timeout_ms": 5000}}
        assert put(store, publish(document=document)) == Release(
            api_id=API,
            group="weather",
            api="GetForecast",
            environment=RELEASE,
            version=FIRST,
            note="first",
            released_by="someone",
            released_ms=NOW_MS,
            document=document,
        )

    def test_what_was_released_is_current_and_in_the_history(self, store: Store) -> None:
        document = {"b": [1, 2.5, None, True], "a": {"y": 1, "x": 2}}
        release = put(store, publish(document=document))
        assert list(store.releases.current()) == [release]
        assert list(store.releases.history(API)) == [release]
        assert store.releases.at(API, RELEASE, FIRST) == release

    @pytest.mark.parametrize(
        "number", [0.1, 1e22, 1e-7, 5e-324, 2**63, -(10**40), 123456789.12345679, 1.0], ids=str
    )
    def test_numbers_stay_what_they_are(self, store: Store, number: float) -> None:
        put(store, publish(document={"number": number}))
        (found,) = store.releases.current()
        assert repr(found.document["number"]) == repr(number)

    def test_a_later_change_of_the_document_changes_no_release(self, store: Store) -> None:
        document: dict[str, Any] = {"path": "/one"}
        release = put(store, publish(document=document))
        document["path"] = "/two"
        assert release.document == {"path": "/one"}
        assert store.releases.current()[0].document == {"path": "/one"}

    @pytest.mark.parametrize(
        "value",
        [{1, 2}, float("nan"), object(), "\ud800"],
        ids=["a set", "NaN", "an object", "half a character"],
    )
    def test_what_is_not_json_is_not_released(self, store: Store, value: object) -> None:
        with pytest.raises((TypeError, ValueError)):
            apply(store, publish("Another"), publish(document={"value": value}))
        assert list(store.releases.current()) == []
        assert store.releases.changes() == 0

    def test_the_last_release_is_served_and_history_is_newest_first(self, store: Store) -> None:
        releases = [put(store, now_ms=NOW_MS + step) for step in (0, 1_000, 2_000)]
        assert list(store.releases.current()) == releases[-1:]
        assert list(store.releases.history(API)) == releases[::-1]

    def test_releases_in_one_millisecond_get_rising_versions(self, store: Store) -> None:
        assert [put(store).version for _ in range(3)] == [FIRST, SECOND, THIRD]

    def test_versions_rise_although_the_clock_goes_back(self, store: Store) -> None:
        put(store)
        earlier = put(store, now_ms=NOW_MS - 86_400_000)
        assert earlier.version == SECOND
        assert earlier.released_ms == NOW_MS - 86_400_000
        assert list(store.releases.current()) == [earlier]
        assert store.releases.history(API)[0] == earlier
        assert store.releases.last_versions() == {(API, RELEASE): SECOND}

    def test_a_bumped_version_carries_over_the_second(self, store: Store) -> None:
        end_of_year_ms = 1_704_067_199_999
        versions = [put(store, now_ms=end_of_year_ms).version for _ in range(2)]
        assert versions == ["20231231235959999", "20240101000000000"]

    def test_environments_are_released_apart(self, store: Store) -> None:
        test = put(store, publish(environment=TEST))
        release = put(store)
        assert test.version == release.version
        assert list(store.releases.current()) == [release, test]
        assert list(store.releases.history(API)) == [release, test]
        assert list(store.releases.history(API, TEST)) == [test]
        assert store.releases.at(API, TEST, FIRST) == test
        assert store.releases.at(API, Environment.PRE, FIRST) is None

    def test_what_is_current_comes_in_the_order_of_names(self, store: Store) -> None:
        for api in ("Zebra", "Ant", "Mole"):
            put(store, publish(api))
        assert [found.api for found in store.releases.current()] == ["Ant", "Mole", "Zebra"]

    def test_releases_outlive_closing_and_opening(self, store: Store) -> None:
        release = put(store)
        store.close()
        store.open()
        assert list(store.releases.current()) == [release]

    def test_the_number_of_changes_rises_with_each_release_and_announcement(
        self, store: Store
    ) -> None:
        seen = [store.releases.changes()]
        for change in (lambda: put(store), store.releases.announce, lambda: put(store)):
            change()
            seen.append(store.releases.changes())
        assert seen == sorted(set(seen))

    def test_looking_changes_nothing(self, store: Store) -> None:
        put(store)
        before = store.releases.changes()
        store.releases.current()
        store.releases.history(API)
        store.releases.at(API, RELEASE, FIRST)
        store.releases.last_versions()
        assert store.releases.changes() == before


class TestSwitching:
    def test_any_version_is_served_again_and_stays_what_it_was(self, store: Store) -> None:
        one, two, three = (put(store, publish(document={"n": number})) for number in range(3))
        for version in (one, three, two, one):
            assert list(apply(store, switch(version.version))) == [version]
            assert list(store.releases.current()) == [version]
        assert list(store.releases.history(API)) == [three, two, one]
        assert store.releases.last_versions() == {(API, RELEASE): THIRD}

    def test_the_next_release_comes_after_the_last_and_not_after_the_one_that_is_served(
        self, store: Store
    ) -> None:
        put(store)
        put(store)
        apply(store, switch(FIRST))
        third = put(store, publish(served=FIRST, after=SECOND))
        assert third.version == THIRD
        assert list(store.releases.current()) == [third]

    def test_a_switch_in_one_environment_leaves_the_others(self, store: Store) -> None:
        put(store, publish(environment=TEST, document={"n": 1}))
        put(store, publish(document={"n": 2}))
        put(store, publish(environment=TEST, document={"n": 3}))
        apply(store, switch(FIRST, environment=TEST))
        served = {one.environment: one.document["n"] for one in store.releases.current()}
        assert served == {RELEASE: 2, TEST: 1}

    def test_a_switch_outlives_closing_and_opening(self, store: Store) -> None:
        first = put(store)
        put(store)
        apply(store, switch(FIRST))
        store.close()
        store.open()
        assert list(store.releases.current()) == [first]


class TestAbolishing:
    def test_what_is_abolished_is_not_served_and_stays_in_the_history(self, store: Store) -> None:
        test = put(store, publish(environment=TEST))
        release = put(store)
        assert list(apply(store, abolish())) == [None]
        assert list(store.releases.current()) == [test]
        assert list(store.releases.history(API)) == [release, test]
        assert store.releases.at(API, RELEASE, FIRST) == release
        assert store.releases.last_versions()[API, RELEASE] == FIRST

    def test_what_was_abolished_can_be_released_again(self, store: Store) -> None:
        put(store)
        apply(store, abolish())
        again = put(store, publish(served="", after=FIRST))
        assert again.version == SECOND
        assert list(store.releases.current()) == [again]

    def test_what_was_abolished_can_be_switched_to(self, store: Store) -> None:
        first = put(store)
        put(store)
        apply(store, abolish())
        assert list(apply(store, switch(FIRST, served=""))) == [first]
        assert list(store.releases.current()) == [first]

    def test_an_abolished_api_outlives_closing_and_opening(self, store: Store) -> None:
        put(store)
        apply(store, abolish())
        store.close()
        store.open()
        assert list(store.releases.current()) == []
