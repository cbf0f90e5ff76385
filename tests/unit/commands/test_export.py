"""`apigateway export`."""

from pathlib import Path

import pytest
from unit.commands.released import TEST, Released

from apigateway.commands.exits import REFUSED, USAGE
from apigateway.definition.load import load_project
from apigateway.lifecycle.start import release_at_start
from apigateway.model.group import Environment
from apigateway.store.memory import MemoryStore


@pytest.fixture
def project(tmp_path: Path) -> Released:
    (tmp_path / "here").mkdir()
    return Released(tmp_path / "here")


def test_an_export_serves_the_same_where_it_is_started(project: Released, tmp_path: Path) -> None:
    project.release("GetForecast", TEST)
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 1")
    out = tmp_path / "there"
    done = project.run("export", "TEST", "--out", str(out), "--with-secrets", by=None)
    assert done.exit_code == 0
    assert f"1 API as a project in {out}, which loads\n" in done.stdout
    exported = load_project(out / "definitions", out / "policies")
    store = MemoryStore()
    made = release_at_start(store.releases, exported, 1)
    assert [(one.api, one.environment) for one in made] == [("GetForecast", Environment.TEST)]
    assert made[0].document == project.served()["GetForecast", "TEST"].document
    assert made[0].api_id == project.served()["GetForecast", "TEST"].api_id


def test_secrets_stay_behind_and_are_named(project: Released, tmp_path: Path) -> None:
    out = tmp_path / "there"
    done = project.run("export", "--out", str(out), by=None)
    assert f"  {out}/definitions/apps/demo.secret\n" in done.stdout
    assert not list(out.rglob("*.secret"))
    assert not list(out.rglob("gateway-key.pem"))
    assert list(out.rglob("gateway.pem"))


def test_without_a_folder_it_says_what_there_would_be(project: Released) -> None:
    done = project.run("export", by=None)
    assert "weather/GetForecast" in done.stdout
    found = project.json("export", "release", by=None)
    assert (found["environment"], len(found["apis"])) == ("RELEASE", 11)
    assert found["apis"][0]["document"]["name"] == found["apis"][0]["name"]
    assert "definitions/apps/demo.secret" in found["secret_files"]
    assert [group["name"] for group in found["groups"]] == ["accounts", "weather"]


def test_nothing_is_overwritten(project: Released, tmp_path: Path) -> None:
    done = project.run("export", "--out", str(tmp_path / "here"), by=None)
    assert done.exit_code == USAGE
    assert "is not empty; name a new folder, nothing is overwritten" in done.output


def test_where_nothing_is_released_nothing_is_written(project: Released, tmp_path: Path) -> None:
    done = project.run("export", "PRE", "--out", str(tmp_path / "there"), by=None)
    assert (done.exit_code, done.stderr) == (REFUSED, "nothing is released in PRE\n")
    assert not (tmp_path / "there").exists()
