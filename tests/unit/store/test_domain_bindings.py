"""Bindings in SQLite: what is on record and what is announced go together."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from apigateway.model.domain_binding import DomainBinding
from apigateway.ports import StoreUnavailable
from apigateway.store.sqlite import SqliteStore

BINDING = DomainBinding(domain="api.example.com", group_id="g", bound_ms=1)


def test_another_process_sees_a_binding_and_that_something_changed(
    store: SqliteStore, path: Path
) -> None:
    other = SqliteStore(path)
    other.open()
    before = other.releases.changes()
    store.domain_bindings.record([BINDING])
    assert list(other.domain_bindings.all()) == [BINDING]
    assert other.releases.changes() != before
    other.close()


def test_what_cannot_be_announced_is_not_recorded(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON changes"
            " BEGIN SELECT raise(ABORT, 'not now'); END"
        )
    with pytest.raises(StoreUnavailable, match="not now"):
        store.domain_bindings.record([BINDING])
    assert list(store.domain_bindings.all()) == []


def test_bindings_of_a_closed_store_are_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).domain_bindings.all()
