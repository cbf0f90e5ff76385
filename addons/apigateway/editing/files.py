"""One file changes in one step: whoever reads it finds the old content or the new, never half.

The new content is written beside the file, forced to the disk and renamed over it. A process that
is killed leaves the old file or the new one, and at most a hidden `.NAME.*.part` beside it, which
the next edit of the file removes. No step changes two files: what needs several edits is to make
them in an order in which every state between two of them is a good one.
"""

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path


class NotEdited(Exception):
    """Why nothing more was changed, for people."""


class ChangedMeanwhile(NotEdited):
    """A file is no longer what the edit was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The file `path` with the content `before` gets the content `after`.

    None stands for no file: as `before` the file is new, as `after` it goes. What is `private` is
    for its owner alone.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    private: bool = False


def content_at(path: Path) -> bytes | None:
    """What a file holds; None where there is none.

    Raises: NotEdited.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotEdited(f"{path} cannot be read: {error.strerror}") from None


def carry_out(edit: Edit) -> None:
    """Make one edit. Links are followed to the file they name; a new file's folder is made.

    The file keeps its permissions, and its owner where this user may give files away. Somebody
    else who writes it within the moment between the last look and the renaming is not seen.

    Raises:
        ChangedMeanwhile: the file is not what the edit was made from; it was left alone.
        NotEdited: it cannot be written; it was left alone.
    """
    try:
        _must_be_unchanged(edit)
        if edit.after is None:
            os.unlink(edit.path)
            _settle(edit.path.parent)
        else:
            _replace(edit, Path(os.path.realpath(edit.path)), edit.after)
    except OSError as error:
        raise NotEdited(f"{edit.path} cannot be written: {error.strerror}") from None


def _replace(edit: Edit, path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    mode = 0o600 if edit.private else 0o666
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            if edit.before is not None:
                _take_after(path, handle, private=edit.private)
            _write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        _must_be_unchanged(edit)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    _settle(path.parent)


def _must_be_unchanged(edit: Edit) -> None:
    if content_at(edit.path) != edit.before:
        raise ChangedMeanwhile(
            f"{edit.path} was changed by somebody else meanwhile; look at it and try again"
        )


def _take_after(path: Path, handle: int, *, private: bool) -> None:
    """Owner, group and permissions of the file at `path`, as far as this user may give them."""
    before = os.stat(path)
    for owner in (before.st_uid, -1):
        with contextlib.suppress(PermissionError):
            os.fchown(handle, owner, before.st_gid)
            break
    os.fchmod(handle, 0o600 if private else stat.S_IMODE(before.st_mode))


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _remove_leftovers(path: Path) -> None:
    """Of edits that were killed: nobody else edits now."""
    for name in os.listdir(path.parent):
        if name.startswith(f".{path.name}.") and name.endswith(".part"):
            os.unlink(path.parent / name)


def _settle(folder: Path) -> None:
    """Force the renaming itself to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
