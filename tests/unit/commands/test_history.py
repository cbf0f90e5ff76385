"""`apigateway history`."""

from pathlib import Path

import pytest
from unit.commands.released import TEST, Released


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_every_version_is_shown_newest_first_with_who_and_why(project: Released) -> None:
    second = project.release("GetForecast")
    third = project.release("GetForecast", TEST)
    rows = project.json("history", "GetForecast", by=None)
    assert [(row["version"], row["environment"]) for row in rows][:2] == [
        (third, "TEST"),
        (second, "RELEASE"),
    ]
    assert [row["served"] for row in rows] == [True, True, False]
    assert [row["released_by"] for row in rows] == ["someone", "someone", "gateway"]
    assert rows[1]["note"] == "by hand"
    assert rows[2]["note"] == "releases.auto: first"


def test_one_environment_and_the_last_so_many(project: Released) -> None:
    for _ in range(3):
        project.release("GetForecast", TEST)
    rows = project.json("history", "GetForecast", "--env", "test", "--last", "2", by=None)
    assert [row["environment"] for row in rows] == ["TEST", "TEST"]


def test_without_a_name_it_is_every_api(project: Released) -> None:
    rows = project.json("history", by=None)
    assert {(row["group"], row["api"]) for row in rows} == {
        (api.group, api.name) for api in project.project.apis
    }


def test_people_get_a_table(project: Released) -> None:
    version = project.release("GetForecast")
    done = project.run("history", "GetForecast", by=None)
    assert done.exit_code == 0
    assert "weather/GetForecast" in done.output
    assert version in done.output
    assert "now" in done.output


def test_what_was_never_released_has_none(project: Released) -> None:
    done = project.run("history", "GetForecast", "--env", "PRE", by=None)
    assert (done.exit_code, done.output) == (0, "never released\n")
