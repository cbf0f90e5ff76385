"""Releases in SQLite. Used at start and by the command, never on the path of a call."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import ReleasedMeanwhile
from apigateway.store.connection import Connection, transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_COLUMNS = (
    "api_id, environment, group_name, api_name, version, note, released_by, released_ms, document"
)

_CHANGED = "UPDATE changes SET number = number + 1"


def version_at(now_ms: int, last: str | None) -> str:
    """The version for a release at `now_ms`: `yyyyMMddHHmmssSSS` in UTC, always above `last`.

    On a tie, or with a clock that went back, it is the millisecond after `last`.
    """
    moment = _EPOCH + now_ms * _MILLISECOND
    if last is not None:
        # %f takes three digits for milliseconds.
        before = datetime.strptime(last, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
        moment = max(moment, before + _MILLISECOND)
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def canonical(document: Mapping[str, Any]) -> str:
    """`document` as JSON that is the same text for the same data.

    Raises:
        TypeError, ValueError: it is not plain JSON data.
    """
    return json.dumps(
        dict(document), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


class SqliteReleases:
    """The port `Releases`. Raises StoreUnavailable like every other port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(
        self,
        *,
        api_id: str,
        group: str,
        api: str,
        environment: Environment,
        document: Mapping[str, Any],
        note: str,
        released_by: str,
        now_ms: int,
        after: str | None = None,
    ) -> Release:
        text = canonical(document)

        def work(connection: sqlite3.Connection) -> Release:
            where = (api_id, environment.value)
            with transaction(connection):
                (last,) = connection.execute(
                    "SELECT max(version) FROM releases WHERE api_id = ? AND environment = ?", where
                ).fetchone()
                if after is not None and after != (last or ""):
                    raise ReleasedMeanwhile(last or "")
                version = version_at(now_ms, last)
                row = (*where, group, api, version, note, released_by, now_ms, text)
                inserted = connection.execute(
                    f"INSERT INTO releases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row
                )
                connection.execute(
                    "INSERT INTO current_releases (api_id, environment, release_id)"
                    " VALUES (?, ?, ?) ON CONFLICT (api_id, environment)"
                    " DO UPDATE SET release_id = excluded.release_id",
                    (*where, inserted.lastrowid),
                )
                connection.execute(_CHANGED)
            return _release(row)

        return self._connection.run(work)

    def current(self) -> Sequence[Release]:
        return self._select(
            "WHERE id IN (SELECT release_id FROM current_releases)"
            " ORDER BY group_name, api_name, environment"
        )

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        if environment is None:
            return self._select("WHERE api_id = ? ORDER BY id DESC", api_id)
        return self._select(
            "WHERE api_id = ? AND environment = ? ORDER BY id DESC", api_id, environment.value
        )

    def announce(self) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.execute(_CHANGED)

        self._connection.run(work)

    def changes(self) -> int:
        (number,) = self._connection.run(
            lambda link: link.execute("SELECT number FROM changes").fetchone()
        )
        return int(number)

    def _select(self, rest: str, *parameters: str) -> Sequence[Release]:
        query = f"SELECT {_COLUMNS} FROM releases {rest}"
        rows = self._connection.run(lambda link: link.execute(query, parameters).fetchall())
        return [_release(row) for row in rows]


def _release(row: tuple[Any, ...]) -> Release:
    """A release of the columns `_COLUMNS`."""
    api_id, environment, group, api, version, note, released_by, released_ms, document = row
    return Release(
        api_id=api_id,
        group=group,
        api=api,
        environment=Environment(environment),
        version=version,
        note=note,
        released_by=released_by,
        released_ms=released_ms,
        document=json.loads(document),
    )
