"""What a rehearsal says to a terminal, and what it asks of a release."""

import pytest
from unit.build import NOW_MS, an_api
from unit.rehearsal.rehearsed import anonymous, days, forecast, of, rehearsed

from apigateway.commands.rehearsing import print_report, refusal_of, run
from apigateway.model.api import HttpBackend
from apigateway.rehearsal.causes import Cause
from apigateway.rehearsal.rehearsal import Report
from apigateway.rehearsal.report import Title

TITLE = Title(capture="calls.mitm", candidate="the drafts")
ELSEWHERE = HttpBackend(scheme="http", host="other.test", port=9000, path="/v3/forecast")


@pytest.fixture
def report() -> Report:
    """Two causes, and one that breaks nobody."""
    calls = [days(number) for number in (1, 8, 15)]
    return rehearsed(of(forecast(14), forecast(7, backend=ELSEWHERE)), calls)


def test_a_release_is_made_when_every_cause_is_accepted(report: Report) -> None:
    assert refusal_of(report, ["days-greater-than-7", "backend-address"]) == ""
    full = "weather/GetForecast/days-greater-than-7"
    assert refusal_of(report, [full, "backend-address"]) == ""
    same = rehearsed(of(forecast(), forecast()), [days(1)])
    assert refusal_of(same, []) == ""


def test_a_refusal_says_what_to_type(report: Report) -> None:
    assert refusal_of(report, []).splitlines() == [
        "calls of the capture would end otherwise, and 2 causes are not accepted: "
        "nothing was released",
        "to accept, add: --accept days-greater-than-7 --accept backend-address",
    ]
    assert refusal_of(report, ["backend-address"]).splitlines()[-1] == (
        "to accept, add: --accept days-greater-than-7"
    )


def test_a_name_that_means_nothing_is_told_beside(report: Report) -> None:
    first, *_ = refusal_of(report, ["days-greater-than-8"]).splitlines()
    assert first == "--accept days-greater-than-8: no call differs for that"


def test_a_name_that_means_two_causes_accepts_none(report: Report) -> None:
    (one, other) = report.breaking
    other.cause = Cause(
        api="weather/B", kind=one.cause.kind, words=one.cause.words, name=one.cause.name
    )
    first, *_, last = refusal_of(report, ["days-greater-than-7"]).splitlines()
    names = [f"weather/{api}/days-greater-than-7" for api in ("GetForecast", "B")]
    assert first == f"--accept days-greater-than-7: say which: {', '.join(names)}"
    assert last == f"to accept, add: --accept {names[0]} --accept {names[1]}"


def test_a_report_is_printed_by_cause_with_the_first_calls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = [anonymous() for _ in range(5)]
    print_report(rehearsed(of(an_api(), None), calls), TITLE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "weather/GetForecast  API not found - 5 calls, now refused"
    request_id = "3F0B6A1C-0000-4000-8000-00000000CAFE"
    assert lines[5:8] == [f"  #{number} {request_id}  GET /forecast" for number in (1, 2, 3)]
    assert lines[8] == "  and 2 more"
    assert lines[-1] == "5 calls: 0 the same, 5 otherwise (1 cause)"


def test_what_breaks_nobody_needs_no_acceptance(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(report, TITLE)
    printed = capsys.readouterr().out
    assert "refused in other words: parameter days: is greater than 7 - 1 call" in printed
    assert "--accept reworded" not in printed


def test_a_capture_that_has_no_call_of_what_changes_is_told_of(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(report, TITLE)
    assert capsys.readouterr().err == ""
    cut_off = days(1, lacks="cut off")
    print_report(rehearsed(of(forecast(14), forecast(7)), [cut_off]), TITLE)
    assert capsys.readouterr().err.splitlines() == [
        "#1 was not judged: cut off",
        "no call was taken through both sides: this says nothing of what changes",
    ]


def test_no_escape_of_a_caller_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report = rehearsed(of(an_api(), None), [anonymous("/forecast?a=\x1b[31m")])
    print_report(report, TITLE)
    assert "\x1b[31m" not in capsys.readouterr().out


def test_calls_are_numbered_by_their_time() -> None:
    two = of(forecast(14), forecast(7))
    early = days(1, received_ms=NOW_MS - 5)
    report = run(two, [days(14), early], quiet=True)
    assert [group.calls[0][0] for group in report.groups] == [2]
