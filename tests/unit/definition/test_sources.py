"""Files as documents, read again only when they may hold something else."""

import os
from pathlib import Path
from unittest import mock

import pytest

from apigateway.definition import sources
from apigateway.definition.document import MAX_FILE_BYTES
from apigateway.definition.places import Place
from apigateway.definition.sources import Source, Sources
from apigateway.definition.stamps import SETTLED_NS, Stamp

LATER = 10**19
"""A moment at which every file of a test has settled long since."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    path = tmp_path / "a.yaml"
    path.write_text("name: one\n")
    return Place("definitions/a.yaml", path)


def data_of(source: Source) -> object:
    assert source.document is not None
    return source.document.data


def test_a_settled_file_is_not_read_again(place: Place) -> None:
    known = Sources()
    first = known.at(place, LATER)
    with mock.patch.object(sources, "_content", side_effect=AssertionError):
        assert known.at(place, LATER) is first


def test_a_file_that_has_not_settled_is_looked_into_and_the_same_text_is_the_same_source(
    place: Place,
) -> None:
    known, now_ns = Sources(), place.path.stat().st_mtime_ns
    first = known.at(place, now_ns)
    with mock.patch.object(sources, "_content", return_value=b"name: one\n") as read:
        assert known.at(place, now_ns + 1) is first
    read.assert_called_once()


def test_a_change_within_one_step_of_the_clock_is_seen(place: Place) -> None:
    stamp, known = Stamp("1 2 3 50 50"), Sources()
    with mock.patch.object(sources, "stamp_of", return_value=stamp):
        assert data_of(known.at(place, 50)) == {"name": "one"}
        place.path.write_text("name: two\n")
        assert data_of(known.at(place, 50 + SETTLED_NS)) == {"name": "two"}
        place.path.write_text("name: six\n")  # which would be another stamp by then
        assert data_of(known.at(place, 50 + SETTLED_NS)) == {"name": "two"}


def test_another_text_is_another_source_and_a_touched_file_is_the_same_one(place: Place) -> None:
    known = Sources()
    first = known.at(place, LATER)
    os.utime(place.path, (1, 1))
    assert known.at(place, LATER) is first
    place.path.write_text("name: other\n")
    assert data_of(known.at(place, LATER)) == {"name": "other"}


@pytest.mark.parametrize("text", ["a: [", "\0", "- &x 1\n- *x\n"])
def test_what_gives_no_data_is_told_and_remembered_too(place: Place, text: str) -> None:
    known = Sources()
    place.path.write_text(text)
    source = known.at(place, LATER)
    assert source.document is None
    assert source.problems[0].file == "definitions/a.yaml"
    assert known.at(place, LATER) is source


def test_a_document_with_faults_keeps_its_data_and_tells_them(place: Place) -> None:
    place.path.write_text("a: 1\na: 2\n")
    source = Sources().at(place, LATER)
    assert data_of(source) == {"a": 1}
    assert [str(problem) for problem in source.problems] == [
        'definitions/a.yaml:2:1: the key "a" stands twice; remove one of the two'
    ]


@pytest.mark.parametrize("size", [MAX_FILE_BYTES, MAX_FILE_BYTES + 1])
def test_a_file_is_read_to_its_end_however_it_grows_and_one_that_is_too_large_is_told(
    place: Place, size: int
) -> None:
    place.path.write_bytes(b"# " + b"x" * (size - 4) + b"\n1")
    read = sources._content
    with mock.patch.object(sources, "_content", lambda path, _: read(path, 1)):  # as it was before
        source = Sources().at(place, LATER)
    if size > MAX_FILE_BYTES:
        assert "larger than" in source.problems[0].what
    else:
        assert data_of(source) == 1


def test_a_file_that_cannot_be_read_is_told_and_looked_for_each_time(place: Place) -> None:
    known = Sources()
    place.path.unlink()
    assert "not a file" in known.at(place, LATER).problems[0].what
    place.path.mkdir()
    assert "not a file" in known.at(place, LATER).problems[0].what
    place.path.rmdir()
    place.path.write_text("1")
    assert data_of(known.at(place, LATER)) == 1


def test_why_a_file_cannot_be_opened_is_told(place: Place) -> None:
    with mock.patch.object(
        sources, "_content", side_effect=PermissionError(13, "Permission denied")
    ):
        (problem,) = Sources().at(place, LATER).problems
    assert problem.what == "the file cannot be read (Permission denied)"


def test_a_look_that_finds_nothing_new_makes_nothing_that_has_to_be_collected(
    place: Place,
) -> None:
    known = Sources()
    known.at(place, LATER)
    seen = known.seen[place.path]
    os.utime(place.path, (1, 1))
    known.at(place, LATER)
    assert known.seen[place.path] is seen
    assert seen.stamp.split()[3] == "1000000000"
