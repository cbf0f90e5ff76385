"""The one place that chooses the store."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from redis_server import RedisServer
from unit.build import SETTINGS
from unit.store.actor import NOW_MS, limits, record

from apigateway.model.settings import GatewaySettings, RedisSettings
from apigateway.ports import NonceClaim, NonceUsed, StoreUnavailable
from apigateway.store.door import StoreDoor, place_of, store_of
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore

# Redis counts by a clock of its own: what is looked at is the count of the day.
pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> GatewaySettings:
    server: RedisSettings | None = None
    if request.param == "redis":
        running: RedisServer = request.getfixturevalue("redis")
        server = running.settings()
    return replace(SETTINGS, store=tmp_path / "gateway.db", redis=server)


def test_the_settings_say_which_store(settings: GatewaySettings) -> None:
    expected = SqliteStore if settings.redis is None else RedisStore
    assert type(store_of(settings)) is expected
    assert str(settings.store) in place_of(settings)
    if settings.redis is not None:
        assert place_of(settings).startswith(settings.redis.url)


def test_a_door_serves_while_it_is_open(settings: GatewaySettings) -> None:
    async def all_ports() -> None:
        assert (await door.take(limits(5), NOW_MS)).standings[-1].used == 1
        assert (await door.look(limits(5), NOW_MS)).standings[-1].used == 1
        assert await door.claim("key", "nonce", NOW_MS, 1_000)
        tally = await door.spend(NonceClaim("key", "other", 1_000), limits(5), NOW_MS)
        assert tally.standings[-1].used == 2
        with pytest.raises(NonceUsed):
            await door.spend(NonceClaim("key", "nonce", 1_000), limits(5), NOW_MS)

    async def spend() -> None:
        await door.spend(None, limits(5), NOW_MS)

    door = StoreDoor()
    for call in (door.take, door.look):
        with pytest.raises(StoreUnavailable, match="not open"):
            asyncio.run(call(limits(5), NOW_MS))
    door.open(settings)
    asyncio.run(all_ports())
    assert list(door.releases.current()) == []
    assert list(door.audit.entries()) == []
    assert list(door.domain_bindings.all()) == []
    assert list(door.workers.statuses()) == []
    door.close()
    for port in ("releases", "audit", "domain_bindings", "workers"):
        with pytest.raises(StoreUnavailable, match="not open"):
            getattr(door, port)
    with pytest.raises(StoreUnavailable, match="not open"):
        asyncio.run(door.claim("key", "nonce", NOW_MS, 1_000))
    with pytest.raises(StoreUnavailable, match="not open"):
        asyncio.run(spend())
    door.append(replace(record(1), trail={"a": 1}))
    door.open(settings)
    assert [found.request_id for found in door.query()] == ["r1"]
    assert door.trail("r1") == {"a": 1}
    door.close()


def test_without_the_package_the_text_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "apigateway.store.redis")
    server = RedisSettings(url="redis://127.0.0.1:6379/0")
    with pytest.raises(StoreUnavailable) as caught:
        StoreDoor().open(replace(SETTINGS, store=tmp_path / "gateway.db", redis=server))
    assert str(caught.value) == (
        "gateway.yaml names a Redis store, and the package redis is not installed; install it: "
        "pip install 'mitm-apigateway[redis]'"
    )
