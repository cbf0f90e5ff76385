"""One connection: its settings, its transactions, its errors."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from apigateway.ports import StoreUnavailable
from apigateway.store.connection import Connection, StoreBusy, connect
from apigateway.store.migrations import prepare


def test_no_connection_checkpoints_by_itself(path: Path) -> None:
    prepare(path)
    with contextlib.closing(connect(path, busy_timeout_s=0)) as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (0,)


def test_work_that_fails_is_rolled_back_and_its_own_error_is_kept(path: Path) -> None:
    def work(link: sqlite3.Connection) -> None:
        link.execute("BEGIN IMMEDIATE")
        link.execute("INSERT INTO counters VALUES ('a', 1, 1, 1)")
        raise KeyError("a bug")

    prepare(path)
    connection = Connection(path, busy_timeout_s=0)
    connection.open()
    with pytest.raises(KeyError, match="a bug"):
        connection.run(work)
    assert connection.run(lambda link: link.in_transaction) is False
    assert connection.run(lambda link: link.execute("SELECT * FROM counters").fetchall()) == []
    connection.close()


def test_a_held_lock_is_told_from_every_other_error(path: Path) -> None:
    prepare(path)
    connection = Connection(path, busy_timeout_s=0)
    connection.open()
    with contextlib.closing(connect(path, busy_timeout_s=0)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            connection.run(lambda link: link.execute("BEGIN IMMEDIATE"))
    with pytest.raises(StoreUnavailable, match="no such table") as caught:
        connection.run(lambda link: link.execute("SELECT * FROM absent"))
    assert not isinstance(caught.value, StoreBusy)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    connection.close()
