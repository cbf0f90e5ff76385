"""`apigateway rehearse`: captured calls through what is live and through what would be."""

from pathlib import Path

import pytest
from unit.commands.captured import flow, save
from unit.commands.released import Released
from unit.rehearsal.pages import Page

from apigateway.commands.exits import DIFFERENT, USAGE

FORECAST = "definitions/weather/get-forecast.yaml"
STATUS = "definitions/weather/get-status.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


@pytest.fixture
def capture(project: Released) -> str:
    """Days 1, 7, 8 and 14, then a call without a signature."""
    flows = [flow(f"/forecast/hangzhou?days={days}", answer=200) for days in (1, 7, 8, 14)]
    flows.append(flow("/status", secret=None, answer=200))
    return str(save(project.folder / "calls.mitm", *flows))


def test_drafts_that_change_nothing_break_nothing(project: Released, capture: str) -> None:
    done = project.run("rehearse", capture, "--draft", by=None)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "calls.mitm: what is live in RELEASE against the drafts",
        "changes nothing",
        "5 calls: 0 the same, 0 otherwise, 5 not touched",
    ]


def test_a_narrower_parameter_is_told_with_exactly_the_calls_that_it_breaks(
    project: Released, capture: str
) -> None:
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    done = project.run("rehearse", capture, "--draft", by=None)
    assert done.exit_code == DIFFERENT
    assert done.stdout.splitlines() == [
        "calls.mitm: what is live in RELEASE against the drafts",
        "changes weather/GetForecast",
        "",
        "weather/GetForecast  parameter days: is greater than 7 - "
        "2 calls of 1 app, now refused (demo)",
        "  200 -> 400 I400IP Invalid parameter days is greater than 7",
        "  #3  GET /forecast/hangzhou?days=8",
        "  #4  GET /forecast/hangzhou?days=14",
        "  a release accepts it with --accept days-greater-than-7",
        "",
        "5 calls: 3 the same, 2 otherwise (1 cause)",
    ]
    document = project.json("rehearse", capture, "--draft", by=None, exit_code=DIFFERENT)
    (cause,) = document["causes"]
    assert [call["number"] for call in cause["calls"]] == [3, 4]
    assert (document["same"], document["differing"]) == (3, 2)
    assert (
        project.served()["GetForecast", "RELEASE"].document["request"]["parameters"][1]["maximum"]
        == 14
    )


def test_only_the_drafts_that_are_named_are_rehearsed(project: Released, capture: str) -> None:
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    project.edit(STATUS, "path: /status", "path: /state")
    document = project.json(
        "rehearse", capture, "--draft", "--api", "GetStatus", by=None, exit_code=DIFFERENT
    )
    assert document["changed"] == ["weather/GetStatus"]
    assert [cause["name"] for cause in document["causes"]] == ["api-not-found"]


def test_an_environment_of_its_own_is_not_touched_by_calls_to_another(
    project: Released, capture: str
) -> None:
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    done = project.run("rehearse", capture, "--draft", "--env", "TEST", by=None)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0,
        "5 calls: 0 the same, 0 otherwise, 5 not touched",
    )


def test_a_version_that_would_be_switched_to_is_rehearsed(project: Released, capture: str) -> None:
    first = project.served()["GetForecast", "RELEASE"].version
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    project.release("GetForecast")
    document = project.json("rehearse", capture, "--release", first, by=None, exit_code=DIFFERENT)
    assert document["candidate"] == f"version {first}"
    (cause,) = document["causes"]
    assert cause["name"] == "no-longer-days-greater-than-7"
    assert [call["number"] for call in cause["calls"]] == [3, 4]
    now = project.served()["GetForecast", "RELEASE"].version
    assert project.run("rehearse", capture, "--release", now, by=None).exit_code == 0
    text = project.run("rehearse", capture, "--release", first, by=None).stdout
    assert "no longer refused: parameter days: is greater than 7 - 2 calls" in text
    assert "--accept" not in text
    wrong = project.run("rehearse", capture, "--release", first, "--env", "PRE", by=None)
    assert wrong.exit_code == 1
    assert f"no API has a version {first} in PRE" in wrong.output


def test_an_api_that_is_not_declared_any_more_is_rehearsed_as_removed(
    project: Released, capture: str
) -> None:
    (project.folder / STATUS).unlink()
    document = project.json("rehearse", capture, "--draft", by=None, exit_code=DIFFERENT)
    assert document["removed"] == ["weather/GetStatus"]
    (cause,) = document["causes"]
    assert (cause["full_name"], cause["calls"][0]["number"]) == (
        "weather/GetStatus/api-not-found",
        5,
    )
    text = project.run("rehearse", capture, "--draft", by=None).stdout
    assert "weather/GetStatus is released and not declared any more" in text


def test_limits_are_counted_unless_they_are_off(project: Released, capture: str) -> None:
    project.edit("policies/throttling/forecast-standard.yaml", "app: 120", "app: 1")
    project.edit("policies/throttling/forecast-standard.yaml", "unit: minute", "unit: day")
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    assert project.run("rehearse", capture, "--draft", by=None).exit_code == 0
    off = project.run("rehearse", capture, "--draft", "--limits", "off", by=None)
    assert off.exit_code == DIFFERENT


def test_the_page_is_written_whole(project: Released, capture: str) -> None:
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    path = project.folder / "out.html"
    done = project.run("rehearse", capture, "--draft", "--html", str(path), "--most", "1", by=None)
    assert f"the page is in {path}" in done.stderr
    page = Page(path.read_text("utf-8"))
    assert not page.open
    assert "1 more call of this cause is not shown: #4" in page.text
    where = project.folder / "none" / "x.html"
    failed = project.run("rehearse", capture, "--draft", "--html", str(where), by=None)
    assert failed.exit_code == 1
    assert f"there is no folder {where.parent}: make it (mkdir -p " in failed.output


def test_a_capture_without_a_call_rehearses_nothing(project: Released) -> None:
    (project.folder / "a.har").write_text('{"log": {"entries": []}}')
    done = project.run("rehearse", str(project.folder / "a.har"), "--draft", by=None)
    assert (done.exit_code, "the capture holds no call" in done.output) == (1, True)
    words = ("GetForecast", "--note", "n", "--yes", "--rehearse", str(project.folder / "a.har"))
    project.edit(FORECAST, "maximum: 14", "maximum: 7")
    before = project.served()["GetForecast", "RELEASE"].version
    assert project.run("release", *words).exit_code == 1
    assert project.served()["GetForecast", "RELEASE"].version == before


def test_a_command_line_that_is_wrong_is_told(project: Released, capture: str) -> None:
    for words in ((), ("--draft", "--release", "1")):
        done = project.run("rehearse", capture, *words, by=None)
        assert done.exit_code == USAGE
        assert "say what to rehearse: --draft, or --release VERSION" in done.output
    assert project.run("rehearse", capture, "--draft", "--api", "x", by=None).exit_code == USAGE
    assert project.run("rehearse", "none.mitm", "--draft", by=None).exit_code == 1
