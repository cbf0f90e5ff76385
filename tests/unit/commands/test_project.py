"""Which folders a command works on."""

from pathlib import Path

import pytest

from apigateway.commands.project import CHECKOUT, project_folders


def test_definitions_of_the_current_folder_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "definitions").mkdir()
    monkeypatch.chdir(tmp_path)
    assert project_folders(None, None) == (tmp_path / "definitions", tmp_path / "policies")


def test_elsewhere_it_is_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folders(None, None) == (CHECKOUT / "definitions", CHECKOUT / "policies")


def test_policies_stand_beside_the_definitions_unless_named(tmp_path: Path) -> None:
    assert project_folders(tmp_path / "a" / "d", None)[1] == tmp_path / "a" / "policies"
    assert project_folders(tmp_path / "d", tmp_path / "p") == (tmp_path / "d", tmp_path / "p")
