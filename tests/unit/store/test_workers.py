"""Statuses in SQLite: processes of one machine see each other's."""

from pathlib import Path

import pytest
from contract.test_workers_port import ONE, TWO

from apigateway.ports import StoreUnavailable
from apigateway.store.sqlite import SqliteStore


def test_another_process_sees_what_was_reported(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path)
    other.open()
    store.workers.report(ONE)
    other.workers.report(TWO)
    assert list(store.workers.statuses()) == list(other.workers.statuses()) == [ONE, TWO]
    other.workers.forget(ONE.machine, ONE.process)
    assert list(store.workers.statuses()) == [TWO]
    other.close()


def test_workers_of_a_closed_store_are_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).workers.statuses()
