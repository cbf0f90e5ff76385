"""Captured calls through what is live and what would be: which are told, and by which cause."""

from dataclasses import replace

import pytest
from unit.build import APP, NOW_MS, a_catalog, an_api, serve
from unit.rehearsal.rehearsed import (
    anonymous,
    days,
    forecast,
    numbers,
    of,
    rehearsed,
    sides,
)
from unit.replay.calls import a_call, a_request, an_answer, of_the_edge

from apigateway.model.api import Constant, HttpBackend, Location, MockBackend
from apigateway.model.policy import ThrottlingPolicy
from apigateway.model.windows import WindowUnit
from apigateway.rehearsal import rehearsal as module
from apigateway.replay.offline import OfflineChain


def test_a_narrower_parameter_is_told_with_exactly_the_calls_that_it_breaks() -> None:
    calls = [days(number) for number in range(1, 18)]
    report = rehearsed(of(forecast(14), forecast(7)), calls)
    assert numbers(report) == {
        "days-greater-than-7": [8, 9, 10, 11, 12, 13, 14],
        "reworded-days-greater-than-7": [15, 16, 17],
    }
    assert (report.calls, report.same, report.differing, report.reworded) == (17, 7, 7, 3)
    assert report.by_api == {"weather/GetForecast": [17, 7]}
    (group,) = report.breaking
    assert group.cause.words == "parameter days: is greater than 7"
    assert group.callers == {APP.name: 7}
    example, found = group.examples[0]
    assert (example.number, example.line, example.app) == (8, "GET /forecast?days=8", "phone")
    assert (found.before, found.after) == (
        "200",
        "400 I400IP Invalid parameter days is greater than 7",
    )
    assert example.before["verdict"]["served"]
    assert example.after["verdict"]["by"] == "Validation"


def test_a_wider_parameter_is_told_with_the_calls_that_pass_now() -> None:
    report = rehearsed(of(forecast(7), forecast(14)), [days(number) for number in (7, 8, 15)])
    assert numbers(report) == {
        "no-longer-days-greater-than-7": [2],
        "reworded-days-greater-than-14": [3],
    }


def test_a_removed_api_is_told() -> None:
    report = rehearsed(of(an_api(), None), [anonymous(), anonymous("/nothing")])
    assert numbers(report) == {"api-not-found": [1]}
    (group,) = report.groups
    assert group.cause.api == "weather/GetForecast"
    assert group.callers == {"": 1}
    assert (report.same, report.by_api) == (1, {"weather/GetForecast": [1, 1]})


def test_another_backend_address_is_told_with_every_call_that_goes_there() -> None:
    live = an_api()
    other = HttpBackend(scheme="http", host="other.test", port=9000, path="/v3/forecast")
    report = rehearsed(of(live, an_api(backend=other)), [anonymous(), anonymous("/nothing")])
    assert numbers(report) == {"backend-address": [1]}
    ((_, found),) = report.groups[0].examples
    assert (found.before, found.after) == ("http://backend.test:9000", "http://other.test:9000")


def test_another_header_at_the_backend_is_told() -> None:
    def sending(value: str) -> Constant:
        return Constant(name="X-Source", location=Location.HEADER, value=value)

    live, candidate = (an_api(constants=(sending(value),)) for value in ("a", "b"))
    report = rehearsed(of(live, candidate), [anonymous()])
    assert numbers(report) == {"backend-header-x-source": [1]}


def test_a_call_that_differs_in_several_things_is_told_for_each_and_counted_once() -> None:
    other = HttpBackend(scheme="http", host="other.test", port=9000, path="/v4")
    report = rehearsed(of(an_api(), an_api(backend=other)), [anonymous(), anonymous()])
    assert numbers(report) == {"backend-address": [1, 2], "backend-path": [1, 2]}
    assert (report.differing, report.same) == (2, 0)
    (one, _), (other_one, _) = (group.examples[0] for group in report.groups)
    assert one is other_one


def test_what_a_mock_answers_is_told() -> None:
    live, candidate = (an_api(backend=MockBackend(body=text)) for text in ("a", "b"))
    assert numbers(rehearsed(of(live, candidate), [anonymous()])) == {"answer-body": [1]}


