"""Whether a file is still what it was when it was read, without reading it again."""

import os
import stat
from pathlib import Path
from typing import NewType

SETTLED_NS = 3_000_000_000
"""File systems note times in steps (FAT: of two seconds). A file that was changed less than this
before somebody read it may have been changed again within the same step, with nothing to show for
it, so its stamp says nothing; git calls such an entry of its index racy."""


Stamp = NewType("Stamp", str)
"""What the system notes of a file: device, inode, size, and when it was modified and changed.

No change leaves all of it as it was: renaming a file into place gives another inode, and nobody can
set the last of the times. It is plain text because there are many: the garbage collector has no
interest in text.
"""


def stamp_of(status: os.stat_result) -> Stamp:
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return Stamp(f"{status.st_dev} {status.st_ino} {status.st_size} {times}")


def says_enough(stamp: Stamp, read_ns: int) -> bool:
    """Whether a file with this stamp still holds what was read at `read_ns` (of the clock)."""
    _, modified_ns, changed_ns = stamp.rsplit(" ", 2)
    return max(int(modified_ns), int(changed_ns)) + SETTLED_NS <= read_ns


def stamp_at(path: Path) -> Stamp | None:
    """None where no file can be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return stamp_of(status) if stat.S_ISREG(status.st_mode) else None
