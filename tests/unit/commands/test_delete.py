"""`apigateway delete`."""

from pathlib import Path

import pytest
from unit.commands.released import TEST, Released

from apigateway.commands.exits import REFUSED, USAGE

FORECAST = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def declared(project: Released) -> set[str]:
    return {api.name for api in project.project.apis}


def test_a_released_api_is_not_deleted(project: Released) -> None:
    project.release("GetForecast", TEST)
    done = project.run("delete", "GetForecast", "--with-links")
    assert done.exit_code == REFUSED
    assert done.stderr == "".join(
        f"weather/GetForecast is released in {environment}; abolish it first: apigateway abolish "
        f"weather/GetForecast --env {environment}\n"
        for environment in ("RELEASE", "TEST")
    )
    assert "GetForecast" in declared(project)


def test_what_names_it_is_told_first(project: Released) -> None:
    project.run("abolish", "GetForecast")
    done = project.run("delete", "GetForecast")
    assert done.exit_code == REFUSED
    assert done.stderr == (
        "policies/grants.yaml: the grant to demo in TEST, PRE, RELEASE\n"
        "policies/bindings.yaml: the binding to forecast-standard (throttling) in TEST, PRE, "
        "RELEASE\n"
        "weather/GetForecast is named there; --with-links removes that too\n"
    )
    assert "GetForecast" in declared(project)


def test_an_abolished_api_goes_with_what_names_it(project: Released) -> None:
    project.run("abolish", "GetForecast")
    found = project.json("delete", "GetForecast", "--with-links")
    assert (found["file"], len(found["links"])) == (FORECAST, 2)
    assert not (project.folder / FORECAST).exists()
    assert "GetForecast" not in declared(project)
    assert {grant.api for grant in project.project.grants if grant.group == "weather"} == {
        "CreateReport",
        "SaveNote",
        "FindStations",
        "GetStation",
    }
    (entry,) = project.audit(action="delete")
    assert (entry.subject, entry.after) == ("weather/GetForecast", None)
    assert entry.before["definition"]["name"] == "GetForecast"
    assert len(entry.before["links"]) == 2


def test_an_api_that_nothing_names_goes_by_itself(project: Released) -> None:
    project.run("abolish", "GetStatus")
    done = project.run("delete", "weather/GetStatus")
    assert (done.exit_code, done.stdout) == (
        0,
        "definitions/weather/get-status.yaml: removed; weather/GetStatus is declared no more\n",
    )


def test_a_group_is_not_deleted(project: Released) -> None:
    done = project.run("delete", "weather")
    assert done.exit_code == USAGE
    assert '"weather" is a group; name one API' in done.output
