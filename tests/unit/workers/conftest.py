"""Workers are processes of their own, and find the package as this one does."""

from pathlib import Path

import pytest

import apigateway


@pytest.fixture(autouse=True)
def package_for_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(apigateway.__file__).parents[1]))
