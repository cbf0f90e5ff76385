"""`apigateway revoke`."""

from pathlib import Path

import pytest
from unit.commands.released import Released

GRANTS = "policies/grants.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def granted(project: Released, group: str) -> set[tuple[str, str]]:
    return {
        (grant.api, grant.environment.value)
        for grant in project.project.grants
        if grant.group == group
    }


def test_an_api_is_taken_from_an_app_in_one_environment(project: Released) -> None:
    before = granted(project, "weather")
    done = project.run("revoke", "demo", "GetForecast")
    assert (done.exit_code, done.output) == (
        0,
        "demo may no longer call weather/GetForecast in RELEASE\n",
    )
    assert before - granted(project, "weather") == {("GetForecast", "RELEASE")}
    (entry,) = project.audit(action="revoke")
    assert (entry.subject, entry.environment) == ("demo", "RELEASE")
    assert set(entry.before) - set(entry.after) == {"weather/GetForecast"}


def test_an_api_of_a_group_that_is_granted_as_a_whole_leaves_the_others_by_name(
    project: Released,
) -> None:
    found = project.json("revoke", "demo", "accounts/LogIn", "--env", "all")
    assert len(found["revoked"]) == 3
    assert found["notices"][0] == (
        "the grant of the group accounts to demo in TEST is now one of the APIs it has today"
    )
    assert (
        "apis: [BrowseFiles, GetInvoice, GetProfile, SavePhoto]"
        in (project.folder / GRANTS).read_text()
    )


def test_a_whole_group_is_revoked_and_its_head_comments_stay(project: Released) -> None:
    head = (project.folder / GRANTS).read_text().splitlines()[:2]
    done = project.run("revoke", "--app", "demo", "weather", "accounts", "--env", "all")
    assert done.stdout == (
        "demo may no longer call weather/* in TEST, PRE, RELEASE\n"
        "demo may no longer call accounts/* in TEST, PRE, RELEASE\n"
    )
    assert (project.folder / GRANTS).read_text().splitlines() == [*head, "[]"]


def test_what_is_not_granted_is_told(project: Released) -> None:
    before = (project.folder / GRANTS).read_bytes()
    done = project.run("revoke", "demo", "GetStatus")
    assert done.output == "demo could not call it: weather/GetStatus in RELEASE\n"
    assert (project.folder / GRANTS).read_bytes() == before
    assert project.audit(action="revoke") == []
