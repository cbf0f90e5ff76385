"""A stamp tells when a file may be another, and when it cannot tell."""

import gc
import os
from pathlib import Path

import pytest

from apigateway.definition.stamps import SETTLED_NS, Stamp, says_enough, stamp_at, stamp_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


def parts(stamp: Stamp) -> list[int]:
    """Device, inode, size, and the times."""
    return [int(part) for part in stamp.split()]


def test_a_file_that_nobody_touched_has_the_same_stamp(file: Path) -> None:
    assert stamp_at(file) == stamp_at(file) == stamp_of(file.stat())


def test_another_size_is_another_stamp(file: Path) -> None:
    before = stamp_at(file)
    file.write_text("four")
    assert stamp_at(file) != before


def test_a_file_renamed_into_place_has_another_stamp_though_all_else_is_the_same(
    file: Path,
) -> None:
    before = stamp_at(file)
    other = file.with_name("other")
    other.write_text("two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    after = stamp_at(file)
    assert after is not None and before is not None
    assert after != before
    assert parts(after)[2:4] == parts(before)[2:4]


def test_a_time_of_change_that_somebody_set_does_not_hide_the_change(file: Path) -> None:
    os.utime(file, ns=(1, 1))
    before = stamp_at(file)
    assert before is not None
    assert parts(before)[3] == 1 < parts(before)[4]


@pytest.mark.parametrize("path", ["gone", "", "null\0byte"])
def test_what_is_no_file_has_none(tmp_path: Path, path: str) -> None:
    assert stamp_at(tmp_path / path) is None


@pytest.mark.parametrize(("modified_ns", "changed_ns"), [(100, 0), (0, 100), (100, 100)])
def test_a_stamp_says_enough_when_the_file_had_settled_before_it_was_read(
    modified_ns: int, changed_ns: int
) -> None:
    stamp = Stamp(f"1 2 3 {modified_ns} {changed_ns}")
    assert says_enough(stamp, 100 + SETTLED_NS)
    assert not says_enough(stamp, 100 + SETTLED_NS - 1)


def test_the_garbage_collector_does_not_look_at_stamps(file: Path) -> None:
    assert not gc.is_tracked(stamp_at(file))
