"""What tests of several folders share."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from redis_server import RedisServer, redis_server

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One server for all tests that do it no harm; each uses keys with a prefix of its own."""
    with redis_server() as server:
        yield server


@pytest.fixture
def one_day() -> None:
    """For tests that use the real clock: no day of UTC ends while one of them runs."""
    left_s = 86_400 - time.time() % 86_400
    if left_s < 60:
        time.sleep(left_s + 0.1)
