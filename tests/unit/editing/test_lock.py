"""One editor at a time."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from unit.build import SETTINGS

from apigateway.editing.files import NotEdited
from apigateway.editing.lock import lock_of, only_editor

HOLDER = """
import sys
from pathlib import Path
from apigateway.editing.lock import only_editor
with only_editor(Path(sys.argv[1]), "alice"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(lock: Path) -> "subprocess.Popen[str]":
    """Another process that is the editor until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_editor_is_told_who_the_first_is(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "editing.lock"
    first = holder(lock)
    try:
        with pytest.raises(NotEdited, match=rf"alice \(process {first.pid}\) is changing this"):
            with only_editor(lock, "bob", patience_s=0.1):
                pass
    finally:
        first.communicate("go\n", timeout=30)
    with only_editor(lock, "bob", patience_s=0):
        assert lock.read_text() == f"bob (process {os.getpid()})"


def test_a_second_editor_waits_for_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "editing.lock"
    first = holder(lock)
    assert first.stdin is not None
    first.stdin.write("go\n")
    first.stdin.flush()
    with only_editor(lock, "bob", patience_s=30):
        assert lock.read_text().startswith("bob")
    first.wait(30)


def test_an_editor_that_was_killed_is_none(tmp_path: Path) -> None:
    lock = tmp_path / "editing.lock"
    first = holder(lock)
    first.kill()
    first.wait(30)
    with only_editor(lock, "bob", patience_s=0):
        pass


def test_an_editor_that_fails_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "editing.lock"
    with pytest.raises(ValueError, match="no"), only_editor(lock, "alice"):
        raise ValueError("no")
    with only_editor(lock, "bob", patience_s=0):
        pass


def test_the_lock_lies_beside_the_store_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    assert lock_of(SETTINGS) == Path("editing.lock")
    lock = tmp_path / "state" / "editing.lock"
    with only_editor(lock, "alice"):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700


def test_a_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "editing.lock").mkdir()
    with pytest.raises(NotEdited, match=r"editing\.lock cannot be opened: Is a directory"):
        with only_editor(tmp_path / "editing.lock", "alice"):
            pass
