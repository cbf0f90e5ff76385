"""Bindings of independent domains in SQLite. Whoever serves is told when one changes."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from apigateway.model.domain_binding import DomainBinding
from apigateway.store.connection import Connection, transaction
from apigateway.store.releases import announce

_NAMES = tuple(field.name for field in fields(DomainBinding))
_COLUMNS = ", ".join(_NAMES)
_PUT = (
    f"INSERT OR REPLACE INTO domain_bindings ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
)
_values: Callable[[DomainBinding], tuple[Any, ...]] = attrgetter(*_NAMES)


class SqliteDomainBindings:
    """The port `DomainBindings`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[DomainBinding]:
        query = f"SELECT {_COLUMNS} FROM domain_bindings ORDER BY domain"
        rows = self._connection.run(lambda link: link.execute(query).fetchall())
        return [DomainBinding(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def record(self, bindings: Sequence[DomainBinding]) -> None:
        rows = [_values(binding) for binding in bindings]
        self._change(_PUT, rows)

    def forget(self, domains: Sequence[str]) -> None:
        rows = [(domain,) for domain in domains]
        self._change("DELETE FROM domain_bindings WHERE domain = ?", rows)

    def _change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(statement, rows)
                announce(connection)

        if rows:
            self._connection.run(work)
