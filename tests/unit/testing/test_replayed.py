"""What a test that fails shows of a capture."""

from dataclasses import replace
from pathlib import Path

from unit.testing.samples import a_gateway, captured, copied, narrowed, refused, save

from apigateway.errors import Fault
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Kind
from apigateway.testing.loading import load
from apigateway.testing.replayed import Replayed


def replayed(tmp_path: Path, *calls: CapturedCall) -> Replayed:
    """With a definition that was narrowed since."""
    save(tmp_path / "c" / "yesterday.mitm", *calls)
    loaded = load(copied(tmp_path / "p", narrowed), None)
    return a_gateway(tmp_path / "c", loaded=loaded).replay("yesterday.mitm")


def forecast(days: int | str, at: int) -> CapturedCall:
    return captured(f"/forecast/hangzhou?days={days}", after_ms=at)


def test_calls_that_end_otherwise_are_reported_by_cause_with_the_stages_of_the_first(
    tmp_path: Path,
) -> None:
    found = replayed(tmp_path, forecast(3, 0), forecast(9, 1), forecast(7, 2), forecast(14, 3))
    assert not found.as_before
    assert [call.number for call in found.changed] == [2, 4]
    assert {one.kind for call in found.changed for one in call.differences} == {Kind.NOW_REFUSED}
    lines = found.report.splitlines()
    assert lines[:8] == [
        "yesterday.mitm: 2 of 4 calls end otherwise than before",
        "",
        "2 calls of weather/GetForecast: now refused (INVALID_PARAMETER days)",
        "  before  200",
        "  after   400 I400IP Invalid parameter days is greater than 7",
        "  #2 GET http://api.weather.localhost/forecast/hangzhou?days=9",
        "  #4 GET http://api.weather.localhost/forecast/hangzhou?days=14",
        "  what becomes of #2 now:",
    ]
    assert lines[8].startswith("    refused by Validation: 400 I400IP")
    assert repr(found) == f"<{lines[0]}>"


def test_many_calls_of_one_cause_are_told_by_number(tmp_path: Path) -> None:
    found = replayed(tmp_path, *(forecast(9, number) for number in range(8)))
    assert "  and #6, #7, #8" in found.report.splitlines()


def test_one_call_ends_otherwise(tmp_path: Path) -> None:
    found = replayed(tmp_path, forecast(9, 0))
    assert found.report.startswith("yesterday.mitm: 1 of 1 calls ends otherwise than before\n")
    assert "1 call of weather/GetForecast: now refused" in found.report


def test_nothing_that_is_secret_is_in_a_report(tmp_path: Path) -> None:
    token = "a-token-of-more-than-sixteen"
    found = replayed(tmp_path, forecast(f"9&token={token}&appcode=TheAppCode-0123456789", 0))
    assert "token=a-to" in found.report
    assert token not in found.report
    assert "TheAppCode-0123456789" not in found.report


def test_what_was_not_compared_is_said(tmp_path: Path) -> None:
    found = replayed(tmp_path, captured(), replace(captured(after_ms=1), answer=None))
    assert found.as_before
    assert found.not_compared == ((2, "the capture has no answer"),)
    assert found.report.splitlines() == [
        "yesterday.mitm: all of 2 calls end as they did",
        "",
        "#2 was not compared: the capture has no answer",
    ]


def test_of_many_causes_the_first_are_told(tmp_path: Path) -> None:
    faults = {fault.value.code: fault.value for fault in Fault if fault.value.code[0] in "AI"}
    was_refused = [
        refused(captured(after_ms=at), text.status, code, text.message)
        for at, (code, text) in enumerate([*faults.items()][:12])
    ]
    found = replayed(tmp_path, *was_refused)
    assert len(found.changed) == 12
    assert found.report.count("  before  ") == 10
    assert found.report.count("what becomes of") == 2
    assert found.report.endswith("\nand 2 more causes")
