"""Real processes on one file: nothing is counted twice, and a kill takes nothing back."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from unit.store.actor import NOW_MS, limits
from unit.store.conftest import Start

from apigateway.store.sqlite import SqliteStore

Process = subprocess.Popen[str]


def go(processes: list[Process]) -> list[str]:
    """Let all of them begin, and wait for what they say at the end."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = []
    for process in processes:
        said.append(process.communicate(timeout=300)[0])
        assert process.returncode == 0
    return said


def kill_after(process: Process, lines: int) -> list[int]:
    """Let it print some numbers, kill it hard, and return all that it printed."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    head = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest = process.stdout.read()
    # The last line may have been cut off in the middle.
    return [int(line) for line in "".join([*head, rest]).rpartition("\n")[0].splitlines()]


def intact(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_processes_that_take_at_once_are_granted_exactly_the_ceiling(start: Start) -> None:
    said = go([start("take", 150, 100) for _ in range(4)])
    assert sum(map(int, said)) == 150


def test_processes_that_claim_the_same_nonces_get_each_one_once(start: Start) -> None:
    said = go([start("claim", 200) for _ in range(2)])
    got = [int(number) for each in said for number in each.split()]
    assert sorted(got) == list(range(200))


def test_processes_may_open_the_same_new_file_at_once(start: Start, path: Path) -> None:
    assert go([start("open") for _ in range(6)]) == ["opened\n"] * 6
    assert intact(path)


@pytest.mark.parametrize("lines", [1, 500, 2_000])
def test_a_killed_process_leaves_every_granted_call_counted(
    start: Start, path: Path, lines: int
) -> None:
    granted = kill_after(start("take-for-ever"), lines)[-1]
    store = SqliteStore(path)
    store.open()
    tally = asyncio.run(store.counters.take(limits(10**9), NOW_MS))
    store.close()
    # One more may have been charged just before its number could be printed.
    before = {standing.used - 1 for standing in tally.standings}
    assert len(before) == 1
    assert granted <= before.pop() <= granted + 1
    assert intact(path)


@pytest.mark.parametrize("lines", [500, 5_000])
def test_a_killed_process_leaves_whole_batches_of_records(
    start: Start, path: Path, lines: int
) -> None:
    appended = kill_after(start("append-for-ever"), lines)
    store = SqliteStore(path)
    store.open()
    written = [found.request_id for found in store.calls.query(limit=len(appended) + 10)]
    assert written[::-1] == [f"r{number}" for number in range(len(written))]
    store.close()
    assert intact(path)


def test_a_process_that_ends_without_closing_still_writes_its_records(
    start: Start, path: Path
) -> None:
    go([start("append-and-exit")])
    store = SqliteStore(path)
    store.open()
    assert [found.request_id for found in store.calls.query()] == ["r0"]
    store.close()


def test_the_file_and_its_folder_belong_to_their_owner_alone(path: Path) -> None:
    mask = os.umask(0)
    try:
        store = SqliteStore(path)
        store.open()
    finally:
        os.umask(mask)
    modes = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}
    store.close()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert set(modes) == {"gateway.db", "gateway.db-wal", "gateway.db-shm"}
    assert set(modes.values()) == {0o600}
