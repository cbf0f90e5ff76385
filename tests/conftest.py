"""What tests of several folders share."""

from collections.abc import Iterator

import pytest
from redis_server import RedisServer, redis_server


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One server for all tests that do it no harm; each uses keys with a prefix of its own."""
    with redis_server() as server:
        yield server
