"""The schema of the store and how it grows, recorded in the database by sqlite-utils.

A migration that was ever released is never edited: a change is a new function below the last.
Migrations run inside one transaction under the write lock, so any number of processes may open
the same fresh file at once.
"""

import contextlib
import os
import sqlite3
import time
from functools import cache
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from apigateway.ports import StoreUnavailable
from apigateway.store.connection import connect, is_busy, transaction

MIGRATIONS = Migrations("mitm-apigateway")

_PATIENCE_S = 10.0


class StoreTooNew(StoreUnavailable):
    """The database was written by a newer version, whose schema this one cannot know."""


@MIGRATIONS()
def m001_counters(db: Database) -> None:
    """Calls used in the last window seen of each key; times in milliseconds since the epoch."""
    db.create_table(
        "counters",
        {"key": str, "unit_ms": int, "start_ms": int, "used": int},
        pk="key",
        not_null={"key", "unit_ms", "start_ms", "used"},
    )


@MIGRATIONS()
def m002_nonces(db: Database) -> None:
    """`claim` is a digest of app key and nonce, see store/nonces.py."""
    nonces = db.create_table(
        "nonces",
        {"claim": bytes, "expires_ms": int},
        pk="claim",
        not_null={"claim", "expires_ms"},
    )
    nonces.create_index(["expires_ms"])


@MIGRATIONS()
def m003_releases(db: Database) -> None:
    """Every version ever released, and which of them is served. `document` is canonical JSON."""
    columns = {
        "id": int,
        "api_id": str,
        "group_name": str,
        "api_name": str,
        "environment": str,
        "version": str,
        "note": str,
        "released_by": str,
        "released_ms": int,
        "document": str,
    }
    releases = db.create_table("releases", columns, pk="id", not_null=set(columns) - {"id"})
    releases.create_index(["api_id", "environment", "version"], unique=True)
    db.create_table(
        "current_releases",
        {"api_id": str, "environment": str, "release_id": int},
        pk=("api_id", "environment"),
        foreign_keys=[("release_id", "releases", "id")],
        not_null={"api_id", "environment", "release_id"},
    )


@MIGRATIONS()
def m004_calls(db: Database) -> None:
    """Call records in the order they were written."""
    columns: dict[str, type] = {
        "id": int,
        "request_id": str,
        "received_ms": int,
        "method": str,
        "scheme": str,
        "domain": str,
        "path": str,
        "client_ip": str,
        "group_id": str,
        "group_name": str,
        "api_id": str,
        "api_name": str,
        "environment": str,
        "app_id": str,
        "app_key": str,
        "status": int,
        "error_code": str,
        "error_message": str,
        "refused_by": str,
        "detail": str,
        "request_bytes": int,
        "response_bytes": int,
        "backend_status": int,
        "backend_ms": float,
        "total_ms": float,
    }
    calls = db.create_table("calls", columns, pk="id", not_null=set(columns) - {"id"})
    calls.create_index(["request_id"])


@MIGRATIONS()
def m005_buckets(db: Database) -> None:
    """The length of a window is its own (a day may have 23 hours); of a bucket it is 0."""
    db.execute("ALTER TABLE counters RENAME COLUMN unit_ms TO length_ms")


@MIGRATIONS()
def m006_changes(db: Database) -> None:
    """One row: how often something that acts at once has changed."""
    db.create_table("changes", {"number": int}, not_null={"number"})
    db.execute("INSERT INTO changes (number) VALUES (0)")


@MIGRATIONS()
def m007_audit(db: Database) -> None:
    """What was done, in the order it was done; `before` and `after` are canonical JSON."""
    columns: dict[str, type] = {
        "id": int,
        "at_ms": int,
        "by": str,
        "action": str,
        "subject": str,
        "environment": str,
        "note": str,
        "before": str,
        "after": str,
    }
    db.create_table("audit", columns, pk="id", not_null=set(columns) - {"id", "before", "after"})


