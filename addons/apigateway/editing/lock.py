"""One editor at a time, and no reader between the files of one edit: a lock that the system takes
back from a process that ends."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from apigateway.editing.files import NotEdited
from apigateway.model.settings import GatewaySettings

PATIENCE_S = 10.0
READ_PATIENCE_S = 2.0

_LOOK_EVERY_S = 0.05


def lock_of(settings: GatewaySettings) -> Path:
    """The lock of a project lies beside its store, so that it is one however the project's
    folders are named."""
    return settings.store.parent / "editing.lock"


@contextlib.contextmanager
def only_editor(lock: Path, by: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Be the only one; another one is waited for, at most `patience_s` seconds.

    Raises: NotEdited.
    """
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotEdited(f"{lock} cannot be opened: {error.strerror}") from None
    try:
        _wait(handle, patience_s)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{by} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def no_editor(lock: Path, patience_s: float = READ_PATIENCE_S) -> Iterator[None]:
    """Read while nobody edits: an editor is waited for, but no longer than `patience_s` seconds.
    What cannot be locked is read all the same, as files that people edit are."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(_LOOK_EVERY_S / 5)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                break
        time.sleep(_LOOK_EVERY_S)
    holder = os.pread(handle, 1000, 0).decode("utf-8", "replace") or "another command"
    raise NotEdited(f"{holder} is changing this project; try again when that has ended")
