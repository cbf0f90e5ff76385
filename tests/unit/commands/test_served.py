"""Whom the commands about served versions mean."""

from pathlib import Path

import click
import pytest
from unit.commands.released import Released

from apigateway.commands.desk import open_desk
from apigateway.commands.served import meant, moment


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def names(project: Released, *asked: str) -> list[str]:
    with open_desk(project.folder / "definitions", None) as desk:
        return [str(one) for one in meant(desk, asked)]


def test_names_groups_and_whole_names(project: Released) -> None:
    assert names(project, "GetForecast") == ["weather/GetForecast"]
    assert set(names(project, "weather", "accounts")) == {
        f"{api.group}/{api.name}" for api in project.project.apis
    }


def test_what_is_served_and_no_longer_declared_is_known(project: Released) -> None:
    (project.folder / "definitions/weather/get-status.yaml").unlink()
    assert names(project, "GetStatus") == ["weather/GetStatus"]
    assert "weather/GetStatus" in names(project, "weather")


def test_a_name_that_means_nothing(project: Released) -> None:
    with pytest.raises(click.UsageError, match='no API or group "Nothing"'):
        names(project, "Nothing")


def test_a_moment_is_in_utc() -> None:
    assert moment(1_700_000_000_123) == "2023-11-14 22:13:20"
