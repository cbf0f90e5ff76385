"""Workers are processes of their own, and find the package as this one does."""

from pathlib import Path

import pytest

import apigateway
from apigateway.workers import worker


@pytest.fixture(autouse=True)
def package_for_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(apigateway.__file__).parents[1]))


@pytest.fixture(autouse=True)
def patience_for_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the last lines of a worker may be read late."""
    monkeypatch.setattr(worker, "_OUTPUT_ENDS_WITHIN_S", 30.0)
