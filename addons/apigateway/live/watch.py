"""The file system says that something may have changed.

What exactly is found out by whoever reads: an event is only a reason to look. Folders are watched
as trees; single files (secrets, certificates, keys) through the folder that holds them, since
they are often replaced and not written; and every link on the way to any of them, since what it
leads to is replaced with it (as git-sync and Kubernetes do). Where the system has no such events,
or no room for them, the files are looked at again and again instead.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change, watch

from apigateway.steps import step

logger = logging.getLogger(__name__)

Wanted = Callable[[Change, str], bool]

STEP_MS = 20
DEBOUNCE_MS = 100
"""Events that follow each other are one, for so long at most."""

_TURN_MS = 500
_RETRY_S = 1.0

Identity = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Places:
    """Folders to watch: `trees` with all below them, and `holders` for entries with one of the
    `names`."""

    trees: frozenset[str] = frozenset()
    holders: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


class FileWatch:
    """Calls `on_change`, from threads of its own, when one of the files may have changed, and once
    when it has begun to watch: what changed just before is not missed. Any thread may use it."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._watched: tuple[Places, dict[str, Identity]] | None = None
        self._stops: list[threading.Event] = []
        self._is_over = False

    def follow(self, folders: Collection[Path], files: Collection[Path]) -> None:
        """From now on, these. Does nothing when they are the same as before, and the folders that
        hold them are the very ones; nor after `stop`."""
        places = places_of(folders, files)
        now = places, {path: _identity(path) for path in places.trees | places.holders}
        with self._lock:
            if self._is_over or now == self._watched:
                return
            self._watched = now
            before, self._stops = self._stops, []
            if places.trees:
                self._start(places.trees, None, recursive=True)
            if places.holders:
                self._start(places.holders, _named(places.names), recursive=False)
            for stop in before:
                stop.set()

    def stop(self) -> None:
        """No more calls, but for one that is under way."""
        with self._lock:
            self._is_over = True
            for stop in self._stops:
                stop.set()

    def _start(self, paths: frozenset[str], wanted: Wanted | None, *, recursive: bool) -> None:
        stop = threading.Event()
        self._stops.append(stop)
        thread = threading.Thread(
            target=self._run,
            args=(sorted(paths), wanted, recursive, stop),
            name="watch definitions",
            daemon=True,
        )
        thread.start()

    def _run(
        self, paths: list[str], wanted: Wanted | None, recursive: bool, stop: threading.Event
    ) -> None:
        polling: bool | None = None
        while not stop.is_set():
            try:
                self._tell_changes(paths, wanted, recursive, stop, polling)
            except FileNotFoundError:
                pass  # perhaps only for the moment of a rename: whoever looks follows anew
            except Exception as problem:  # a watch that ended would never reload again
                logger.warning(
                    "the system does not tell of changes below %s (%s): the files are looked at "
                    "again and again instead",
                    paths[0],
                    problem,
                )
                polling = True
            if not stop.wait(_RETRY_S):
                self._on_change()

    def _tell_changes(
        self,
        paths: list[str],
        wanted: Wanted | None,
        recursive: bool,
        stop: threading.Event,
        polling: bool | None,
    ) -> None:
        is_new = True
        for changes in watch(
            *paths,
            watch_filter=wanted,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=stop,
            rust_timeout=_TURN_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=polling,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            if (changes or is_new) and not stop.is_set():
                self._on_change()
            is_new = False


def places_of(folders: Collection[Path], files: Collection[Path]) -> Places:
    """What to watch so that no change of what these paths lead to is missed. A folder that is not
    there yet is waited for where it would be."""
    trees = {os.path.realpath(folder) for folder in folders if os.path.isdir(folder)}
    of_folder: dict[str, set[str]] = {}
    for entry in (*map(os.fspath, folders), *map(os.fspath, files)):
        _put(entry, of_folder)
    for link in list(_links_to(of_folder)):
        _put(link, of_folder)
    holders = {os.path.realpath(folder or "/") for folder in of_folder}
    return Places(
        frozenset(trees),
        frozenset(
            holder
            for holder in holders
            if os.path.isdir(holder) and not any(_is_in(holder, tree) for tree in trees)
        ),
        frozenset().union(*of_folder.values()),
    )


def _put(entry: str, of_folder: dict[str, set[str]]) -> None:
    step()
    folder, _, name = entry.rpartition("/")
    of_folder.setdefault(folder, set()).add(name)


def _links_to(folders: Collection[str]) -> Iterator[str]:
    """Every link that is one of these paths or on the way to one."""
    seen: set[str] = set()
    for folder in folders:
        while folder and folder not in seen:
            seen.add(folder)
            if os.path.islink(folder):
                yield folder
            folder = folder.rpartition("/")[0]


def _is_in(path: str, tree: str) -> bool:
    return path == tree or path.startswith(f"{tree}/")


def _identity(path: str) -> Identity:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _named(names: frozenset[str]) -> Wanted:
    """Only entries of these names, and what a mounted volume is swapped by (`..data`)."""

    def wanted(_: Change, path: str) -> bool:
        name = path.rpartition("/")[2]
        return name in names or name.startswith("..")

    return wanted
