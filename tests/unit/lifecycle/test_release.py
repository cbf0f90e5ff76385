"""Carrying out a plan: all of it, or nothing and a reason."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.lifecycle.drafts import NOW_MS, RELEASE, WEATHER, document, project_of

from apigateway.definition.project import Project
from apigateway.lifecycle.plan import DraftChanged, Plan, make_plan
from apigateway.lifecycle.release import (
    Obstructed,
    carry_out,
    fault_of_note,
    refuse_overtaken,
    who_overtook,
)
from apigateway.model.audit import AuditEntry
from apigateway.model.release import Abolish, Release, Switch
from apigateway.ports import ReleasedMeanwhile
from apigateway.store.memory import MemoryStore
from apigateway.store.sqlite import SqliteStore

FIRST, SECOND = document("First", path="/a"), document("Second", path="/b")
PROJECT = project_of(FIRST, SECOND, grants=[("demo", "First"), ("demo", "Second")])


def plan_of(store: Any, project: Project = PROJECT, *names: str) -> Plan:
    apis = [api for api in project.apis if not names or api.name in names]
    return make_plan(project, store.releases.current(), RELEASE, apis)


def release(
    store: Any, plan: Plan, project: Project = PROJECT, *, by: str = "ann", later_ms: int = 0
) -> Sequence[Release]:
    now_ms = NOW_MS + later_ms
    return carry_out(plan, project, store.releases, note="why", by=by, now_ms=now_ms)


def edited(timeout_ms: int) -> Project:
    first = document("First", path="/a", backend={"timeout_ms": timeout_ms})
    return project_of(first, SECOND)


def served(store: Any) -> dict[str, str]:
    return {one.api: one.version for one in store.releases.current()}


def test_all_that_is_due_is_released_with_note_and_name() -> None:
    store = MemoryStore()
    made = release(store, plan_of(store))
    assert [(one.api, one.note, one.released_by, one.released_ms) for one in made] == [
        ("First", "why", "ann", NOW_MS),
        ("Second", "why", "ann", NOW_MS),
    ]
    assert list(store.releases.current()) == made


def test_where_nothing_is_due_nothing_is_changed() -> None:
    store = MemoryStore()
    release(store, plan_of(store))
    before = store.releases.changes()
    assert release(store, plan_of(store), later_ms=1) == ()
    assert store.releases.changes() == before


def test_of_two_plans_against_one_state_the_second_is_refused() -> None:
    store = MemoryStore()
    release(store, plan_of(store))
    ours, theirs = edited(1000), edited(2000)
    our_plan, their_plan = plan_of(store, ours), plan_of(store, theirs)
    release(store, their_plan, theirs, by="bob", later_ms=1000)
    after = served(store)
    with pytest.raises(ReleasedMeanwhile) as caught:
        release(store, our_plan, ours, later_ms=2000)
    assert served(store) == after
    (conflict,) = caught.value.conflicts
    assert who_overtook(conflict, store.releases, store.audit) == (
        f"bob released {after['First']} at 2023-11-14 22:13:21 UTC: why"
    )


class Late:
    """Releases where somebody else releases between the last look and the release."""

    def __init__(self, releases: Any, meanwhile: Any) -> None:
        self._releases, self._meanwhile = releases, meanwhile

    def __getattr__(self, name: str) -> Any:
        if name == "apply":
            self._meanwhile()
        return getattr(self._releases, name)


def test_who_comes_between_the_last_look_and_the_release_is_seen_by_the_store() -> None:
    store = MemoryStore()
    release(store, plan_of(store))
    ours, theirs = edited(1000), edited(2000)
    plan = plan_of(store, ours)
    releases: Any = Late(
        store.releases, lambda: release(store, plan_of(store, theirs), theirs, by="bob", later_ms=1)
    )
    with pytest.raises(ReleasedMeanwhile):
        carry_out(plan, ours, releases, note="why", by="ann", now_ms=NOW_MS + 2)
    assert [one.released_by for one in store.releases.current()] == ["bob", "ann"]


def test_a_plan_is_no_more_than_what_it_was_made_of() -> None:
    store = MemoryStore()
    plan = plan_of(store)
    with pytest.raises(DraftChanged):
        release(store, plan, edited(1000))
    assert served(store) == {}


def test_another_release_of_what_the_plan_leaves_alone_does_not_matter() -> None:
    store = MemoryStore()
    release(store, plan_of(store))
    project = edited(1000)
    plan = plan_of(store, project)
    other = project_of(FIRST, document("Second", path="/c"))
    release(store, plan_of(store, other), other, by="bob", later_ms=1)
    (made,) = release(store, plan, project, later_ms=2)
    assert made.api == "First"


@pytest.mark.parametrize("verb", ["switch", "abolish"])
def test_a_switch_and_an_abolition_overtake_too_and_are_told(verb: str) -> None:
    store = MemoryStore()
    (old, _) = release(store, plan_of(store))
    release(store, plan_of(store, edited(1000)), edited(1000), later_ms=1)
    project = edited(2000)
    plan = plan_of(store, project)
    where: dict[str, Any] = {
        "api_id": old.api_id,
        "group": "weather",
        "api": "First",
        "environment": RELEASE,
    }
    change = Switch(**where, version=old.version) if verb == "switch" else Abolish(**where)
    store.releases.apply([change], note="", by="bob", now_ms=NOW_MS + 2000)
    with pytest.raises(ReleasedMeanwhile) as caught:
        refuse_overtaken(plan, project, store.releases.current())
    (conflict,) = caught.value.conflicts
    what = f"switched to {old.version}" if verb == "switch" else "abolished"
    told = who_overtook(conflict, store.releases, store.audit)
    assert told == f"bob {what} at 2023-11-14 22:13:22 UTC"


def test_without_an_audit_entry_the_history_says_who_it_was() -> None:
    store, empty = MemoryStore(), MemoryStore()
    plan = plan_of(store)
    release(store, plan, by="bob")
    with pytest.raises(ReleasedMeanwhile) as caught:
        refuse_overtaken(plan, PROJECT, store.releases.current())
    conflict = caught.value.conflicts[0]
    version = served(store)["First"]
    expected = f"bob released {version} at 2023-11-14 22:13:20 UTC: why"
    assert who_overtook(conflict, store.releases, empty.audit) == expected
    other = AuditEntry(at_ms=1, by="eve", action="grant", subject="weather/First")
    empty.audit.write([other])
    assert who_overtook(conflict, store.releases, empty.audit) == expected
    assert who_overtook(conflict, empty.releases, empty.audit) == ""


def test_who_came_after_the_one_that_overtook_is_not_taken_for_them() -> None:
    store = MemoryStore()
    plan = plan_of(store)
    release(store, plan, by="bob")
    with pytest.raises(ReleasedMeanwhile) as caught:
        refuse_overtaken(plan, PROJECT, store.releases.current())
    project = edited(1000)
    release(store, plan_of(store, project), project, by="eve", later_ms=1)
    told = who_overtook(caught.value.conflicts[0], store.releases, store.audit)
    assert told.startswith("bob released 20231114221320000 ")


def test_two_apis_on_one_path_are_not_served_together() -> None:
    store = MemoryStore()
    release(store, plan_of(store))
    swapped = project_of(document("First", path="/b"), document("Second", path="/a"))
    before = served(store)
    with pytest.raises(Obstructed) as caught:
        release(store, plan_of(store, swapped, "First"), swapped, later_ms=1)
    assert "weather/First: GET /b is that of weather/Second" in str(caught.value)
    assert served(store) == before
    assert len(release(store, plan_of(store, swapped), swapped, later_ms=2)) == 2


def test_an_obstacle_that_came_after_the_plan_is_seen() -> None:
    store = MemoryStore()
    plan = plan_of(store, PROJECT, "First")
    other = project_of(FIRST, document("Second", path="/a"))
    release(store, plan_of(store, other, "Second"), other)
    with pytest.raises(Obstructed):
        release(store, plan, PROJECT, later_ms=1)
    assert list(served(store)) == ["Second"]


def test_a_stage_variable_without_a_value_stands_against_a_release() -> None:
    data = document("First", backend={"address": "http://#host#:1"})
    project = project_of(data)
    store = MemoryStore()
    plan = plan_of(store, project)
    with pytest.raises(Obstructed):
        release(store, plan, project)
    set_now = replace(
        project, groups=(replace(WEATHER, variables={RELEASE: {"host": "127.0.0.1"}}),)
    )
    assert len(release(store, plan, set_now)) == 1


@pytest.mark.parametrize(
    ("note", "fault"),
    [("x" * 180, ""), ("x" * 181, "has 181 characters"), (" \n", "says nothing"), ("", "says")],
)
def test_a_note_says_something_in_180_characters(note: str, fault: str) -> None:
    assert fault_of_note(note).startswith(fault)
    assert bool(fault_of_note(note)) == bool(fault)
    if fault:
        store = MemoryStore()
        with pytest.raises(ValueError, match=fault):
            carry_out(plan_of(store), PROJECT, store.releases, note=note, by="ann", now_ms=NOW_MS)
        assert served(store) == {}


def test_of_many_at_the_same_time_on_sqlite_one_releases_and_each_other_is_told(
    tmp_path: Path,
) -> None:
    stores = [SqliteStore(tmp_path / "gateway.db") for _ in range(5)]
    for store in stores:
        store.open()
    release(stores[0], plan_of(stores[0]))
    projects = [edited(1000 + index) for index in range(5)]
    plans = [plan_of(store, one) for store, one in zip(stores, projects, strict=True)]
    barrier, outcomes = threading.Barrier(5), []

    def work(index: int) -> None:
        barrier.wait()
        try:
            release(stores[index], plans[index], projects[index], by=str(index), later_ms=1)
            outcomes.append("released")
        except ReleasedMeanwhile:
            outcomes.append("refused")

    threads = [threading.Thread(target=work, args=[index]) for index in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 4 + ["released"]
    assert len(stores[0].releases.history(PROJECT.apis[0].id)) == 2
    for store in stores:
        store.close()
