"""What a rehearsal tells of a thousand calls of every kind, captured of a real gateway."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from e2e.captures import Captures

from apigateway.cli import main
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.captured import read_calls

FORECAST = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def folder(thousand: Captures, tmp_path: Path) -> Path:
    """The definitions and the store of the gateway that the calls were captured of."""
    return shutil.copytree(thousand.project, tmp_path / "p")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def rehearsed(captures: Captures, folder: Path, *words: str) -> Any:
    command = ["rehearse", str(captures.flow_file), "--draft", "--json", *words]
    done = CliRunner().invoke(main, [*command, "--definitions", str(folder / "definitions")])
    assert done.exit_code in (0, 3), done.output
    document = json.loads(done.stdout)
    assert done.exit_code == (3 if document["differing"] else 0)
    return document


def numbers(captures: Captures, matters: Callable[[CapturedCall], bool]) -> list[int]:
    calls = in_order(read_calls(captures.flows))
    return [number for number, call in enumerate(calls, 1) if matters(call)]


def served_forecast(call: CapturedCall) -> int:
    """The days that a forecast was given for; 0 for any other call."""
    asked = re.match(r"/forecast/\w+(?:\?days=(\d+))?", call.request.target)
    if asked is None or call.answer is None or call.answer.status != 200:
        return 0
    return int(asked[1] or 3)


def test_what_changes_nothing_differs_in_nothing(thousand: Captures, folder: Path) -> None:
    document = rehearsed(thousand, folder)
    assert document["calls"] >= thousand.sent
    assert document["not_touched"] == document["calls"]
    assert (document["causes"], document["not_judged"]) == ([], [])


def test_a_narrower_parameter_breaks_exactly_the_calls_that_gave_more(
    thousand: Captures, folder: Path
) -> None:
    edit(folder / FORECAST, "maximum: 14", "maximum: 7")
    document = rehearsed(thousand, folder)
    breaking = [cause for cause in document["causes"] if not cause["breaks_nobody"]]
    assert [cause["name"] for cause in breaking] == ["days-greater-than-7"]
    broken = numbers(thousand, lambda call: served_forecast(call) > 7)
    assert [call["number"] for call in breaking[0]["calls"]] == broken
    assert len(broken) == document["differing"] >= 7
    assert breaking[0]["apps"] == {"demo": len(broken)}


def test_another_constant_is_told_for_every_call_that_reaches_the_backend(
    thousand: Captures, folder: Path
) -> None:
    edit(folder / FORECAST, "value: gateway", "value: other")
    document = rehearsed(thousand, folder)
    (cause,) = document["causes"]
    assert cause["name"] == "backend-header-x-source"
    reached = numbers(thousand, lambda call: served_forecast(call) > 0)
    assert [call["number"] for call in cause["calls"]] == reached
    assert {(one["before"], one["after"]) for one in cause["examples"]} == {("gateway", "other")}


def test_a_removed_api_is_told_with_every_call_that_it_served(
    thousand: Captures, folder: Path
) -> None:
    (folder / "definitions/weather/get-status.yaml").unlink()
    document = rehearsed(thousand, folder)
    assert document["removed"] == ["weather/GetStatus"]
    served = numbers(
        thousand,
        lambda call: (
            call.request.path == "/status"
            and call.request.method == "GET"
            and call.answer is not None
            and call.answer.status == 200
        ),
    )
    (gone,) = [one for one in document["causes"] if one["kind"] == "now refused"]
    assert gone["full_name"] == "weather/GetStatus/api-not-found"
    assert [call["number"] for call in gone["calls"]] == served
