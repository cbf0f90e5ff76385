"""What every implementation of `Releases` does."""

from typing import Any

import pytest
from contract.conftest import Store

from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import ReleasedMeanwhile

# 2023-11-14 22:13:20.123 UTC
NOW_MS = 1_700_000_000_123


def put(
    store: Store,
    *,
    api: str = "GetForecast",
    environment: Environment = Environment.RELEASE,
    document: dict[str, Any] | None = None,
    note: str = "first",
    now_ms: int = NOW_MS,
    after: str | None = None,
) -> Release:
    return store.releases.put(
        api_id=f"id-of-{api}",
        group="weather",
        api=api,
        environment=environment,
        document=document or {},
        note=note,
        released_by="someone",
        now_ms=now_ms,
        after=after,
    )


class TestReleases:
    def test_a_new_store_has_released_nothing(self, store: Store) -> None:
        assert list(store.releases.current()) == []
        assert list(store.releases.history("id-of-GetForecast")) == []

    def test_a_release_says_what_was_released(self, store: Store) -> None:
        document = {"name": "GetForecast", "说明": "天气", "backend": {"timeout_ms": 5000}}
        assert put(store, document=document) == Release(
            api_id="id-of-GetForecast",
            group="weather",
            api="GetForecast",
            environment=Environment.RELEASE,
            version="20231114221320123",
            note="first",
            released_by="someone",
            released_ms=NOW_MS,
            document=document,
        )

    def test_what_was_put_is_what_is_current_and_in_the_history(self, store: Store) -> None:
        release = put(store, document={"b": [1, 2.5, None, True], "a": {"y": 1, "x": 2}})
        assert list(store.releases.current()) == [release]
        assert list(store.releases.history("id-of-GetForecast")) == [release]

    def test_a_later_change_of_the_document_changes_no_release(self, store: Store) -> None:
        document: dict[str, Any] = {"path": "/one"}
        release = put(store, document=document)
        document["path"] = "/two"
        assert release.document == {"path": "/one"}
        assert store.releases.current()[0].document == {"path": "/one"}

    @pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
    def test_what_is_not_json_is_not_released(self, store: Store, value: object) -> None:
        with pytest.raises((TypeError, ValueError)):
            put(store, document={"value": value})
        assert list(store.releases.current()) == []

    def test_the_last_release_is_served_and_history_is_newest_first(self, store: Store) -> None:
        releases = [put(store, now_ms=NOW_MS + step) for step in (0, 1_000, 2_000)]
        assert list(store.releases.current()) == releases[-1:]
        assert list(store.releases.history("id-of-GetForecast")) == releases[::-1]

    def test_releases_in_one_millisecond_get_rising_versions(self, store: Store) -> None:
        versions = [put(store).version for _ in range(3)]
        assert versions == ["20231114221320123", "20231114221320124", "20231114221320125"]

    def test_versions_rise_although_the_clock_goes_back(self, store: Store) -> None:
        put(store)
        earlier = put(store, now_ms=NOW_MS - 86_400_000)
        assert earlier.version == "20231114221320124"
        assert earlier.released_ms == NOW_MS - 86_400_000
        assert list(store.releases.current()) == [earlier]

    def test_a_bumped_version_carries_over_the_second(self, store: Store) -> None:
        end_of_year_ms = 1_704_067_199_999
        versions = [put(store, now_ms=end_of_year_ms).version for _ in range(2)]
        assert versions == ["20231231235959999", "20240101000000000"]

    def test_environments_are_released_apart(self, store: Store) -> None:
        test = put(store, environment=Environment.TEST)
        release = put(store, environment=Environment.RELEASE, note="second")
        assert test.version == release.version
        assert list(store.releases.current()) == [release, test]
        assert list(store.releases.history("id-of-GetForecast")) == [release, test]
        assert list(store.releases.history("id-of-GetForecast", Environment.TEST)) == [test]

    def test_what_is_current_comes_in_the_order_of_names(self, store: Store) -> None:
        for api in ("Zebra", "Ant", "Mole"):
            put(store, api=api)
        assert [found.api for found in store.releases.current()] == ["Ant", "Mole", "Zebra"]

    def test_a_first_release_is_made_once(self, store: Store) -> None:
        first = put(store, after="")
        with pytest.raises(ReleasedMeanwhile):
            put(store, after="", note="second")
        assert list(store.releases.history("id-of-GetForecast")) == [first]
        assert list(store.releases.current()) == [first]

    def test_a_release_follows_the_version_it_was_made_for(self, store: Store) -> None:
        first = put(store)
        second = put(store, after=first.version)
        with pytest.raises(ReleasedMeanwhile):
            put(store, after=first.version)
        assert list(store.releases.current()) == [second]

    def test_what_is_released_elsewhere_does_not_come_in_between(self, store: Store) -> None:
        put(store, environment=Environment.TEST)
        put(store, api="Another")
        put(store, after="")

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
        store.releases.history("id-of-GetForecast")
        assert store.releases.changes() == before
