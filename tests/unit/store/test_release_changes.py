"""The rules of changes; tests/contract holds every store to them."""

import pytest

from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Change, Publish, Switch
from apigateway.ports import NoSuchVersion, ReleasedMeanwhile
from apigateway.store.release_changes import (
    OnRecord,
    Origin,
    decide,
    entry_of,
    published,
    stamp,
    texts_of,
    version_after,
)

NOW_MS = 1_709_210_096_007  # 2024-02-29 12:34:56.007 UTC
NOW = "20240229123456007"
ABOUT = {"api_id": "id", "group": "weather", "api": "Get", "environment": Environment.TEST}

PUBLISH = Publish(**ABOUT, document={"b": 1, "a": 2})  # type: ignore[arg-type]
SWITCH = Switch(**ABOUT, version="20230101000000000")  # type: ignore[arg-type]
ABOLISH = Abolish(**ABOUT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now_ms", "expected"), [(0, "19700101000000000"), (NOW_MS, "20240229123456007")]
)
def test_a_stamp_is_a_time_to_the_millisecond(now_ms: int, expected: str) -> None:
    assert stamp(now_ms) == expected


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("", NOW),
        ("20240229123456006", NOW),
        (NOW, "20240229123456008"),
        ("20240229123456099", "20240229123456100"),
        ("20240229123456999", "20240229123457000"),
        ("20240229235959999", "20240301000000000"),
        ("20991231235959999", "21000101000000000"),
        ("20991231235959007", "20991231235959008"),
    ],
)
def test_a_version_is_the_time_or_just_above_the_last(last: str, expected: str) -> None:
    assert version_after(last, NOW) == expected


@pytest.mark.parametrize(
    ("change", "record", "before", "after", "action"),
    [
        (PUBLISH, OnRecord(), "", NOW, "release"),
        (PUBLISH, OnRecord(served="1", last=NOW), "1", "20240229123456008", "release"),
        (SWITCH, OnRecord(served="1", is_known=True), "1", "20230101000000000", "switch"),
        (ABOLISH, OnRecord(served="1", last="2"), "1", "", "abolish"),
    ],
    ids=["first", "next", "switch", "abolish"],
)
def test_a_change_moves_from_what_is_served_to_what_is_asked(
    change: Change, record: OnRecord, before: str, after: str, action: str
) -> None:
    (step,) = decide([change], [record], NOW_MS)
    assert (step.before, step.after, step.action) == (before, after, action)
    assert step.changes_something


@pytest.mark.parametrize(
    ("change", "record"),
    [
        (SWITCH, OnRecord(served="20230101000000000", is_known=True)),
        (ABOLISH, OnRecord(last="20230101000000000")),
    ],
    ids=["switch", "abolish"],
)
def test_what_is_so_already_changes_nothing(change: Change, record: OnRecord) -> None:
    (step,) = decide([change], [record], NOW_MS)
    assert not step.changes_something


def test_a_conflict_comes_before_a_version_that_never_was() -> None:
    late = Abolish(**{**ABOUT, "api_id": "other"}, served="1")  # type: ignore[arg-type]
    with pytest.raises(NoSuchVersion):
        decide([SWITCH], [OnRecord()], NOW_MS)
    with pytest.raises(ReleasedMeanwhile) as caught:
        decide([SWITCH, late], [OnRecord(), OnRecord(served="2")], NOW_MS)
    assert [(one.expected, one.found) for one in caught.value.conflicts] == [("1", "2")]


def test_only_what_is_published_has_a_text() -> None:
    elsewhere = Abolish(**{**ABOUT, "environment": Environment.PRE})  # type: ignore[arg-type]
    assert texts_of([PUBLISH, elsewhere]) == ['{"a":2,"b":1}', ""]
    with pytest.raises(ValueError, match="two changes of weather/Get in TEST"):
        texts_of([PUBLISH, ABOLISH])


def test_a_release_and_its_entry_say_where_it_comes_from() -> None:
    (step,) = decide([PUBLISH], [OnRecord(served="1")], NOW_MS)
    origin = Origin("a note", "ann", NOW_MS)
    release, entry = published(step, '{"a":2}', origin), entry_of(step, origin)
    assert (release.version, release.document) == (NOW, {"a": 2})
    assert (release.note, release.released_by, release.released_ms) == ("a note", "ann", NOW_MS)
    assert (entry.subject, entry.environment, entry.action) == ("weather/Get", "TEST", "release")
    assert (entry.before, entry.after) == ({"version": "1"}, {"version": NOW})
    assert (entry.note, entry.by, entry.at_ms) == ("a note", "ann", NOW_MS)
