"""Gateways and backends for the tests that only call them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.captures import Captures, capture_once
from e2e.lab import Lab, Strange, make_project, strange_backend
from e2e.running import Backend, Gateway, Project, backend, gateway


@pytest.fixture(scope="session")
def demo_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with backend(tmp_path_factory.mktemp("backend")) as running:
        yield running


@pytest.fixture(scope="session")
def demo_gateway(
    tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend
) -> Iterator[Gateway]:
    project = Project(tmp_path_factory.mktemp("project"), demo_backend.port)
    with gateway(project) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, demo_backend: Backend) -> Project:
    """A project of the test's own, with the shared backend behind it."""
    return Project(tmp_path, demo_backend.port)


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Strange]]:
    with backend(tmp_path_factory.mktemp("echo")) as echo, strange_backend() as strange:
        yield echo, strange


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]) -> Iterator[Lab]:
    echo, strange = parts
    project = make_project(tmp_path_factory.mktemp("lab") / "p", echo.port, strange.port)
    with gateway(project) as running:
        yield Lab(running, echo, strange)


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]) -> Captures:
    """A thousand calls of every kind."""
    return capture_once(tmp_path_factory, *parts, rounds=22)
