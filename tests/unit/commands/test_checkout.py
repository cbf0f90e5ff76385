"""`apigateway checkout`."""

from pathlib import Path

import pytest
from unit.commands.released import TEST, Released

from apigateway.commands.exits import REFUSED

FILE = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def draft(project: Released) -> object:
    (api,) = (api for api in project.project.apis if api.name == "GetForecast")
    return api.document


def test_what_is_served_becomes_the_draft_again_with_its_comments(project: Released) -> None:
    before, text = draft(project), (project.folder / FILE).read_text()
    project.edit(FILE, "default: 3", "default: 4")
    done = project.run("checkout", "GetForecast")
    version = project.served()["GetForecast", "RELEASE"].version
    assert done.output == f"{FILE}: the draft of weather/GetForecast is version {version}\n"
    assert draft(project) == before
    assert (project.folder / FILE).read_text() == text


def test_the_audit_log_has_both_definitions(project: Released) -> None:
    project.edit(FILE, "default: 3", "default: 4")
    edited = draft(project)
    project.run("checkout", "GetForecast")
    (entry,) = project.audit(action="checkout")
    assert (entry.before, entry.after) == (edited, draft(project))
    assert (entry.by, entry.subject, entry.environment) == ("me", "weather/GetForecast", "RELEASE")


def test_a_version_of_the_history_can_be_named(project: Released) -> None:
    first = project.served()["GetForecast", "RELEASE"].version
    before = draft(project)
    project.edit(FILE, "default: 3", "default: 4")
    project.release("GetForecast")
    assert project.run("checkout", "GetForecast", "--version", first).exit_code == 0
    assert draft(project) == before


def test_another_environment_can_be_named(project: Released) -> None:
    project.edit(FILE, "default: 3", "default: 4")
    in_test = draft(project)
    project.release("GetForecast", TEST)
    project.edit(FILE, "default: 4", "default: 5")
    project.run("checkout", "GetForecast", "--env", "TEST")
    assert draft(project) == in_test


def test_a_group_is_checked_out_where_it_differs(project: Released) -> None:
    project.edit(FILE, "default: 3", "default: 4")
    rows = project.json("checkout", "weather")
    assert [row["file"] for row in rows] == [FILE]


def test_an_api_whose_file_is_gone_is_declared_again(project: Released) -> None:
    before = draft(project)
    (project.folder / FILE).unlink()
    grants = project.folder / "policies/grants.yaml"
    grants.write_text(grants.read_text().replace("GetForecast, ", ""))
    project.edit(
        "policies/bindings.yaml",
        "  - {policy: forecast-standard, group: weather, apis: [GetForecast]}",
        "  []",
    )
    assert project.run("checkout", "GetForecast").exit_code == 0
    assert (project.folder / FILE).exists()
    assert draft(project) == before


def test_what_is_served_already_is_left_alone(project: Released) -> None:
    done = project.run("checkout", "GetForecast")
    assert (done.exit_code, done.output) == (0, "nothing to do: the draft is what is served\n")
    assert project.audit(action="checkout") == []


def test_what_is_not_served_there_cannot_be_copied(project: Released) -> None:
    for words in (["--env", "PRE"], ["--version", "20200101000000000"]):
        done = project.run("checkout", "GetForecast", *words)
        assert done.exit_code == REFUSED
        assert "nothing to copy" in done.output