def test_where_nothing_changes_every_call_ends_the_same() -> None:
    calls = [days(1), days(15), anonymous(), anonymous("/nothing")]
    report = rehearsed(of(forecast(), forecast()), calls)
    assert (report.same, report.differing, report.groups) == (4, 0, [])


def test_calls_that_the_candidate_does_not_touch_are_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = sides(a_catalog(serve(forecast(14))), a_catalog(), touched=frozenset())
    monkeypatch.delattr(OfflineChain, "run")
    report = rehearsed(two, [days(1), days(2)])
    assert (report.not_touched, report.same, report.by_api) == (2, 0, {})


def test_a_call_that_is_not_whole_is_not_judged_and_one_of_the_edge_not_touched() -> None:
    refused = a_call(edge=of_the_edge())
    lacking = anonymous(lacks="its body is not in the capture")
    report = rehearsed(of(an_api(), None), [refused, lacking])
    assert report.not_judged == [(2, "its body is not in the capture")]
    assert (report.calls, report.not_touched, report.differing) == (2, 1, 0)


def test_limits_count_on_each_side_for_itself() -> None:
    """The calls that are refused before they are counted leave room for others."""
    policy = ThrottlingPolicy(id="p", name="two", region="r", unit=WindowUnit.MINUTE, api=2)
    open_one, signed = (
        a_catalog(serve(api, throttling=policy)) for api in (an_api(), forecast(14))
    )
    calls = [anonymous(), anonymous(), days(1), days(2)]
    report = rehearsed(sides(open_one, signed), calls)
    assert numbers(report) == {
        "X-Ca-Key-required": [1, 2],
        "no-longer-throttled-by-api": [3, 4],
    }


def test_nonces_that_were_used_twice_are_refused_on_both_sides() -> None:
    report = rehearsed(of(forecast(14), forecast(7)), [days(8), days(8)])
    assert numbers(report) == {"days-greater-than-7": [1]}
    assert report.same == 1


def test_only_so_many_calls_of_a_cause_are_kept_as_examples() -> None:
    calls = [anonymous() for _ in range(9)]
    report = rehearsed(of(an_api(), None), calls, examples=2)
    (group,) = report.groups
    assert len(group.calls) == 9
    assert [example.number for example, _ in group.examples] == [1, 2]


def test_of_very_many_causes_one_call_each_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WITH_EXAMPLES", 1)
    other = HttpBackend(scheme="http", host="other.test", port=9000, path="/v4")
    report = rehearsed(of(an_api(), an_api(backend=other)), [anonymous(), anonymous()])
    assert [len(group.examples) for group in report.groups] == [1, 1]
    assert [len(group.calls) for group in report.groups] == [2, 2]


def test_a_call_without_a_request_id_has_one_and_the_same_on_both_sides() -> None:
    call = anonymous(answer=replace(an_answer(), headers=()))
    report = rehearsed(of(an_api(), None), [call])
    ((example, _),) = report.groups[0].examples
    assert example.request_id == ""
    assert example.before["request_id"] == example.after["request_id"] != ""


def test_new_refusals_come_first_then_the_cause_of_most_calls() -> None:
    other = HttpBackend(scheme="http", host="other.test", port=9000, path="/v3/forecast")
    calls = [days(number) for number in (1, 2, 3, 14, 15)]
    report = rehearsed(of(forecast(14), forecast(7, backend=other)), calls)
    assert list(numbers(report)) == [
        "days-greater-than-7",
        "backend-address",
        "reworded-days-greater-than-7",
    ]


def test_a_call_is_judged_at_its_own_time() -> None:
    late = a_call(days(8).request, received_ms=NOW_MS + 86_400_000)
    report = rehearsed(of(forecast(14), forecast(7)), [days(8), late])
    assert numbers(report) == {"days-greater-than-7": [1]}


def test_a_preflight_to_an_api_that_is_gone_is_told() -> None:
    fields = [("Origin", "https://page.test"), ("Access-Control-Request-Method", "GET")]
    preflight = a_call(a_request("/forecast", fields, method="OPTIONS"))
    assert rehearsed(of(an_api(), None), [preflight]).not_touched == 0
