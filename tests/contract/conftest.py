"""Every store that stands behind the ports. The contract tests run over each of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from redis_server import RedisServer

from apigateway.ports import (
    Audit,
    Calls,
    Counters,
    DomainBindings,
    Ledger,
    Nonces,
    Releases,
    Workers,
)
from apigateway.store.memory import MemoryStore
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore


class Store(Protocol):
    """What a store offers; that each one has these types is checked by mypy here."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def nonces(self) -> Nonces: ...
    @property
    def releases(self) -> Releases: ...
    @property
    def calls(self) -> Calls: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def domain_bindings(self) -> DomainBindings: ...
    @property
    def workers(self) -> Workers: ...

    def open(self) -> None: ...
    def close(self) -> None: ...


def _memory(_: Path, __: pytest.FixtureRequest) -> Store:
    return MemoryStore()


def _sqlite(folder: Path, _: pytest.FixtureRequest) -> Store:
    made = SqliteStore(folder / "state" / "gateway.db", patience_s=30)
    # What grew old goes once a second, of real time: here the clock jumps about.
    made._recorder.purges = ()
    return made


def _redis(folder: Path, request: pytest.FixtureRequest) -> Store:
    server: RedisServer = request.getfixturevalue("redis")
    return RedisStore(server.settings(), folder / "records.db", own_clock=False)


@pytest.fixture(params=[_memory, _sqlite, _redis], ids=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    make: Callable[[Path, pytest.FixtureRequest], Store] = request.param
    made = make(tmp_path, request)
    made.open()
    yield made
    made.close()
