"""A process of its own for tests: `python release_actor.py HOW FOLDER`.

For n = 1, 2, ... a child releases BATCH on a copy of FOLDER/old.db, FOLDER/n.db, and is killed hard
at its n-th step, until one comes through. HOW says what a step is: `statement`, an SQL statement
of the release; `call`, a system call that changes a file, from the beginning of the release to the
end of closing the store; `half-call`, likewise, when half of the bytes are written.

Prints for each child a line "N KILLED RELEASED": whether it was killed, and whether it had already
been told that all is released.
"""

import ctypes
import itertools
import mmap
import os
import shutil
import signal
import sys
from pathlib import Path

from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Change, Publish, Switch
from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_123
FIRST, SECOND = "20231114221320123", "20231114221320124"


def about(api: str) -> dict[str, object]:
    environment = Environment.RELEASE
    return {"api_id": f"id-{api}", "group": "weather", "api": api, "environment": environment}


def publish(api: str, *, served: str) -> Publish:
    document = {"name": api, "description": "long " * 400}
    return Publish(**about(api), document=document, served=served)  # type: ignore[arg-type]


BATCH: list[Change] = [
    publish("Edited", served=FIRST),
    publish("New", served=""),
    Switch(**about("Rolled"), version=FIRST, served=SECOND),  # type: ignore[arg-type]
    Abolish(**about("Gone"), served=FIRST),  # type: ignore[arg-type]
    publish("Back", served=""),
]
OLD = {"Edited": FIRST, "Rolled": SECOND, "Gone": FIRST}
NEW = {"Edited": SECOND, "New": FIRST, "Rolled": FIRST, "Back": SECOND}


def make_old(path: Path) -> None:
    """What is served before, and how it came to that."""
    store = SqliteStore(path)
    store.open()
    names = ["Edited", "Rolled", "Gone", "Back"]
    first = [publish(name, served="") for name in names]
    then = [publish("Rolled", served=FIRST), Abolish(**about("Back"))]  # type: ignore[arg-type]
    for changes in (first, then):
        store.releases.apply(changes, note="before", by="ann", now_ms=NOW_MS)
    store.close()


def arm(how: str, store: SqliteStore, step: int) -> None:
    if how != "statement":
        ctypes.CDLL(None).kill_at(step, how == "half-call")
        return
    left = itertools.count(step - 1, -1)

    def said(_: str) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store._desk.run(lambda connection: connection.set_trace_callback(said))


def act(how: str, path: Path, step: int, released: mmap.mmap) -> None:
    store = SqliteStore(path)
    store.open()
    arm(how, store, step)
    store.releases.apply(BATCH, note="now", by="bob", now_ms=NOW_MS)
    released[0] = 1
    store.close()


def main() -> None:
    how, folder = sys.argv[1], Path(sys.argv[2])
    for step in itertools.count(1):
        path = folder / f"{step}.db"
        shutil.copyfile(folder / "old.db", path)
        released = mmap.mmap(-1, 1)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                act(how, path, step, released)
                code = 0
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        is_killed = os.WIFSIGNALED(status)
        print(step, int(is_killed), released[0], flush=True)
        if not is_killed:
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
