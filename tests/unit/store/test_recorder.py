"""The writing thread: a database that cannot be written, a full queue, a grown log."""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from unit.store.actor import record

from apigateway.model.record import CallRecord
from apigateway.store import recorder as room
from apigateway.store.calls import write
from apigateway.store.connection import connect
from apigateway.store.migrations import prepare
from apigateway.store.recorder import Recorder, checkpoint

PATIENCE_S = 30.0
"""For what ends by itself, on a busy machine."""


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BUSY_TIMEOUT_S", 0.0)
    monkeypatch.setattr(room, "BACKOFF_S", (0.005, 0.02))
    monkeypatch.setattr(room, "BATCH_WAIT_S", 0.005)
    monkeypatch.setattr(room, "TICK_S", 0.01)


@pytest.fixture
def recorder(path: Path) -> Iterator[Recorder]:
    prepare(path)
    made = Recorder(path, capacity=100, close_patience_s=PATIENCE_S)
    made.start()
    yield made
    made.stop()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def written(path: Path) -> list[str]:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        return [name for (name,) in connection.execute("SELECT request_id FROM calls ORDER BY id")]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def names(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def test_records_are_written_without_a_stop(recorder: Recorder, path: Path) -> None:
    for number in range(20):
        assert recorder.put(record(number))
    until(lambda: written(path) == names(20))


def test_records_from_many_threads_are_all_written(recorder: Recorder, path: Path) -> None:
    def some() -> None:
        for number in range(200):
            recorder.put(record(number))

    threads = [threading.Thread(target=some) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.stop()
    assert sorted(written(path)) == sorted(names(200) * 5)


def test_nothing_is_queued_when_it_is_not_running(recorder: Recorder, path: Path) -> None:
    recorder.stop()
    assert not recorder.put(record(0))
    assert written(path) == []


def test_an_outage_is_logged_once_and_loses_no_record(
    recorder: Recorder, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    def failing(connection: sqlite3.Connection, rows: int) -> int:
        nonlocal attempts
        attempts += 1
        raise sqlite3.OperationalError("disk I/O error")

    with locked(path):
        recorder.put(record(0))
        until(lambda: "cannot be written" in caplog.text)
        recorder.purges = (failing,)
    until(lambda: attempts > 3)
    recorder.purges = ()
    recorder.put(record(1))
    until(lambda: "can be written again" in caplog.text)
    until(lambda: written(path) == names(2))
    errors = [found for found in caplog.records if found.levelno >= logging.ERROR]
    assert 1 <= len(errors) <= 2


def test_a_full_queue_makes_the_caller_wait_but_takes_the_record(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(path)
    full = Recorder(path, capacity=3, full_wait_s=0.02, close_patience_s=PATIENCE_S)
    full.start()
    with locked(path):
        for number in range(3):
            full.put(record(number))
        before = time.monotonic()
        assert full.put(record(3))
        assert 0.01 < time.monotonic() - before < PATIENCE_S
    full.stop()
    assert written(path) == names(4)


def test_who_is_still_writing_after_its_end_and_who_comes_next_write_nothing_twice(
    recorder: Recorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, released = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection, records: Sequence[CallRecord]) -> None:
        if not began.is_set():
            began.set()
            assert released.wait(PATIENCE_S)
        write(connection, records)

    monkeypatch.setattr(room, "write", slow)
    monkeypatch.setattr(room, "BUSY_TIMEOUT_S", 0.01)
    for number in range(7):
        recorder.put(record(number))
    assert began.wait(PATIENCE_S)
    first = recorder._thread
    recorder._close_patience_s = 0.01
    recorder.stop()
    recorder._close_patience_s = PATIENCE_S
    recorder.start()
    time.sleep(0.2)  # in which the next one would write, were it not for the one before
    released.set()
    recorder.stop()
    assert first is not None
    first.join(PATIENCE_S)
    assert written(path) == names(7)


def test_what_cannot_be_written_at_the_end_is_reported_and_kept_for_the_next_start(
    recorder: Recorder, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with locked(path):
        for number in range(7):
            recorder.put(record(number))
        recorder._close_patience_s = 0.1
        recorder.stop()
    assert "7 call records could not be written" in caplog.text
    recorder._close_patience_s = PATIENCE_S
    recorder.start()
    recorder.stop()
    assert written(path) == names(7)


def test_purges_go_on_until_nothing_is_left(recorder: Recorder) -> None:
    left = [room.PURGE_ROWS, room.PURGE_ROWS, 3]
    recorder.purges = (lambda _, rows: left.pop(0) if left else 0,)
    until(lambda: not left)


def test_starting_and_stopping_twice_is_starting_and_stopping_once(path: Path) -> None:
    prepare(path)
    recorder = Recorder(path, capacity=100, close_patience_s=PATIENCE_S)
    others = set(threading.enumerate())  # of which some may still end
    recorder.start()
    recorder.start()
    (running,) = set(threading.enumerate()) - others
    assert running.name == "call-records"
    recorder.stop()
    recorder.stop()
    assert not running.is_alive()


@pytest.mark.parametrize("long", [False, True])
def test_a_grown_log_is_brought_back_and_begins_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    monkeypatch.setattr(room, "CHECKPOINT_BYTES", 2 * 1024 * 1024)
    monkeypatch.setattr(room, "RESTART_BYTES", 2 * 1024 * 1024 if long else 2**60)
    prepare(path)
    log = path.with_name("gateway.db-wal")
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute("CREATE TABLE filler (content BLOB)")
        connection.execute("INSERT INTO filler VALUES (zeroblob(3 * 1024 * 1024))")
        assert log.stat().st_size > 3 * 1024 * 1024
        checkpoint(connection, path)
        connection.execute("INSERT INTO filler VALUES (1)")
        assert log.stat().st_size <= 2 * 1024 * 1024
