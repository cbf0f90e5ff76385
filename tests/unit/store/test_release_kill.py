"""A process that is killed at any step of a release leaves all that was before, or all of it."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from unit.store.release_actor import BATCH, NEW, NOW_MS, OLD, make_old

import apigateway
from apigateway.store.sqlite import SqliteStore

HERE = Path(__file__).parent
ACTIONS = {"release": 3, "switch": 1, "abolish": 1}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no cc, or no LD_PRELOAD")
    made = tmp_path_factory.mktemp("shim") / "kill_at.so"
    source = str(HERE / "kill_at.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), source, "-ldl"], check=True)
    return made


def killed(how: str, folder: Path, preload: Path | None = None) -> list[tuple[Path, bool, bool]]:
    """For each child its database, whether it was killed, and whether it was told of success."""
    make_old(folder / "old.db")
    source = str(Path(apigateway.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    if preload is not None:
        environment["LD_PRELOAD"] = str(preload)
    done = subprocess.run(
        [sys.executable, str(HERE / "release_actor.py"), how, str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    found = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    return [(folder / f"{step}.db", bool(dead), bool(told)) for step, dead, told in found]


def is_new(path: Path) -> bool:
    """Whether all is released. What is neither all nor nothing fails here."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqliteStore(path)
    store.open()
    try:
        served = {one.api: one.version for one in store.releases.current()}
        audited = [one.action for one in store.audit.entries() if one.by == "bob"]
        versions = [version for _, version in sorted(store.releases.last_versions().items())]
        history = [len(store.releases.history(change.api_id)) for change in BATCH]
        number = store.releases.changes()
        new = served == NEW
        assert served == (NEW if new else OLD)
        assert history == ([2, 1, 2, 1, 2] if new else [1, 0, 2, 1, 1])
        assert len(versions) == (5 if new else 4)
        assert {action: audited.count(action) for action in audited} == (ACTIONS if new else {})
        assert number == (3 if new else 2)
        if not new:  # and it can be made now
            store.releases.apply(BATCH, note="again", by="cid", now_ms=NOW_MS)
            assert {one.api: one.version for one in store.releases.current()} == NEW
        return new
    finally:
        store.close()


def test_a_kill_at_any_statement_leaves_the_old_and_the_end_the_new(tmp_path: Path) -> None:
    children = killed("statement", tmp_path)
    assert [is_new(path) for path, _, _ in children] == [False] * (len(children) - 1) + [True]
    assert [dead for _, dead, _ in children] == [True] * (len(children) - 1) + [False]
    # BEGIN, a look at each of the five, what they write, the audit log and COMMIT.
    assert len(children) > 1 + 5 + 3 + 4 + 1 + 5 + 1


@pytest.mark.parametrize("how", ["call", "half-call"])
def test_a_kill_at_any_call_that_changes_a_file_leaves_the_old_or_the_new(
    tmp_path: Path, shim: Path, how: str
) -> None:
    children = killed(how, tmp_path, shim)
    assert len(children) > 20
    assert not children[-1][1]
    outcomes = [(is_new(path), told) for path, _, told in children]
    assert all(new for new, told in outcomes if told)
    # Some were killed before the end of the release, some while the store was closed.
    assert {told for _, told in outcomes[:-1]} == {new for new, _ in outcomes} == {False, True}
