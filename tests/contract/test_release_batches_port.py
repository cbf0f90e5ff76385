"""What every implementation of `Releases` does: many changes at once, and against others."""

import random
import threading

import pytest
from contract.conftest import Store
from contract.releasing import (
    FIRST,
    NOW_MS,
    RELEASE,
    SECOND,
    abolish,
    apply,
    at_once,
    everything,
    publish,
    put,
    switch,
)

from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Change, Publish, Release, Switch
from apigateway.ports import NoSuchVersion, ReleasedMeanwhile

API = "id-of-GetForecast"


class TestBatches:
    def test_one_step_makes_changes_of_every_kind(self, store: Store) -> None:
        old = {api: put(store, publish(api)) for api in ("Edited", "Rolled", "Gone")}
        put(store, publish("Rolled"))
        before = store.releases.changes()
        edited, new, rolled, gone = apply(
            store, publish("Edited"), publish("New"), switch(FIRST, "Rolled"), abolish("Gone")
        )
        assert (edited and edited.version, new and new.version) == (SECOND, FIRST)
        assert rolled == old["Rolled"]
        assert gone is None
        assert list(store.releases.current()) == [edited, new, rolled]
        assert store.releases.changes() == before + 1

    def test_no_change_is_no_change(self, store: Store) -> None:
        before = everything(store)
        assert list(apply(store)) == []
        assert everything(store) == before

    def test_what_is_so_already_is_left_alone(self, store: Store) -> None:
        release = put(store)
        before = everything(store)
        for asked, served in (
            (switch(FIRST), release),
            (switch(FIRST, served=FIRST), release),
            (abolish("Never"), None),
            (abolish("Never", served=""), None),
        ):
            assert list(apply(store, asked)) == [served]
        assert everything(store) == before

    def test_of_what_changes_nothing_nothing_is_audited_beside_what_does(
        self, store: Store
    ) -> None:
        put(store)
        apply(store, switch(FIRST), abolish("Never"), publish("New"))
        subjects = [entry.subject for entry in store.audit.entries()]
        assert subjects == ["weather/New", "weather/GetForecast"]

    def test_two_changes_of_one_api_and_environment_are_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match=r"weather/GetForecast in RELEASE"):
            apply(store, publish(), abolish())
        assert list(store.releases.current()) == []

    def test_what_is_no_kind_of_change_is_refused(self, store: Store) -> None:
        bare = Change(api_id="id", group="weather", api="GetForecast", environment=RELEASE)
        with pytest.raises(TypeError, match="Change is no change"):
            apply(store, bare)

    def test_thousands_are_released_and_switched_and_abolished_in_one_step(
        self, store: Store
    ) -> None:
        names = [f"Api{number:04}" for number in range(2_500)]
        made = apply(store, *(publish(name, served="", after="") for name in names))
        assert list(store.releases.current()) == list(made)
        apply(store, *(publish(name, served=FIRST) for name in names))
        back = apply(store, *(switch(FIRST, name, served=SECOND) for name in names))
        assert list(back) == list(made)
        assert list(store.releases.current()) == list(made)
        apply(store, *(abolish(name) for name in names))
        assert list(store.releases.current()) == []
        assert store.releases.changes() == 4
        assert len(store.audit.entries(subject="weather", limit=100_000)) == 10_000


