"""`apigateway replay`: captured calls through the chain again."""

from pathlib import Path

import pytest
from unit.commands.captured import flow, save
from unit.commands.released import Released

from apigateway.commands.exits import DIFFERENT, USAGE

FILE = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


@pytest.fixture
def capture(project: Released) -> str:
    flows = [flow(f"/forecast/hangzhou?days={days}", answer=200) for days in (1, 7, 8, 14)]
    return str(save(project.folder / "calls.mitm", *flows))


def test_calls_that_end_as_they_did_are_good(project: Released, capture: str) -> None:
    done = project.run("replay", capture, by=None)
    assert (done.exit_code, done.output) == (0, "4 calls: 4 end as they did, 0 do not\n")


def test_a_draft_that_narrows_a_parameter_breaks_exactly_its_calls(
    project: Released, capture: str
) -> None:
    project.edit(FILE, "maximum: 14", "maximum: 7")
    assert project.run("replay", capture, by=None).exit_code == 0
    document = project.json("replay", capture, "--draft", by=None, exit_code=DIFFERENT)
    assert (document["calls"], document["same"], document["different"]) == (4, 2, 2)
    (cause,) = document["causes"]
    assert (cause["api"], cause["kind"], cause["calls"]) == (
        "weather/GetForecast",
        "now refused",
        [3, 4],
    )
    done = project.run("replay", capture, "--draft", by=None)
    assert "#3, #4" in done.output
    assert "4 calls: 2 end as they did, 2 do not" in done.output


def test_limits_count_from_zero_or_not_at_all(project: Released, capture: str) -> None:
    project.edit("policies/throttling/forecast-standard.yaml", "app: 120", "app: 2")
    project.edit("policies/throttling/forecast-standard.yaml", "unit: minute", "unit: day")
    document = project.json("replay", capture, by=None, exit_code=DIFFERENT)
    assert [cause["calls"] for cause in document["causes"]] == [[3, 4]]
    assert project.run("replay", capture, "--limits", "off", by=None).exit_code == 0


def test_calls_without_an_answer_are_not_compared(project: Released) -> None:
    capture = save(project.folder / "calls.mitm", flow("/status"), flow("/status", answer=200))
    done = project.run("replay", str(capture), by=None)
    assert "#1 was not compared: the capture has no answer" in done.output


def test_where_nothing_was_compared_that_is_an_error(project: Released) -> None:
    capture = save(project.folder / "calls.mitm", flow("/status"))
    done = project.run("replay", str(capture), by=None)
    assert (done.exit_code, "1 call: 0 end as they did" in done.output) == (1, True)
    assert "Error: nothing was compared" in done.output


def test_time_is_frozen_or_fresh(project: Released, capture: str) -> None:
    done = project.run("replay", capture, "--time", "frozen", "--resign", by=None)
    assert done.exit_code == USAGE
    assert "--resign is --time fresh" in done.output
    assert project.run("replay", capture, "--resign", by=None).exit_code == 0


def test_what_is_no_capture_is_an_error(project: Released) -> None:
    (project.folder / "x").write_text("hello")
    assert project.run("replay", str(project.folder / "x"), by=None).exit_code == 1
