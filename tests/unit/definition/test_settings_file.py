"""The settings of a project of which nothing else can be read."""

import shutil
from pathlib import Path

import pytest

from apigateway.definition.load import load_project
from apigateway.definition.settings_file import load_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path / "definitions"


def test_they_are_those_of_the_whole_project(definitions: Path) -> None:
    whole = load_project(definitions, definitions.parent / "policies")
    assert load_settings(definitions) == whole.settings


def test_other_broken_files_do_not_matter(definitions: Path) -> None:
    before = load_settings(definitions)
    (definitions / "weather" / "get-forecast.yaml").write_text("name: [")
    assert before is not None
    assert load_settings(definitions) == before


@pytest.mark.parametrize(
    "text", ["", "account: [", "account: 1\n", "account: '1'\nregion: cn\nregion: cn\n"]
)
def test_a_broken_file_gives_none(definitions: Path, text: str) -> None:
    (definitions / "gateway.yaml").write_text(text)
    assert load_settings(definitions) is None


def test_a_file_that_is_not_there_gives_none(tmp_path: Path) -> None:
    assert load_settings(tmp_path) is None


def test_a_secret_that_cannot_be_found_gives_none(definitions: Path) -> None:
    with (definitions / "gateway.yaml").open("a") as file:
        file.write("time_zone: Nowhere/Atlantis\n")
    assert load_settings(definitions, {}) is None