class TestExpectations:
    @pytest.mark.parametrize(
        ("change", "expected", "found"),
        [
            (publish(served=""), "", FIRST),
            (publish(served=SECOND), SECOND, FIRST),
            (publish(after=""), "", FIRST),
            (publish(after=SECOND), SECOND, FIRST),
            (publish("Never", served=FIRST), FIRST, ""),
            (publish("Never", after=FIRST), FIRST, ""),
            (switch(FIRST, served=""), "", FIRST),
            (switch(FIRST, "Never", served=FIRST), FIRST, ""),
            (abolish(served=""), "", FIRST),
            (abolish("Never", served=FIRST), FIRST, ""),
        ],
        ids=str,
    )
    def test_what_is_not_as_expected_is_left_alone_with_all_the_others(
        self, store: Store, change: Change, expected: str, found: str
    ) -> None:
        put(store)
        before = everything(store)
        with pytest.raises(ReleasedMeanwhile) as caught:
            apply(store, publish("Another"), change, publish("One more"))
        (conflict,) = caught.value.conflicts
        assert conflict.change == change
        assert (conflict.expected, conflict.found) == (expected, found)
        assert everything(store) == before

    def test_all_conflicts_are_told_at_once(self, store: Store) -> None:
        put(store)
        put(store, publish("Another"))
        with pytest.raises(ReleasedMeanwhile) as caught:
            apply(store, publish(served=""), publish("New"), switch("2", "Another", served="1"))
        assert [one.change.api for one in caught.value.conflicts] == ["GetForecast", "Another"]
        assert str(caught.value) == (
            f"weather/GetForecast in RELEASE: version none was expected, and it is {FIRST} by now;"
            f" weather/Another in RELEASE: version 1 was expected, and it is {FIRST} by now"
        )

    def test_what_is_as_expected_is_done(self, store: Store) -> None:
        apply(store, publish(served="", after=""))
        apply(store, publish(served=FIRST, after=FIRST))
        apply(store, switch(FIRST, served=SECOND))
        apply(store, abolish(served=FIRST))
        apply(store, abolish(served=""))
        apply(store, publish(served="", after=SECOND))
        assert len(store.releases.history(API)) == 3

    def test_a_version_that_never_was_is_named(self, store: Store) -> None:
        put(store)
        put(store, publish(environment=Environment.TEST), now_ms=NOW_MS + 1)
        before = everything(store)
        with pytest.raises(NoSuchVersion) as caught:
            apply(store, publish("Another"), switch(SECOND), switch("1", "Never"))
        assert str(caught.value) == (
            f"weather/GetForecast has no version {SECOND} in RELEASE; "
            "weather/Never has no version 1 in RELEASE"
        )
        assert everything(store) == before


class TestAuditOfReleases:
    def test_every_change_says_who_when_what_before_and_after(self, store: Store) -> None:
        apply(store, publish(), note="new", by="ann", now_ms=NOW_MS)
        apply(store, publish(), note="better", by="bob", now_ms=NOW_MS + 5)
        apply(store, switch(FIRST), note="worse", by="cid", now_ms=NOW_MS + 6)
        apply(store, abolish(), note="enough", by="dan", now_ms=NOW_MS + 7)
        later = "20231114221320128"
        steps: list[tuple[str, int, str, str, str | None, str | None]] = [
            ("dan", 7, "abolish", "enough", FIRST, None),
            ("cid", 6, "switch", "worse", later, FIRST),
            ("bob", 5, "release", "better", FIRST, later),
            ("ann", 0, "release", "new", None, FIRST),
        ]
        assert list(store.audit.entries()) == [
            AuditEntry(
                at_ms=NOW_MS + after_ms,
                by=by,
                action=action,
                subject="weather/GetForecast",
                environment="RELEASE",
                note=note,
                before={"version": old} if old else None,
                after={"version": new} if new else None,
            )
            for by, after_ms, action, note, old, new in steps
        ]


