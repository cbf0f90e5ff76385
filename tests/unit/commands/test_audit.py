"""`apigateway audit`."""

from pathlib import Path

import pytest
from unit.commands.released import Released


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def test_each_change_is_told_with_before_and_after(project: Released) -> None:
    version = project.served()["GetForecast", "RELEASE"].version
    project.run("abolish", "GetForecast", by="ann")
    first, *_ = project.json("audit", "weather/GetForecast", by=None)
    assert (first["action"], first["by"], first["environment"]) == ("abolish", "ann", "RELEASE")
    assert (first["before"], first["after"]) == ({"version": version}, None)


def test_a_group_an_action_and_a_number_choose(project: Released) -> None:
    project.run("abolish", "GetForecast")
    assert {row["action"] for row in project.json("audit", "weather", by=None)} == {
        "abolish",
        "release",
    }
    assert [row["action"] for row in project.json("audit", "--action", "abolish", by=None)] == [
        "abolish"
    ]
    assert len(project.json("audit", "--last", "2", by=None)) == 2
    assert project.json("audit", "nowhere", by=None) == []


def test_people_get_a_table(project: Released) -> None:
    project.run("abolish", "GetForecast", "--note", "why", by="ann")
    done = project.run("audit", by=None)
    assert "abolish" in done.output
    assert "ann" in done.output
    assert project.run("audit", "nowhere", by=None).output == "nothing\n"
