"""`apigateway check` over folders of the test's own."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from apigateway.cli import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def check(folder: Path, *words: str) -> tuple[int, str]:
    options = ["--definitions", str(folder / "definitions")]
    done = CliRunner().invoke(main, ["check", *options, *words])
    return done.exit_code, done.output


def break_two_files(folder: Path) -> None:
    forecast = folder / "definitions" / "weather" / "get-forecast.yaml"
    forecast.write_text(forecast.read_text().replace("timeout_ms: 5000", "timeout_ms: 50000"))
    grants = folder / "policies" / "grants.yaml"
    grants.write_text(grants.read_text().replace("app: demo", "app: nobody", 1))


def test_good_definitions_are_counted(folder: Path) -> None:
    code, output = check(folder)
    good = f"good: 2 groups, 11 APIs, 1 app, 30 grants in {folder / 'definitions'}\n"
    assert (code, output) == (0, good)


def test_every_problem_has_its_place_and_how_to_mend_it(folder: Path) -> None:
    break_two_files(folder)
    code, output = check(folder)
    lines = output.splitlines()
    assert code == 1
    assert lines[0].startswith("definitions/weather/get-forecast.yaml:20:15: ")
    assert lines[1].startswith("policies/grants.yaml:")
    assert all("; " in line for line in lines[:2])
    assert lines[2] == "2 problems"


def test_json_is_for_programs(folder: Path) -> None:
    break_two_files(folder)
    code, output = check(folder, "--json")
    problems = json.loads(output)["problems"]
    assert code == 1
    assert [problem["file"] for problem in problems] == [
        "definitions/weather/get-forecast.yaml",
        "policies/grants.yaml",
    ]
    assert problems[0].keys() == {"file", "line", "column", "what", "mend"}


def test_a_warning_is_shown_and_does_not_fail(folder: Path) -> None:
    app = folder / "definitions" / "apps" / "demo.yaml"
    text = app.read_text()
    app.write_text(text.replace("secret: file:demo.secret", "secret: literally-a-secret"))
    code, output = check(folder)
    assert code == 0
    assert "(warning)" in output
    assert "literally-a-secret" not in output