class TestThreads:
    @pytest.mark.parametrize(
        "change", [publish(served="", after=""), publish(served=""), publish(after="")], ids=str
    )
    def test_of_those_who_expect_the_same_exactly_one_wins(
        self, store: Store, change: Publish
    ) -> None:
        def work(_: int) -> Release | None:
            try:
                return put(store, change)
            except ReleasedMeanwhile:
                return None

        made = [release for release in at_once(work, 8) if release is not None]
        assert len(made) == 1
        assert list(store.releases.history(API)) == made
        assert list(store.releases.current()) == made
        assert store.releases.changes() == 1

    def test_those_who_expect_nothing_all_get_versions_of_their_own(self, store: Store) -> None:
        versions = sorted(release.version for release in at_once(lambda _: put(store), 8))
        assert versions == [f"20231114221320{123 + number}" for number in range(8)]
        assert [one.version for one in store.releases.history(API)] == versions[::-1]
        assert [one.version for one in store.releases.current()] == versions[-1:]

    def test_nobody_ever_sees_a_part_of_a_batch(self, store: Store) -> None:
        names = [f"Api{number}" for number in range(20)]
        apply(store, *(publish(name, document={"round": 0}) for name in names))
        over = threading.Event()

        def release() -> None:
            for number in range(1, 15):
                apply(store, *(publish(name, document={"round": number}) for name in names))
            over.set()

        def look() -> list[set[int]]:
            seen = []
            while not over.is_set():
                seen.append({one.document["round"] for one in store.releases.current()})
                store.releases.changes()
            return seen

        works = [release, look, look]
        for seen in at_once(lambda number: works[number](), 3)[1:]:
            assert all(len(rounds) == 1 for rounds in seen or [])
            numbers = [rounds.pop() for rounds in seen or []]
            assert numbers == sorted(numbers)


class TestAnyOrder:
    """Random changes, against what a few dicts say of them."""

    @pytest.mark.parametrize("seed", range(6))
    def test_any_changes_come_to_what_a_plain_account_of_them_says(
        self, store: Store, seed: int
    ) -> None:
        chance = random.Random(seed)
        served: dict[str, str] = {}
        versions: dict[str, list[str]] = {}
        audited = 0
        for _ in range(60):
            batch = [
                _any_change(chance, api, served, versions)
                for api in chance.sample("ABCD", chance.randint(1, 4))
            ]
            expected = [_expected(change, served, versions) for change in batch]
            before = everything(store)
            now_ms = NOW_MS + chance.randint(-3, 3)
            if None in expected:
                with pytest.raises((ReleasedMeanwhile, NoSuchVersion)):
                    apply(store, *batch, now_ms=now_ms)
                assert everything(store) == before
                continue
            made = apply(store, *batch, now_ms=now_ms)
            for change, release in zip(batch, made, strict=True):
                old = served.pop(change.api, "")
                if release is not None:
                    served[change.api] = release.version
                if isinstance(change, Publish):
                    assert release is not None
                    assert release.version > max(versions.get(change.api, [""]))
                    versions.setdefault(change.api, []).append(release.version)
                else:
                    wanted = change.version if isinstance(change, Switch) else ""
                    assert served.get(change.api, "") == wanted
                audited += old != served.get(change.api, "")
            assert {one.api: one.version for one in store.releases.current()} == served
        assert len(store.audit.entries(limit=10_000)) == audited
        for api, known in versions.items():
            history = store.releases.history(f"id-of-{api}")
            assert [one.version for one in history] == known[::-1]
            assert store.releases.last_versions()[f"id-of-{api}", RELEASE] == known[-1]


def _any_change(
    chance: random.Random, api: str, served: dict[str, str], versions: dict[str, list[str]]
) -> Change:
    known = ["", *versions.get(api, [])]
    right = served.get(api, "")
    expecting = chance.choice([None, None, right, right, right, chance.choice(known)])
    match chance.randrange(3):
        case 0:
            after = chance.choice([None, None, known[-1], chance.choice(known)])
            return publish(api, served=expecting, after=after)
        case 1:
            return switch(chance.choice([*known[1:], *known[1:], "none"]), api, served=expecting)
        case _:
            return abolish(api, served=expecting)


def _expected(
    change: Change, served: dict[str, str], versions: dict[str, list[str]]
) -> bool | None:
    """None when the change is to be refused."""
    known = versions.get(change.api, [])
    if change.served not in (None, served.get(change.api, "")):
        return None
    match change:
        case Publish() if change.after not in (None, known[-1] if known else ""):
            return None
        case Switch() if change.version not in known:
            return None
        case _:
            assert isinstance(change, Publish | Switch | Abolish)
            return True
