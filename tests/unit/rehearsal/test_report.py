"""What a rehearsal found, as JSON data and in phrases."""

import json
from collections import Counter

import pytest
from unit.build import REQUEST_ID
from unit.rehearsal.rehearsed import anonymous, days, forecast, of, rehearsed
from unit.replay.calls import a_call, of_the_edge

from apigateway.rehearsal.rehearsal import Group, Report
from apigateway.rehearsal.report import (
    Title,
    apps_phrase,
    by_api,
    calls_phrase,
    change_phrase,
    number_of,
    report_to_json,
    sums,
)

TITLE = Title(capture="calls.mitm", candidate="the drafts")


@pytest.fixture
def report() -> Report:
    calls = [days(number) for number in (1, 8, 14, 15)]
    calls += [a_call(edge=of_the_edge()), anonymous(lacks="cut")]
    return rehearsed(of(forecast(14), forecast(7)), calls)


def test_the_document_has_every_call_of_every_cause(report: Report) -> None:
    document = report_to_json(report, TITLE)
    assert document == json.loads(json.dumps(document))
    counted = ("calls", "same", "differing", "reworded", "not_touched")
    assert [document[name] for name in counted] == [6, 1, 2, 1, 1]
    assert document["not_judged"] == [{"number": 6, "why": "cut"}]
    assert (document["capture"], document["candidate"]) == ("calls.mitm", "the drafts")
    assert document["apis"] == [{"api": "weather/GetForecast", "calls": 4, "differing": 2}]
    cause, reworded = document["causes"]
    assert cause["name"] == "days-greater-than-7"
    assert cause["full_name"] == "weather/GetForecast/days-greater-than-7"
    assert cause["kind"] == "now refused"
    assert cause["apps"] == {"phone": 2}
    assert cause["calls"] == [{"number": number, "request_id": REQUEST_ID} for number in (2, 3)]
    assert cause["examples"][0] == {
        "number": 2,
        "request_id": REQUEST_ID,
        "call": "GET /forecast?days=8",
        "app": "phone",
        "before": "200",
        "after": "400 I400IP Invalid parameter days is greater than 7",
        "differences": [
            {
                "kind": "now refused",
                "what": "INVALID_PARAMETER days",
                "before": "200",
                "after": "400 I400IP Invalid parameter days is greater than 7",
            }
        ],
    }
    assert (cause["breaks_nobody"], reworded["breaks_nobody"]) == (False, True)


def test_the_sums_leave_out_what_there_is_none_of(report: Report) -> None:
    assert sums(report) == (
        "6 calls: 1 the same, 2 otherwise (1 cause), 1 refused in other words, "
        "1 not touched, 1 not judged"
    )
    nothing = rehearsed(of(forecast(), forecast()), [days(1)])
    assert sums(nothing) == "1 call: 1 the same, 0 otherwise"


def with_callers(report: Report, **callers: int) -> Group:
    (group,) = report.breaking
    named = {name.strip("_"): count for name, count in callers.items()}
    group.callers = Counter(named)
    group.calls = [(number, "") for number in range(sum(named.values()))]
    return group


def test_a_cause_tells_how_many_calls_of_how_many_apps(report: Report) -> None:
    told = {
        ("14 calls of 3 apps, now refused", "a 10, b 3, c 1"): {"a": 10, "b": 3, "c": 1},
        ("1 call of 1 app, now refused", "a"): {"a": 1},
        ("2 calls, now refused", ""): {"_": 2},
        ("3 calls of 1 app and of others, now refused", "a 1"): {"a": 1, "_": 2},
        ("1,010 calls of 5 apps, now refused", "a 1,000, b 4, c 3, 2 more"): {
            "a": 1000,
            "b": 4,
            "c": 3,
            "d": 2,
            "e": 1,
        },
    }
    for phrases, callers in told.items():
        group = with_callers(report, **callers)
        assert (calls_phrase(group), apps_phrase(group)) == phrases


def test_only_a_new_refusal_is_told_to_be_one() -> None:
    report = rehearsed(of(forecast(7), forecast(14)), [days(8)])
    assert calls_phrase(report.groups[0]) == "1 call of 1 app"


def test_what_changes_is_told_for_all_examples_or_as_one_of_them(report: Report) -> None:
    refused = "400 I400IP Invalid parameter days is greater than 7"
    assert change_phrase(report.breaking[0]) == ("200", refused, True)
    other = rehearsed(of(forecast(backend_path="/a"), forecast(backend_path="/b")), [days(1)])
    assert change_phrase(other.groups[0]) == ("/a", "/b", True)
    (group,) = report.breaking
    (example, found), other_one = group.examples
    group.examples = [(example, other.groups[0].examples[0][1]), other_one]
    assert change_phrase(group) == ("/a", "/b", False)
    assert found.before == "200"


def test_apis_are_told_by_how_many_calls_differ(report: Report) -> None:
    report.by_api = {"a": [5, 0], "b": [1, 1], "c": [9, 0], "d": [4, 1]}
    assert by_api(report) == [("d", 4, 1), ("b", 1, 1), ("c", 9, 0), ("a", 5, 0)]


def test_numbers_are_readable() -> None:
    assert [number_of(count, "call") for count in (0, 1, 1200)] == [
        "0 calls",
        "1 call",
        "1,200 calls",
    ]


def test_a_title_names_both_sides(report: Report) -> None:
    assert TITLE.against(report) == "what is live in RELEASE against the drafts"
