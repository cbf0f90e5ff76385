"""Whether a file is still what it was when it was read, without reading it again."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

SETTLED_NS = 3_000_000_000
"""File systems note times in steps (FAT: of two seconds). A file that was changed less than this
before somebody read it may have been changed again within the same step, with nothing to show for
it, so its stamp says nothing; git calls such an entry of its index racy."""


class Stamp(NamedTuple):
    """What the system notes of a file. No change leaves all of it as it was: renaming one into
    place gives another inode, and nobody can set `changed_ns`."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    def says_enough(self, read_ns: int) -> bool:
        """Whether a file with this stamp still holds what was read at `read_ns` (of the clock)."""
        return max(self.modified_ns, self.changed_ns) + SETTLED_NS <= read_ns


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def stamp_at(path: Path) -> Stamp | None:
    """None where no file can be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return stamp_of(status) if stat.S_ISREG(status.st_mode) else None
