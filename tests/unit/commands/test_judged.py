"""What `explain` and `replay` judge against."""

from pathlib import Path

import click
import pytest
from unit.commands.released import TEST, Released

from apigateway.commands.desk import open_desk
from apigateway.commands.judged import calls_of, catalog_of, with_time
from apigateway.model.release import DRAFT


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def versions(
    project: Released, *, draft: bool = False, version: str | None = None
) -> dict[tuple[str, str], str]:
    with open_desk(project.folder / "definitions", None) as desk:
        catalog = catalog_of(desk, draft=draft, version=version)
    return {(one.api.name, one.environment.value): one.version for one in catalog.served}


def test_it_is_what_is_served_unless_something_else_is_asked_for(project: Released) -> None:
    served = {place: release.version for place, release in project.served().items()}
    assert versions(project) == served


def test_drafts_stand_wherever_their_apis_are_released_or_in_release(project: Released) -> None:
    project.release("GetForecast", TEST)
    project.run("abolish", "GetStatus")
    found = versions(project, draft=True)
    assert set(found.values()) == {DRAFT}
    assert {("GetForecast", "TEST"), ("GetForecast", "RELEASE"), ("GetStatus", "RELEASE")} <= set(
        found
    )


def test_one_version_stands_beside_what_else_is_served(project: Released) -> None:
    first = project.served()["GetForecast", "RELEASE"].version
    second = project.release("GetForecast")
    found = versions(project, version=first)
    assert second not in found.values()
    assert len(found) == len(project.served())
    with pytest.raises(click.ClickException, match="no API has a version 1"):
        versions(project, version="1")


def test_drafts_and_a_version_are_two_things(project: Released) -> None:
    with pytest.raises(click.UsageError, match="--draft or --release VERSION, not both"):
        versions(project, draft=True, version="1")


def test_a_capture_without_a_call_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.har").write_text('{"log": {"entries": []}}')
    with pytest.raises(click.ClickException, match="the capture holds no call"):
        calls_of(str(tmp_path / "a.har"))
    with pytest.raises(click.ClickException, match="no capture is named"):
        calls_of(" ")


def test_a_curl_line_has_no_time_and_comes_now() -> None:
    (call,) = calls_of("curl http://api.weather.localhost:8080/status")
    assert call.received_ms is None
    assert with_time(call).received_ms is not None
    timed = with_time(call)
    assert with_time(timed) is timed