@MIGRATIONS()
def m008_domain_bindings(db: Database) -> None:
    """Independent domains and when they were verified; times in milliseconds, 0 for never."""
    columns: dict[str, type] = {
        "domain": str,
        "group_id": str,
        "bound_ms": int,
        "verified_ms": int,
        "checked_ms": int,
        "finding": str,
        "lapsed_ms": int,
    }
    db.create_table("domain_bindings", columns, pk="domain", not_null=set(columns))


@MIGRATIONS()
def m009_workers(db: Database) -> None:
    """The last that each process of this machine said of itself, see model/worker.py."""
    columns: dict[str, type] = {
        "machine": str,
        "process": int,
        "number": int,
        "version": str,
        "started_ms": int,
        "seen_ms": int,
        "loaded_ms": int,
        "load_ms": float,
        "catalog": str,
        "changes": int,
        "apis": int,
        "apps": int,
        "reloads": int,
        "failed_reloads": int,
        "failed_ms": int,
        "problems": str,
    }
    db.create_table("workers", columns, pk=("machine", "process"), not_null=set(columns))


@MIGRATIONS()
def m010_calls_by_release(db: Database) -> None:
    """Which version served a call, and which process."""
    db.table("calls").add_column("api_version", str, not_null_default="")
    db.table("calls").add_column("process", int, not_null_default=0)


@MIGRATIONS()
def m011_trails(db: Database) -> None:
    """What every stage decided, of calls that were refused or whose backend failed; `trail` is
    JSON."""
    trails = db.create_table(
        "trails",
        {"id": int, "request_id": str, "trail": str},
        pk="id",
        not_null={"request_id", "trail"},
    )
    trails.create_index(["request_id"])


@MIGRATIONS()
def m012_ledger(db: Database) -> None:
    """Keys and claims are their rows themselves, and nonces have no index by time: whoever spends
    one writes one page of the table and no other."""
    counts = "key TEXT PRIMARY KEY, length_ms INTEGER NOT NULL, start_ms INTEGER NOT NULL"
    _narrow(db, "counters", f"{counts}, used INTEGER NOT NULL")
    _narrow(db, "nonces", "claim BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL")


def _narrow(db: Database, table: str, columns: str) -> None:
    db.execute(f"ALTER TABLE {table} RENAME TO wide_{table}")
    db.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")
    db.execute(f"INSERT INTO {table} SELECT * FROM wide_{table}")
    db.execute(f"DROP TABLE wide_{table}")


def prepare(path: Path) -> None:
    """Make `path` a database of the present schema; the folder and the file are the owner's only.

    Raises:
        StoreTooNew: it was written by a newer version.
        sqlite3.Error, OSError: it cannot be made, or is no database.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only ever opened when it is new: closing a second descriptor of a database would drop the
    # locks that other connections of this process hold on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(connect(path, busy_timeout_s=_PATIENCE_S)) as connection:
        _enter_wal_mode(connection)
        db = Database(connection, execute_plugins=False)
        _refuse_newer(db, path)
        if MIGRATIONS.pending(db):
            with transaction(connection):
                _refuse_newer(db, path)
                MIGRATIONS.apply(db)


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    """Changing the mode takes an exclusive lock for which SQLite does not always wait."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise sqlite3.OperationalError(f"journal mode is {mode}, WAL is not possible here")
            return


def _refuse_newer(db: Database, path: Path) -> None:
    known = _known()
    unknown = [found.name for found in MIGRATIONS.applied(db) if found.name not in known]
    if unknown:
        raise StoreTooNew(
            f"{path} was written by a newer version (unknown migrations: {', '.join(unknown)}); "
            "use that version, or name another store in gateway.yaml"
        )


@cache
def _known() -> frozenset[str]:
    """The names of all migrations: an empty database has every one of them still before it."""
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        pending = MIGRATIONS.pending(Database(empty, execute_plugins=False))
    return frozenset(migration.name for migration in pending)
