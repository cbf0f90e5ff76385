"""`apigateway diff`: drafts against what is released."""

import contextlib
import io
import json
import sqlite3
from pathlib import Path

import pytest
from unit.commands.released_samples import FIRST, Samples

from apigateway.commands.diff import console_of_lines, print_changes, visible
from apigateway.lifecycle.compare import FieldChange
from apigateway.model.group import Environment


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path)


def test_without_a_difference_it_says_so_and_is_0(samples: Samples) -> None:
    samples.release()
    done = samples.run("diff")
    assert (done.exit_code, done.output) == (0, "RELEASE: 11 as released\n")


def test_each_field_is_shown_with_both_values_and_it_is_3(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-forecast", "maximum: 14", "maximum: 7")
    samples.edit("weather/get-forecast", "constants:", "method: POST\n  constants:")
    samples.edit("weather/get-status", '\'{"status":"ok"}\'', "ok")
    done = samples.run("diff")
    assert done.exit_code == 3
    assert done.output.splitlines() == [
        f"weather/GetForecast  changed since version {FIRST}, released 2023-11-14 22:13:20 UTC "
        "by ann",
        "  ~ request.parameters[days in query].maximum: 14 -> 7",
        '  + backend.method: "POST"',
        f"weather/GetStatus  changed since version {FIRST}, released 2023-11-14 22:13:20 UTC "
        "by ann",
        '  ~ backend.body: "{\\"status\\":\\"ok\\"}" -> "ok"',
        "RELEASE: 2 changed, 9 as released",
    ]


def test_apis_that_are_new_or_gone_are_told(samples: Samples) -> None:
    samples.release()
    definitions = samples.root / "definitions"
    (definitions / "weather/get-status.yaml").rename(definitions / "weather/get-state.yaml")
    samples.edit("weather/get-state", "name: GetStatus", "name: GetState")
    done = samples.run("diff")
    assert done.exit_code == 3
    assert done.output.splitlines() == [
        "weather/GetState  not released: GET /status",
        f"weather/GetStatus  not declared any more, and so not served: version {FIRST}, released "
        "2023-11-14 22:13:20 UTC by ann",
        "RELEASE: 1 not released, 1 not declared any more, 10 as released",
    ]
    one = samples.run("diff", "--api", "weather/GetStatus")
    assert one.output.splitlines()[-1] == "RELEASE: 1 not declared any more"


def test_a_release_of_a_later_version_is_compared_as_written(samples: Samples) -> None:
    samples.release()
    with sqlite3.connect(samples.root / "state/gateway.db") as database:
        database.execute(
            "UPDATE releases SET document = json_set(document, '$.later', 1)"
            " WHERE api_name = 'GetStatus'"
        )
    done = samples.run("diff", "--api", "GetStatus")
    assert done.exit_code == 3
    assert "compared as written with version" in done.output
    assert "  - later: 1" in done.output


def test_an_environment_has_releases_of_its_own(samples: Samples) -> None:
    samples.release("GetStatus", environment=Environment.TEST)
    assert samples.run("diff", "test", "--api", "GetStatus").exit_code == 0
    done = samples.run("diff", "pre", "--api", "weather", "--api", "LogIn")
    assert done.exit_code == 3
    assert done.output.splitlines()[-1] == "PRE: 7 not released"


def test_json_is_for_programs(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-forecast", "maximum: 14", "")
    done = samples.run("diff", "--json")
    assert done.exit_code == 3
    found = {one["api"]: one for one in json.loads(done.output)}
    assert len(found) == 11
    assert found["GetForecast"] == {
        "group": "weather",
        "api": "GetForecast",
        "state": "changed",
        "version": FIRST,
        "changes": [
            {
                "field": "request.parameters[days in query].maximum",
                "path": ["request", "parameters", "days in query", "maximum"],
                "before": 14,
            }
        ],
    }
    assert found["GetStatus"]["state"] == "same"


def test_a_name_that_means_nothing_is_told(samples: Samples) -> None:
    done = samples.run("diff", "--api", "GetForcast")
    assert done.exit_code == 2
    assert 'did you mean "GetForecast"?' in done.output
    assert samples.run("diff", "live").exit_code == 2


class Screen(io.StringIO):
    """Standard output, a terminal or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def shown(change: FieldChange, is_terminal: bool = False) -> str:
    screen = Screen(is_terminal)
    with contextlib.redirect_stdout(screen):
        print_changes(console_of_lines(), [change])
    return screen.getvalue()


def test_long_values_have_lines_of_their_own_and_none_is_cut() -> None:
    long = FieldChange(path=("description",), before="a" * 90, after="b" * 90)
    assert shown(long).splitlines() == [
        "  ~ description: ",
        f'      - "{"a" * 90}"',
        f'      + "{"b" * 90}"',
    ]


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    change = FieldChange(path=("description",), before="a", after="b")
    assert "\x1b[31m" in shown(change, is_terminal=True)
    assert "\x1b[" not in shown(change)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in shown(change, is_terminal=True)


def test_what_could_steer_a_terminal_is_shown_as_text() -> None:
    assert visible("a\x1b[31m\u202eb") == "a\\x1b[31m\\u202eb"
    assert "\x9b" not in shown(FieldChange(path=("x\x9b",), after="\x9b[bold]"))
    assert "[bold]" in shown(FieldChange(path=("x",), after="[bold]"))
