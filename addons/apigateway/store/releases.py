"""Releases in SQLite. Used by a start, a reload and the command, never on the path of a call."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from apigateway.model.group import Environment
from apigateway.model.release import Change, Publish, Release, Switch
from apigateway.store.audit import audit_rows, write_audit
from apigateway.store.connection import Connection, transaction
from apigateway.store.release_changes import (
    OnRecord,
    Origin,
    Step,
    decide,
    entry_of,
    place_of,
    texts_of,
)
from apigateway.store.released import Shelf

_COLUMNS = (
    "api_id, environment, group_name, api_name, version, note, released_by, released_ms, document"
)

_INSERT = f"INSERT INTO releases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_ON_RECORD = (
    "SELECT"
    " coalesce((SELECT version FROM current_releases AS served JOIN releases ON id = release_id"
    "  WHERE served.api_id = :api_id AND served.environment = :environment), ''),"
    " coalesce((SELECT max(version) FROM releases"
    "  WHERE api_id = :api_id AND environment = :environment), ''),"
    " EXISTS (SELECT 1 FROM releases"
    "  WHERE api_id = :api_id AND environment = :environment AND version = :version)"
)

_OF_VERSION = "WHERE api_id = ? AND environment = ? AND version = ?"

_SERVE = (
    "INSERT INTO current_releases (api_id, environment, release_id)"
    f" SELECT api_id, environment, id FROM releases {_OF_VERSION}"
    " ON CONFLICT (api_id, environment) DO UPDATE SET release_id = excluded.release_id"
)

_ABOLISH = "DELETE FROM current_releases WHERE api_id = ? AND environment = ?"

_CHANGED = "UPDATE changes SET number = number + 1"

Row = tuple[Any, ...]


def announce(connection: sqlite3.Connection) -> None:
    """Say that something which acts at once has changed, inside the transaction of the change."""
    connection.execute(_CHANGED)


class SqliteReleases:
    """The port `Releases`. Raises StoreUnavailable like every other port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shelf = Shelf(self._read)

    def apply(
        self, changes: Sequence[Change], *, note: str, by: str, now_ms: int
    ) -> Sequence[Release | None]:
        texts, origin = texts_of(changes), Origin(note, by, now_ms)

        def work(connection: sqlite3.Connection) -> list[Row | None]:
            with transaction(connection):
                on_record = [_on_record(connection, change) for change in changes]
                steps = decide(changes, on_record, now_ms)
                rows = [
                    _row(connection, step, text, origin)
                    for step, text in zip(steps, texts, strict=True)
                ]
                moved = [step for step in steps if step.changes_something]
                if moved:
                    _write(connection, steps, rows)
                    write_audit(connection, audit_rows([entry_of(one, origin) for one in moved]))
                    announce(connection)
                return rows

        rows = self._connection.run(work) if changes else []
        return [_release(row) if row else None for row in rows]

    def current(self) -> Sequence[Release]:
        rows = self._connection.run(
            lambda link: link.execute("SELECT release_id FROM current_releases").fetchall()
        )
        return self._shelf.show(release_id for (release_id,) in rows)

    def history(self, api_id: str, environment: Environment | None = None) -> Sequence[Release]:
        if environment is None:
            return self._select("WHERE api_id = ? ORDER BY id DESC", api_id)
        return self._select(
            "WHERE api_id = ? AND environment = ? ORDER BY id DESC", api_id, environment.value
        )

    def last_versions(self) -> Mapping[tuple[str, Environment], str]:
        query = "SELECT api_id, environment, max(version) FROM releases GROUP BY 1, 2"
        rows = self._connection.run(lambda link: link.execute(query).fetchall())
        return {
            (api_id, Environment(environment)): version for api_id, environment, version in rows
        }

    def at(self, api_id: str, environment: Environment, version: str) -> Release | None:
        found = self._select(_OF_VERSION, api_id, environment.value, version)
        return found[0] if found else None

    def announce(self) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                announce(connection)

        self._connection.run(work)

    def changes(self) -> int:
        (number,) = self._connection.run(
            lambda link: link.execute("SELECT number FROM changes").fetchone()
        )
        return int(number)

    def _read(self, ids: Sequence[int]) -> Mapping[int, Release]:
        query = f"SELECT id, {_COLUMNS} FROM releases WHERE id IN ({', '.join('?' * len(ids))})"
        rows = self._connection.run(lambda link: link.execute(query, ids).fetchall())
        return {release_id: _release(row) for release_id, *row in rows}

    def _select(self, rest: str, *parameters: str) -> Sequence[Release]:
        query = f"SELECT {_COLUMNS} FROM releases {rest}"
        rows = self._connection.run(lambda link: link.execute(query, parameters).fetchall())
        return [_release(row) for row in rows]


def _on_record(connection: sqlite3.Connection, change: Change) -> OnRecord:
    api_id, environment = place_of(change)
    version = change.version if isinstance(change, Switch) else ""
    asked = {"api_id": api_id, "environment": environment, "version": version}
    served, last, is_known = connection.execute(_ON_RECORD, asked).fetchone()
    return OnRecord(served=served, last=last, is_known=bool(is_known))


def _row(connection: sqlite3.Connection, step: Step, text: str, origin: Origin) -> Row | None:
    """What is served after a step, as `_COLUMNS`: a new version, or one on record."""
    change, place = step.change, place_of(step.change)
    if isinstance(change, Publish):
        why = (origin.note, origin.by, origin.now_ms)
        return (*place, change.group, change.api, step.after, *why, text)
    if not step.after:
        return None
    query = f"SELECT {_COLUMNS} FROM releases {_OF_VERSION}"
    row: Row = connection.execute(query, (*place, step.after)).fetchone()
    return row


def _write(
    connection: sqlite3.Connection, steps: Sequence[Step], rows: Sequence[Row | None]
) -> None:
    new = [
        row
        for step, row in zip(steps, rows, strict=True)
        if row is not None and isinstance(step.change, Publish)
    ]
    moved = [step for step in steps if step.changes_something]
    connection.executemany(_INSERT, new)
    connection.executemany(
        _SERVE, [(*place_of(step.change), step.after) for step in moved if step.after]
    )
    connection.executemany(_ABOLISH, [place_of(step.change) for step in moved if not step.after])


def _release(row: Sequence[Any]) -> Release:
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
