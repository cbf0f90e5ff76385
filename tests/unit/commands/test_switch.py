"""`apigateway switch`, `rollback`, `abolish`."""

from pathlib import Path

import pytest
from unit.commands.released import RELEASE, TEST, Released

from apigateway.commands import switch as module
from apigateway.commands.exits import OVERTAKEN, REFUSED, USAGE
from apigateway.lifecycle.serving import Served, served_now
from apigateway.model.release import Release

FORECAST = ("GetForecast", "RELEASE")


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_a_version_of_the_history_is_served_again(project: Released) -> None:
    first = project.served()[FORECAST].version
    second = project.release("GetForecast")
    (row,) = project.json("switch", "GetForecast", first, "--note", "as it was")
    assert row == {
        "group": "weather",
        "api": "GetForecast",
        "environment": "RELEASE",
        "before": second,
        "version": first,
    }
    assert project.served()[FORECAST].version == first
    (entry,) = project.audit(action="switch")
    assert (entry.by, entry.subject, entry.note) == ("me", "weather/GetForecast", "as it was")
    assert (entry.before, entry.after) == ({"version": second}, {"version": first})


def test_a_version_that_was_never_released_is_refused(project: Released) -> None:
    done = project.run("switch", "GetForecast", "20200101000000000")
    assert done.exit_code == REFUSED
    assert "apigateway history lists the versions" in done.output
    assert project.audit(action="switch") == []


def test_a_switch_to_what_is_served_does_nothing(project: Released) -> None:
    version = project.served()[FORECAST].version
    done = project.run("switch", "GetForecast", version)
    assert (done.exit_code, done.output) == (0, "nothing to do: it is served already\n")


def test_a_rollback_serves_what_was_before_and_a_second_one_takes_it_back(
    project: Released,
) -> None:
    first = project.served()[FORECAST].version
    second = project.release("GetForecast")
    done = project.run("rollback", "weather/GetForecast")
    assert done.output == f"weather/GetForecast in RELEASE: version {first} (before: {second})\n"
    assert project.served()[FORECAST].version == first
    project.run("rollback", "weather/GetForecast")
    assert project.served()[FORECAST].version == second


def test_a_rollback_of_a_group_goes_back_where_there_is_something_to_go_back_to(
    project: Released,
) -> None:
    first = {api: project.served()[api, "RELEASE"].version for api in ("GetForecast", "SaveNote")}
    for api in first:
        project.release(api)
    done = project.run("rollback", "weather")
    assert done.exit_code == 0
    assert "weather/GetStatus has no version before the one that is served" in done.output
    assert {api: project.served()[api, "RELEASE"].version for api in first} == first


def test_a_rollback_with_nothing_to_go_back_to_is_refused(project: Released) -> None:
    done = project.run("rollback", "GetStatus")
    assert done.exit_code == REFUSED
    assert "has no version before" in done.output
    done = project.run("rollback", "GetStatus", "--env", "test")
    assert "was never released in TEST" in done.output


def test_an_abolished_api_is_served_no_more_and_comes_back_with_a_rollback(
    project: Released,
) -> None:
    version = project.served()[FORECAST].version
    done = project.run("abolish", "GetForecast", "--note", "too early")
    assert done.output == (f"weather/GetForecast in RELEASE: served no more (before: {version})\n")
    assert FORECAST not in project.served()
    (entry,) = project.audit(action="abolish")
    assert (entry.before, entry.after, entry.note) == ({"version": version}, None, "too early")
    project.run("rollback", "GetForecast")
    assert project.served()[FORECAST].version == version


def test_only_the_environment_that_was_named_is_touched(project: Released) -> None:
    project.release("GetForecast", TEST)
    project.run("abolish", "GetForecast", "--env", "TEST")
    assert FORECAST in project.served()
    assert ("GetForecast", "TEST") not in project.served()


def test_what_is_not_served_is_not_abolished(project: Released) -> None:
    done = project.run("abolish", "GetForecast", "--env", "PRE")
    assert (done.exit_code, done.output) == (0, "nothing to do: it is not served in PRE\n")


def test_an_api_that_is_no_longer_declared_can_be_abolished(project: Released) -> None:
    (project.folder / "definitions/weather/get-status.yaml").unlink()
    assert project.run("abolish", "GetStatus").exit_code == 0
    assert ("GetStatus", "RELEASE") not in project.served()


def test_a_name_that_means_nothing_is_a_usage_error_that_helps(project: Released) -> None:
    done = project.run("abolish", "GetForcast")
    assert done.exit_code == USAGE
    assert 'no API or group "GetForcast"; did you mean "GetForecast"?' in done.output


def test_a_note_that_is_too_long_is_a_usage_error(project: Released) -> None:
    done = project.run("abolish", "GetForecast", "--note", "x" * 201)
    assert done.exit_code == USAGE
    assert FORECAST in project.served()


def test_who_is_overtaken_changes_nothing(
    project: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    def served_before(current: list[Release]) -> Served:
        found = served_now(current)
        project.release("GetForecast")
        return found

    monkeypatch.setattr(module, "served_now", served_before)
    done = project.run("abolish", "GetForecast")
    assert done.exit_code == OVERTAKEN
    assert "was expected, and it is" in done.output
    assert FORECAST in project.served()
    assert RELEASE.value == FORECAST[1]
