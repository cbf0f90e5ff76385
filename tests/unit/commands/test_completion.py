"""What a shell completes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from unit.commands.released import ROOT, Released

from apigateway.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_APIGATEWAY_COMPLETE={shell}_complete" in done.output


def completed(project: Path, *words: str) -> list[str]:
    """What bash would be offered for the last word."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "addons"),
        "_APIGATEWAY_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["apigateway", *words]),
        "COMP_CWORD": str(len(words)),
        "APIGATEWAY_DEFINITIONS": str(project / "definitions"),
    }
    code = "from apigateway.cli import main; main(prog_name='apigateway')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_commands_options_and_names_are_completed(tmp_path: Path) -> None:
    Released(tmp_path)
    assert completed(tmp_path, "roll") == ["rollback"]
    assert completed(tmp_path, "rollback", "GetF") == ["GetForecast"]
    assert "weather/GetForecast" in completed(tmp_path, "history", "wea")
    assert completed(tmp_path, "abolish", "--env", "R") == ["release"]


def test_a_project_that_cannot_be_read_completes_nothing(tmp_path: Path) -> None:
    project = Released(tmp_path)
    project.edit("definitions/gateway.yaml", "account:", "acount:")
    assert completed(tmp_path, "rollback", "GetF") == []
