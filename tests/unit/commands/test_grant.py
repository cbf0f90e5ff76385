"""`apigateway grant`."""

from pathlib import Path

import pytest
from unit.commands.released import Released

from apigateway.commands.exits import REFUSED, USAGE

GRANTS = "policies/grants.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    project = Released(tmp_path)
    (tmp_path / "definitions/apps/phone.yaml").write_text(
        'name: phone\nkey: "123456789"\nsecret: file:demo.secret\n'
    )
    return project


def granted(project: Released, app: str) -> set[tuple[str, str]]:
    return {
        (grant.api, grant.environment.value) for grant in project.project.grants if grant.app == app
    }


def test_an_app_may_call_what_it_is_granted(project: Released) -> None:
    before = (project.folder / GRANTS).read_text()
    done = project.run("grant", "phone", "weather/GetForecast", "SaveNote")
    assert (done.exit_code, done.stdout) == (
        0,
        "phone may now call weather/GetForecast in RELEASE\n"
        "phone may now call weather/SaveNote in RELEASE\n",
    )
    assert granted(project, "phone") == {("GetForecast", "RELEASE"), ("SaveNote", "RELEASE")}
    assert (project.folder / GRANTS).read_text() == (
        f"{before}- app: phone\n  group: weather\n  apis: [GetForecast, SaveNote]\n"
        "  environments: [RELEASE]\n"
    )


def test_each_app_and_environment_is_in_the_audit_log(project: Released) -> None:
    project.run("grant", "--app", "phone", "--app", "demo", "weather", "--env", "TEST", by="alice")
    entries = project.audit(action="grant")
    assert {(one.subject, one.environment, one.by) for one in entries} == {
        ("phone", "TEST", "alice"),
        ("demo", "TEST", "alice"),
    }
    of_phone = next(one for one in entries if one.subject == "phone")
    assert (of_phone.before, of_phone.after) == ([], ["weather/*"])
    of_demo = next(one for one in entries if one.subject == "demo")
    assert "weather/GetForecast" in of_demo.before


def test_what_is_granted_already_changes_nothing(project: Released) -> None:
    before = (project.folder / GRANTS).stat()
    done = project.run("grant", "demo", "GetForecast", "--env", "all")
    assert done.stdout == "demo could call it already: weather/GetForecast in TEST, PRE, RELEASE\n"
    assert (project.folder / GRANTS).stat() == before
    assert project.audit(action="grant") == []


def test_an_api_that_is_not_released_there_is_granted_with_a_notice(project: Released) -> None:
    found = project.json("grant", "phone", "GetForecast", "--env", "TEST", "--env", "RELEASE")
    assert [row["environment"] for row in found["granted"]] == ["TEST", "RELEASE"]
    assert found["granted"][0] == {
        "app": "phone",
        "group": "weather",
        "api": "GetForecast",
        "environment": "TEST",
    }
    assert found["notices"] == [
        "weather/GetForecast is not released in TEST: the grant acts when it is"
    ]


def test_the_first_grant_makes_the_file(project: Released) -> None:
    (project.folder / GRANTS).unlink()
    assert project.run("grant", "phone", "accounts", "--env", "all").exit_code == 0
    assert (project.folder / GRANTS).read_text() == '- {app: phone, group: accounts, apis: "*"}\n'


def test_a_project_with_problems_is_left_alone(project: Released) -> None:
    text = "- {app: demo, group: weather, apis: [{a: b}]}\n"
    (project.folder / GRANTS).write_text(text)
    done = project.run("grant", "phone", "weather")
    assert done.exit_code == REFUSED
    assert "policies/grants.yaml:1:38: [0].apis[0] must be text" in done.output
    assert (project.folder / GRANTS).read_text() == text


def test_an_api_must_be_named(project: Released) -> None:
    done = project.run("grant", "phone")
    assert done.exit_code == USAGE
    assert "say which APIs: apigateway grant demo weather/GetForecast" in done.output
