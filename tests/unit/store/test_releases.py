"""Releases in SQLite: versions, and a put that is all or nothing."""

import contextlib
from pathlib import Path

import pytest

from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.store.connection import connect
from apigateway.store.releases import canonical, version_at
from apigateway.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("now_ms", "last", "expected"),
    [
        (0, None, "19700101000000000"),
        (1_709_210_096_007, None, "20240229123456007"),
        (1_709_210_096_007, "20240229123456006", "20240229123456007"),
        (1_709_210_096_007, "20240229123456007", "20240229123456008"),
        (1_709_210_096_007, "20991231235959999", "21000101000000000"),
    ],
)
def test_a_version_is_the_time_or_just_above_the_last(
    now_ms: int, last: str | None, expected: str
) -> None:
    assert version_at(now_ms, last) == expected


def test_the_same_data_is_the_same_text() -> None:
    assert canonical({"b": 1, "a": {"d": "天", "c": None}}) == '{"a":{"c":null,"d":"天"},"b":1}'
    assert canonical({"a": {"c": None, "d": "天"}, "b": 1}) == canonical(
        {"b": 1, "a": {"d": "天", "c": None}}
    )


def test_a_put_that_fails_half_way_leaves_no_version(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(connect(path, busy_timeout_s=5)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON current_releases"
            " BEGIN SELECT raise(ABORT, 'not now'); END"
        )
    with pytest.raises(StoreUnavailable, match="not now"):
        store.releases.put(
            api_id="id",
            group="weather",
            api="GetForecast",
            environment=Environment.TEST,
            document={},
            note="",
            released_by="someone",
            now_ms=0,
        )
    assert list(store.releases.history("id")) == []


def test_releases_of_a_closed_store_are_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        SqliteStore(path).releases.current()
