"""`apigateway apps`."""

import stat
from pathlib import Path

import pytest
from unit.commands.released import Released

from apigateway.commands.exits import REFUSED, USAGE

APPS = "definitions/apps"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_apps_are_listed_with_how_much_they_may_call(project: Released) -> None:
    (row,) = project.json("apps", by=None)
    assert (row["name"], row["app_key"], row["owner"]) == ("demo", "203753385", "1234567890123456")
    assert row["grants"] == {"TEST": 10, "PRE": 10, "RELEASE": 10}
    assert "MySuperAppSecret" not in str(row)
    done = project.run("apps", "list", by=None)
    assert f"demo   {row['app_id']}   203753385   1234567890123456   10     10    10" in done.output


def test_one_app_is_shown_with_its_grants(project: Released) -> None:
    (app,) = project.project.apps
    for name in ("demo", app.id, "203753385"):
        done = project.run("apps", "show", name, by=None)
        assert done.exit_code == 0
        assert "AppKey                203753385\n" in done.output
        assert "weather/GetForecast    (TEST) (PRE) RELEASE" in done.output
    found = project.json("apps", "show", "demo", by=None)
    assert len(found["grants"]) == 30
    assert found["app_code"] is True


def test_a_new_app_can_be_granted_at_once(project: Released) -> None:
    found = project.json(
        "apps", "create", "phone", "--owner", "alice@example.com", "--description", "For phones"
    )
    app = next(one for one in project.project.apps if one.name == "phone")
    assert (app.id, app.key) == (found["app_id"], found["app_key"])
    assert (app.owner, app.description) == ("alice@example.com", "For phones")
    secret = project.folder / APPS / "phone.secret"
    assert secret.read_text() == f"{app.secret.reveal()}\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert project.run("grant", "phone", "GetForecast").exit_code == 0
    (entry,) = project.audit(action="create")
    assert (entry.subject, entry.after["key"]) == ("phone", app.key)
    assert app.secret.reveal() not in str(entry)


def test_a_new_app_without_grants_says_how_to_get_some(project: Released) -> None:
    done = project.run("apps", "create", "phone", "--with-code")
    assert "definitions/apps/phone.code: its AppCode; keep it out of version control" in done.output
    assert "it may call nothing yet: apigateway grant phone NAME..." in done.output
    assert (
        "it may call nothing; apigateway grant lets it"
        in project.run("apps", "show", "phone", by=None).output
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("x", "write 4 to 26 letters"), ("../evil", "write 4 to 26"), ("demo", "is there already")],
)
def test_a_name_that_will_not_do_is_told(project: Released, name: str, message: str) -> None:
    done = project.run("apps", "create", name)
    assert done.exit_code == REFUSED
    assert message in done.output
    assert project.audit(action="create") == []


def test_an_app_with_grants_is_deleted_with_them_only(project: Released) -> None:
    done = project.run("apps", "delete", "demo")
    assert done.exit_code == REFUSED
    assert "demo may call weather/GetForecast in TEST, PRE, RELEASE\n" in done.output
    assert "demo has grants; --with-grants revokes them too" in done.output
    found = project.json("apps", "delete", "demo", "--with-grants")
    assert found["files"] == [f"{APPS}/demo.yaml", f"{APPS}/demo.secret", f"{APPS}/demo.code"]
    assert (project.project.apps, project.project.grants) == ((), ())
    assert [path.name for path in (project.folder / APPS).iterdir()] == ["README.md"]
    (entry,) = project.audit(action="delete")
    assert len(entry.before["grants"]) == 30


def test_an_app_that_a_policy_names_is_not_deleted(project: Released) -> None:
    project.edit(
        "policies/throttling/forecast-standard.yaml",
        "app: 120\n",
        "app: 120\nspecial: [{app: demo, limit: 5}]\n",
    )
    done = project.run("apps", "delete", "demo", "--with-grants")
    assert done.exit_code == REFUSED
    assert 'forecast-standard.yaml:9:17: there is no app "demo"' in done.output
    assert [app.name for app in project.project.apps] == ["demo"]
    assert len(project.project.grants) == 30


def test_an_app_that_is_not_there_is_told(project: Released) -> None:
    done = project.run("apps", "delete", "phone")
    assert done.exit_code == USAGE
    assert 'there is no app "phone"' in done.output


def test_without_an_app_it_is_said_how_to_make_one(project: Released) -> None:
    project.run("apps", "delete", "demo", "--with-grants")
    assert project.run("apps", by=None).output == "no app; apigateway apps create NAME makes one\n"
