"""The plug-in as pytest loads it: by its entry point, in projects of their own."""

import importlib.metadata
from pathlib import Path

import pytest
from unit.testing.samples import ROOT, captured, copied, narrowed, save

pytest_plugins = ["pytester"]

FIVE_LINES = """
def test_yesterdays_calls(apigateway):
    replayed = apigateway.replay("captures/yesterday.mitm")
    assert replayed.as_before, replayed.report
"""
DEFINITIONS = f"--apigateway-definitions={ROOT / 'definitions'}"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with tests of a capture; whatever started this pytest, it names no definitions."""
    for variable in ("APIGATEWAY_DEFINITIONS", "APIGATEWAY_POLICIES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(FIVE_LINES)
    calls = (captured(), captured("/forecast/hangzhou?days=9", after_ms=1))
    save(pytester.path / "captures" / "yesterday.mitm", *calls)
    return pytester


def test_pytest_finds_it_by_its_entry_point() -> None:
    (point,) = importlib.metadata.entry_points(group="pytest11", name="apigateway")
    assert point.value == "apigateway.testing.plugin"


def test_a_capture_is_a_test_in_five_lines(project: pytest.Pytester) -> None:
    project.runpytest(DEFINITIONS).assert_outcomes(passed=1)


def test_a_test_that_fails_shows_which_calls_from_what_to_what_and_why(
    project: pytest.Pytester,
) -> None:
    copied(project.path, narrowed)  # beside the tests: named by nobody
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * captures/yesterday.mitm: 1 of 2 calls ends otherwise than before",
            "E * 1 call of weather/GetForecast: now refused (INVALID_PARAMETER days)",
            "E *   before  200",
            "E *   after   400 I400IP Invalid parameter days is greater than 7",
            "E *   #2 GET http://api.weather.localhost/forecast/hangzhou?days=9",
            "E * refused by Validation: 400 I400IP *",
            "E * days (Int in query) is greater than 7",
            "E * where False = <captures/yesterday.mitm: 1 of 2 calls ends otherwise *>.as_before",
        ]
    )


def test_what_a_test_did_wrong_is_shown_in_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_wrong="def test_it(apigateway):\n    apigateway.call('GET', '/status', app='demi')\n"
    )
    result = project.runpytest(DEFINITIONS, "test_wrong.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E *there is no app "demi" *; did you mean "demo"*'])
    result.stdout.no_fnmatch_line("*testing/made.py*")


def test_folders_are_named_in_pytests_settings_from_where_these_stand(
    project: pytest.Pytester,
) -> None:
    definitions = copied(project.path / "gateway")
    definitions.rename(project.path / "gateway" / "apis")
    (project.path / "gateway" / "policies").rename(project.path / "rules")
    project.makeini(
        "[pytest]\napigateway_definitions = gateway/apis\napigateway_policies = rules\n"
    )
    project.runpytest("--strict-config").assert_outcomes(passed=1)


def test_folders_are_named_by_the_environment_last(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIGATEWAY_DEFINITIONS", str(ROOT / "definitions"))
    project.runpytest().assert_outcomes(passed=1)
    project.runpytest("--apigateway-definitions=nowhere").assert_outcomes(errors=1)


def test_folders_may_be_of_a_test_file_alone(project: pytest.Pytester) -> None:
    other = copied(project.path / "other", narrowed)
    fixture = (
        "import pathlib, pytest\n"
        "@pytest.fixture(scope='session')\n"
        f"def apigateway_folders():\n    return pathlib.Path({str(other)!r}), None\n"
    )
    project.makepyfile(test_narrow=fixture + FIVE_LINES)
    project.runpytest(DEFINITIONS).assert_outcomes(passed=1, failed=1)


def test_environments_are_those_of_the_settings(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\napigateway_environments = TEST\n")
    result = project.runpytest(DEFINITIONS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*2 calls of no API: now refused (API_NOT_FOUND)*"])
    project.makeini("[pytest]\napigateway_environments = LIVE\n")
    result = project.runpytest(DEFINITIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*there is no environment 'LIVE'; write one of TEST, PRE, RELEASE"]
    )


def test_definitions_that_cannot_be_served_are_told_without_a_traceback(
    project: pytest.Pytester,
) -> None:
    def broken(folder: Path) -> None:
        (folder / "definitions" / "weather" / "get-status.yaml").write_text("name: GetStatus\n")

    result = project.runpytest(f"--apigateway-definitions={copied(project.path / 'p', broken)}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the definitions cannot be served:", "*get-status.yaml:1:1: *"])
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_a_project_without_definitions_is_told_how_to_name_them(project: pytest.Pytester) -> None:
    result = project.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no folder */definitions: name the one of *"])


def test_a_project_that_does_not_use_it_loads_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    loaded = [name for name in sys.modules if name.startswith('apigateway')]\n"
        "    assert sorted(loaded) == ['apigateway', 'apigateway.testing', "
        "'apigateway.testing.plugin']\n"
        "    assert 'mitmproxy' not in sys.modules\n"
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_time_begins_with_a_minute_whenever_a_test_is_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import time\n"
        "def test_it(apigateway):\n"
        "    assert apigateway.now_ms % 60_000 == 0\n"
        "    assert 0 <= time.time() * 1000 - apigateway.now_ms < 120_000\n"
    )
    pytester.runpytest(DEFINITIONS).assert_outcomes(passed=1)


def test_what_it_imports_warns_nobody(project: pytest.Pytester) -> None:
    # Not by the plug-in of anyio, which is here by chance and has its own.
    result = project.runpytest_subprocess(DEFINITIONS, "-W", "error", "-p", "no:anyio")
    result.assert_outcomes(passed=1, warnings=0)
