"""`apigateway grants`."""

from pathlib import Path

import pytest
from unit.commands.released import TEST, Released

from apigateway.commands.exits import USAGE


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_what_an_app_may_call_and_where_that_is_released(project: Released) -> None:
    project.release("GetForecast", TEST)
    rows = project.json("grants", "--app", "demo", "--api", "GetForecast", by=None)
    (app,) = project.project.apps
    assert rows[0] == {
        "app": "demo",
        "app_id": app.id,
        "group": "weather",
        "api": "GetForecast",
        "environment": "TEST",
        "released": True,
    }
    assert [(row["environment"], row["released"]) for row in rows] == [
        ("TEST", True),
        ("PRE", False),
        ("RELEASE", True),
    ]


def test_who_may_call_the_apis_of_a_group_in_one_environment(project: Released) -> None:
    rows = project.json("grants", "--api", "accounts", "--env", "release", by=None)
    assert {row["api"] for row in rows} == {
        "BrowseFiles",
        "GetInvoice",
        "GetProfile",
        "LogIn",
        "SavePhoto",
    }
    assert {row["environment"] for row in rows} == {"RELEASE"}


def test_the_table_marks_where_nothing_is_released(project: Released) -> None:
    done = project.run("grants", "--api", "GetForecast", by=None)
    assert "weather/GetForecast   (TEST) (PRE) RELEASE" in done.output


def test_nothing_is_told_as_nothing(project: Released) -> None:
    done = project.run("grants", "--api", "GetStatus", by=None)
    assert (done.exit_code, done.output) == (0, "nothing is granted\n")
    assert project.json("grants", "--api", "GetStatus", by=None) == []


def test_a_name_that_is_not_there_is_told(project: Released) -> None:
    done = project.run("grants", "--app", "dmo", by=None)
    assert done.exit_code == USAGE
    assert 'did you mean "demo"?' in done.output
