"""Bindings in Redis: what is on record and what is announced go together."""

from collections.abc import Iterator

import pytest
import redis as redis_package
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis_server import RedisServer
from unit.store.test_domain_bindings import BINDING

from apigateway.ports import StoreUnavailable
from apigateway.store.redis_desk import RedisDesk
from apigateway.store.redis_domain_bindings import RedisDomainBindings


@pytest.fixture
def desk(redis: RedisServer) -> Iterator[RedisDesk]:
    client = redis_package.Redis(port=redis.port, protocol=2)
    yield RedisDesk(client, f"{{{redis.settings().prefix}}}:")
    client.close()


def test_a_binding_is_in_the_server_with_the_number_of_changes(desk: RedisDesk) -> None:
    bindings = RedisDomainBindings(desk)
    bindings.record([BINDING])
    assert desk.ask(lambda client: client.hkeys(desk.key("domains"))) == [b"api.example.com"]
    bindings.forget(["api.example.com"])
    assert desk.ask(lambda client: client.hkeys(desk.key("domains"))) == []
    assert desk.ask(lambda client: client.get(desk.key("changes"))) == b"2"


def test_a_server_that_is_gone_is_unavailable() -> None:
    gone = RedisDomainBindings(
        RedisDesk(redis_package.Redis(port=1, retry=Retry(NoBackoff(), 0)), "p:")
    )
    for ask in (gone.all, lambda: gone.record([BINDING]), lambda: gone.forget(["a"])):
        with pytest.raises(StoreUnavailable, match="Connection refused"):
            ask()
