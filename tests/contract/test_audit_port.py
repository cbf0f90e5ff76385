"""What every implementation of `Audit` does."""

from typing import Any

import pytest
from contract.conftest import Store

from apigateway.model.audit import AuditEntry


def entry(number: int = 0, **about: Any) -> AuditEntry:
    known: dict[str, Any] = {"action": "grant", "subject": "weather/GetForecast"}
    return AuditEntry(at_ms=1_700_000_000_000 + number, by="ann", **{**known, **about})


class TestAudit:
    def test_a_new_store_has_no_entries(self, store: Store) -> None:
        assert list(store.audit.entries()) == []

    def test_entries_come_back_as_they_were_newest_first(self, store: Store) -> None:
        entries = [
            entry(1),
            entry(2, environment="TEST", note='über "alles"', before=None, after={"a": [1, 2.5]}),
            entry(3, subject="an app", before={"key": "***"}, after=None),
            entry(4, before=0, after=False),
            entry(5, before="", after=[]),
        ]
        store.audit.write(entries[:2])
        store.audit.write(entries[2:])
        store.audit.write([])
        assert list(store.audit.entries()) == entries[::-1]

    def test_a_clock_that_goes_back_changes_no_order(self, store: Store) -> None:
        for number in (5, 3):
            store.audit.write([entry(number)])
        assert [one.at_ms % 10 for one in store.audit.entries()] == [3, 5]

    def test_a_subject_is_meant_as_a_whole_or_as_a_group(self, store: Store) -> None:
        subjects = ["weather", "weather/Get", "weather/Get%", "weatherman/Get", "WEATHER/Get", "w"]
        store.audit.write([entry(subject=subject) for subject in subjects])

        def found(subject: str) -> set[str]:
            return {one.subject for one in store.audit.entries(subject=subject)}

        assert found("weather") == {"weather", "weather/Get", "weather/Get%"}
        assert found("weather/Get") == {"weather/Get"}
        assert found("weather/") == found("weather/G") == found("_") == found("%") == set()
        assert found("") == set(subjects)

    def test_an_action_is_looked_for_alone_and_with_a_subject(self, store: Store) -> None:
        store.audit.write(
            [
                entry(1, action="grant", subject="one"),
                entry(2, action="revoke", subject="one"),
                entry(3, action="revoke", subject="two"),
            ]
        )
        found = store.audit.entries(action="revoke")
        assert [one.subject for one in found] == ["two", "one"]
        (found_one,) = store.audit.entries(action="revoke", subject="one")
        assert found_one == entry(2, action="revoke", subject="one")
        assert list(store.audit.entries(action="rev")) == []

    def test_no_more_than_the_limit_come_back(self, store: Store) -> None:
        store.audit.write([entry(number) for number in range(1_200)])
        assert [one.at_ms % 10_000 for one in store.audit.entries(limit=2)] == [1_199, 1_198]
        assert len(store.audit.entries()) == 100
        assert len(store.audit.entries(limit=5_000)) == 1_200
        assert list(store.audit.entries(limit=0)) == []
        assert list(store.audit.entries(limit=-1)) == []

    @pytest.mark.parametrize(
        "value", [{1}, float("inf"), object()], ids=["a set", "infinity", "an object"]
    )
    def test_what_is_not_json_is_not_written_nor_are_the_others(
        self, store: Store, value: object
    ) -> None:
        with pytest.raises((TypeError, ValueError)):
            store.audit.write([entry(1), entry(2, after={"value": value})])
        assert list(store.audit.entries()) == []

    def test_entries_outlive_closing_and_opening(self, store: Store) -> None:
        store.audit.write([entry()])
        store.close()
        store.open()
        assert list(store.audit.entries()) == [entry()]

    def test_writing_is_no_change_of_what_is_served(self, store: Store) -> None:
        store.audit.write([entry()])
        assert store.releases.changes() == 0
