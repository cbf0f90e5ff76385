"""A store in a folder of its own, and processes that use the same file."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import apigateway
from apigateway.store.recorder import Recorder
from apigateway.store.sqlite import SqliteStore

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "gateway.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path, patience_s=30)
    made.open()
    yield made
    made.close()


@pytest.fixture
def no_purges(monkeypatch: pytest.MonkeyPatch) -> None:
    """What grew old goes when a test says so, and not beside it, once a second."""
    monkeypatch.setattr(Recorder, "_purge", lambda *_: None)


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts `actor.py VERB` on the database, up to the point where it waits for `go`."""
    running: list[subprocess.Popen[str]] = []

    def started(verb: str, *arguments: int) -> "subprocess.Popen[str]":
        actor = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("actor.py")), verb, str(path)]
            + [str(argument) for argument in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(apigateway.__file__).parents[1])},
        )
        running.append(actor)
        assert actor.stdout is not None
        assert actor.stdout.readline() == "ready\n"
        return actor

    yield started
    for actor in running:
        actor.kill()
        actor.communicate()
