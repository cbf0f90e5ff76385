"""A loaded project is a value."""

from dataclasses import FrozenInstanceError

import pytest
from unit.definition.written import Written


def test_a_project_does_not_change(written: Written) -> None:
    project = written.load()
    with pytest.raises(FrozenInstanceError):
        project.apis = ()  # type: ignore[misc]


def test_two_loads_of_the_same_files_are_equal(written: Written) -> None:
    assert written.load() == written.load()
