"""`apigateway plan`: what a release would do, and what would break."""

import json
from pathlib import Path

import pytest
from unit.commands.released_samples import FIRST, Samples

from apigateway.lifecycle.plan import plan_from_json


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path)


def test_a_first_release_breaks_nothing(samples: Samples) -> None:
    done = samples.run("plan")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "RELEASE: 11 to release"
    assert "weather/GetForecast  is not released" in done.output


def test_nothing_is_changed_by_a_plan(samples: Samples) -> None:
    samples.run("plan")
    assert samples.served() == {}


def test_what_breaks_is_told_with_the_callers_and_it_is_3(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-forecast", "maximum: 14", "maximum: 7")
    samples.edit("weather/get-forecast", "timeout_ms: 5000", "timeout_ms: 3000")
    samples.edit("weather/get-status", "path: /status", "path: /state")
    done = samples.run("plan")
    assert done.exit_code == 3
    assert done.output.splitlines() == [
        f"weather/GetForecast  in place of version {FIRST}",
        "  ~ request.parameters[days in query].maximum: 14 -> 7",
        "  ~ backend.timeout_ms: 5000 -> 3000",
        "  BREAKING  request.parameters[days in query].maximum: more than 7 is refused (was 14)"
        "  [demo]",
        "  notice    backend.timeout_ms: answers are waited for 3000 ms, and were 5000 ms  [demo]",
        f"weather/GetStatus  in place of version {FIRST}",
        '  ~ request.path: "/status" -> "/state"',
        "  BREAKING  request.path: GET /status answers 404; it is GET /state now  [anyone]",
        "RELEASE: 2 to release, 9 as released, 2 breaking, 1 notice",
    ]


def test_what_is_of_no_planned_api_comes_behind(samples: Samples) -> None:
    done = samples.run("plan", "TEST", "--api", "GetStatus")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "weather/GetStatus  is not released",
        "Besides",
        "  notice    app demo: is granted what is not released to TEST: CreateReport, "
        "FindStations, GetForecast and 2 more of weather",
        "  notice    app demo: is granted what is not released to TEST: BrowseFiles, GetInvoice, "
        "GetProfile and 2 more of accounts",
        "TEST: 1 to release, 2 notices",
    ]


def test_a_call_that_nobody_may_make_breaks_for_nobody(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-forecast", "maximum: 14", "maximum: 7")
    (samples.root / "policies/grants.yaml").write_text("[]\n")
    lines = samples.run("plan", "--api", "GetForecast").output.splitlines()
    assert next(line for line in lines if "BREAKING" in line).endswith("  [no app has a grant]")


def test_an_obstacle_is_1(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-status", "path: /status", "path: /state")
    samples.edit("weather/find-stations", "path: /stations/near  ", "path: /status  ")
    done = samples.run("plan", "--api", "FindStations")
    assert done.exit_code == 1
    assert "  OBSTACLE  request.path: GET /status is that of weather/GetStatus" in done.output
    assert samples.run("plan").exit_code == 3


def test_a_plan_is_written_to_a_file(samples: Samples, tmp_path: Path) -> None:
    file = tmp_path / "release.plan"
    done = samples.run("plan", "--out", str(file))
    assert done.exit_code == 0
    assert f"apigateway release --plan {file}" in done.stderr
    plan = plan_from_json(json.loads(file.read_text()))
    assert len(plan.due) == 11
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_cannot_be_written_is_told(samples: Samples, tmp_path: Path) -> None:
    done = samples.run("plan", "--out", str(tmp_path / "none" / "release.plan"))
    assert done.exit_code == 1
    assert "No such file or directory" in done.output


def test_json_is_the_plan(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-forecast", "maximum: 14", "maximum: 7")
    done = samples.run("plan", "--json")
    assert done.exit_code == 3
    data = json.loads(done.output)
    assert plan_from_json(data).due[0].name == "weather/GetForecast"
    assert data["findings"] == [
        {
            "severity": "breaking",
            "subject": "weather/GetForecast",
            "field": "request.parameters[days in query].maximum",
            "what": "more than 7 is refused (was 14)",
            "callers": ["demo"],
            "anyone": False,
        }
    ]
