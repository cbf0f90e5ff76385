"""One gateway with an open API, and one backend that counts."""

from collections.abc import Iterator

import pytest
from adversarial.probe import Http2, open_api
from e2e.running import Backend, Gateway, Project, backend, gateway


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with backend(tmp_path_factory.mktemp("backend")) as running:
        yield running


@pytest.fixture(scope="session")
def fort(tmp_path_factory: pytest.TempPathFactory, counted: Backend) -> Iterator[Gateway]:
    """The gateway with default limits."""
    project = open_api(Project(tmp_path_factory.mktemp("fort"), counted.port))
    with gateway(project) as running:
        yield running


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory, counted: Backend) -> Iterator[Gateway]:
    """A gateway with short deadlines and few connections."""
    limits = (
        "edge: {header_seconds: 2, body_seconds: 2.5, idle_seconds: 3, "
        "connections_per_client: 8, streams: 5}\n"
    )
    project = open_api(Project(tmp_path_factory.mktemp("hasty"), counted.port), limits)
    with gateway(project) as running:
        yield running


@pytest.fixture
def http2(fort: Gateway) -> Iterator[Http2]:
    client = Http2(fort.port)
    yield client
    client.close()
