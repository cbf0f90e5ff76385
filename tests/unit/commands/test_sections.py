"""The list of commands, by what they are for."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from apigateway.cli import SECTIONS, main

ADDONS = Path(__file__).resolve().parents[3] / "addons"
NAMES = [name for names in SECTIONS.values() for name in names]


def test_each_command_stands_below_its_title_with_what_it_does() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    listed = text[text.index(next(iter(SECTIONS))) :]
    places = [listed.index(f"\n  {name} ") for name in NAMES]
    assert places == sorted(places)
    for title, names in SECTIONS.items():
        assert listed.index(f"{title}:") < listed.index(f"\n  {next(iter(names))} ")
    assert "Check definitions and policies." in text


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_help_page(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert f"apigateway {name}" in done.output or f"main {name}" in done.output


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["relese"])
    assert done.exit_code == 2
    assert "No such command 'relese'" in done.output


def test_a_command_brings_only_what_it_needs() -> None:
    code = (
        "import sys; from apigateway.cli import main; main(['completion', 'bash'], "
        "standalone_mode=False); print('mitmproxy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ADDONS, check=True
    )
    assert done.stderr.strip() == "False"
