"""What is written of changes, and that nothing is written for none."""

from collections.abc import Sequence
from dataclasses import replace

from unit.domains.declared import API, NOW_MS, SHOP, group, project

from apigateway.domains.record import on_record, put_on_record
from apigateway.domains.steps import Changes, begun
from apigateway.model.domain_binding import DomainBinding
from apigateway.store.memory import MemoryStore

WEATHER = group("weather", API, SHOP)
PENDING = begun(API, WEATHER, NOW_MS)


def put(store: MemoryStore, changes: Changes, before: Sequence[DomainBinding] = ()) -> Changes:
    return put_on_record(
        store.domain_bindings,
        store.audit,
        project(WEATHER),
        {one.domain: one for one in before},
        changes,
        by="ann",
        now_ms=NOW_MS,
    )


def test_changes_are_recorded_with_who_made_them() -> None:
    store = MemoryStore()
    assert put(store, {API: PENDING}) == {API: PENDING}
    assert on_record(store.domain_bindings) == {API: PENDING}
    (entry,) = store.audit.entries()
    assert (entry.by, entry.action, entry.subject) == ("ann", "bind-domain", API)


def test_what_is_recorded_as_it_is_already_is_not_written() -> None:
    store = MemoryStore()
    put(store, {API: PENDING})
    changes = store.releases.changes()
    assert put(store, {API: PENDING}, [PENDING]) == {}
    assert put(store, {SHOP: None}, [PENDING]) == {}
    assert store.releases.changes() == changes
    assert len(store.audit.entries()) == 1


def test_what_somebody_else_recorded_meanwhile_stays() -> None:
    store = MemoryStore()
    theirs = replace(PENDING, verified_ms=NOW_MS)
    store.domain_bindings.record([theirs])
    other = begun(SHOP, WEATHER, NOW_MS)
    assert put(store, {API: None, SHOP: other}, [PENDING]) == {SHOP: other}
    assert on_record(store.domain_bindings) == {API: theirs, SHOP: other}
    assert [entry.subject for entry in store.audit.entries()] == [SHOP]


def test_what_is_gone_is_forgotten() -> None:
    store = MemoryStore()
    put(store, {API: PENDING})
    assert put(store, {API: None}, [PENDING]) == {API: None}
    assert on_record(store.domain_bindings) == {}
    assert store.audit.entries()[0].action == "unbind-domain"
