"""The path of every call through SQLite: nonces are spent and calls charged in one transaction, run
in place on the event loop's thread; see group_commit."""

import sqlite3
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

from apigateway.ports import Limit, NonceClaim, NonceUsed, Tally
from apigateway.store.connection import Connection, roll_back
from apigateway.store.digests import digest
from apigateway.store.group_commit import GroupCommit
from apigateway.store.windows import Count, charge, distinct_keys

# An expired row may be claimed again; a living one is a conflict that changes nothing.
_CLAIM = (
    "INSERT INTO nonces (claim, expires_ms) VALUES (?, ?)"
    " ON CONFLICT (claim) DO UPDATE SET expires_ms = excluded.expires_ms WHERE expires_ms <= ?"
)
_FEW_KEYS = 8


class _Spending(NamedTuple):
    """One call. `claim` is the row of its nonce, and the time by which an older one has expired."""

    claim: tuple[bytes, int, int] | None
    keys: list[str]
    limits: Sequence[Limit]
    now_ms: int


class SqliteLedger:
    """The port `Ledger`. A locked database is awaited for `patience_s`, then unavailable.

    `latest_ms` is the time of the latest call, and `claimed` how many nonces have been spent here.
    """

    def __init__(self, connection: Connection, *, patience_s: float) -> None:
        self.latest_ms = 0
        self.claimed = 0
        self._connection = connection
        self._group = GroupCommit(self._settle, patience_s=patience_s)

    async def spend(self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int) -> Tally:
        row = None
        if claim is not None:
            row = digest(claim.app_key, claim.nonce), now_ms + claim.lifetime_ms, now_ms
            self.claimed += 1
        keys = distinct_keys(limits)
        if row is None and not keys:
            return Tally(())
        self.latest_ms = now_ms
        tally = await self._group.settled(_Spending(row, keys, limits, now_ms))
        if tally is None:
            raise NonceUsed
        return tally

    def _settle(self, group: Sequence[_Spending]) -> list[Tally | None]:
        return self._connection.run(partial(_spend, group))


def _spend(group: Sequence[_Spending], connection: sqlite3.Connection) -> list[Tally | None]:
    """One after the other, each wholly or not at all; None for one whose nonce is used."""
    execute = connection.execute
    execute("BEGIN IMMEDIATE")
    claimed, used = False, set[int]()
    keys: dict[str, None] = {}
    for place, one in enumerate(group):
        if one.claim is not None:
            if execute(_CLAIM, one.claim).rowcount == 1:
                claimed = True
            else:
                used.add(place)
                continue
        keys.update(dict.fromkeys(one.keys))
    recorded = recorded_counts(connection, list(keys))
    changed: dict[str, Count] = {}
    tallies: list[Tally | None] = []
    for place, one in enumerate(group):
        if place in used:
            tallies.append(None)
            continue
        tally, counts = charge(one.limits, recorded, one.now_ms)
        for count in counts:
            recorded[count.key] = changed[count.key] = count
        tallies.append(tally)
    if changed:
        _put(connection, list(changed.values()))
    if changed or claimed:
        execute("COMMIT")
    else:
        roll_back(connection)
    return tallies


def _put(connection: sqlite3.Connection, counts: Sequence[Count]) -> None:
    """Several rows a statement, which costs a third of one each."""
    for start in range(0, len(counts), _FEW_KEYS):
        some = counts[start : start + _FEW_KEYS]
        connection.execute(_put_sql(len(some)), [value for count in some for value in count])


@cache
def _put_sql(rows: int) -> str:
    marks = ", ".join(["(?, ?, ?, ?)"] * rows)
    return (
        f"INSERT INTO counters (key, length_ms, start_ms, used) VALUES {marks}"
        " ON CONFLICT (key) DO UPDATE SET"
        " length_ms = excluded.length_ms, start_ms = excluded.start_ms, used = excluded.used"
    )


def recorded_counts(connection: sqlite3.Connection, keys: list[str]) -> dict[str, Count]:
    """What is on record of these keys."""
    if not keys:
        return {}
    spare = 0 if len(keys) <= _FEW_KEYS else -len(keys) % _FEW_KEYS
    rows = connection.execute(_select(len(keys) + spare), keys + keys[:1] * spare)
    return {row[0]: Count(*row) for row in rows}


@cache
def _select(keys: int) -> str:
    """For so many keys. There are few such numbers: each is a statement that is kept prepared."""
    marks = ", ".join("?" * keys)
    return f"SELECT key, length_ms, start_ms, used FROM counters WHERE key IN ({marks})"
