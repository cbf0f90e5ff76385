"""The page of a rehearsal: whole, without anything from elsewhere, and readable at any size."""

import pytest
from unit.build import APP, a_catalog, an_api, serve
from unit.rehearsal.pages import Page
from unit.rehearsal.rehearsed import TABLE, anonymous, days, forecast, of, rehearsed, sides

from apigateway.model.api import HttpBackend
from apigateway.rehearsal import page as module
from apigateway.rehearsal.page import page_of
from apigateway.rehearsal.rehearsal import Report
from apigateway.rehearsal.report import Title

TITLE = Title(capture="calls.mitm", candidate="the drafts")


@pytest.fixture
def report() -> Report:
    calls = [days(number) for number in (1, 8, 14, 15)]
    calls.append(anonymous(lacks="its body is not in the capture"))
    return rehearsed(of(forecast(14), forecast(7)), calls)


def test_a_page_tells_sums_causes_calls_and_trails(report: Report) -> None:
    page = Page(page_of(report, TITLE))
    assert not page.open
    for told in (
        "Rehearsal of calls.mitm",
        "What is live in RELEASE against the drafts.",
        "5 calls: 1 the same, 2 otherwise (1 cause), 1 refused in other words, 1 not judged.",
        "The candidate changes weather/GetForecast",
        "parameter days: is greater than 7 in weather/GetForecast",
        "2 calls of 1 app, now refused",
        "200 → 400 I400IP Invalid parameter days is greater than 7",
        "#2 GET /forecast?days=8 phone",
        "✗ Validation I400IP Invalid parameter days is greater than 7",
        "A release accepts it with --accept days-greater-than-7",
        "It breaks nobody and needs no acceptance.",
        "--rehearse CAPTURE --accept days-greater-than-7",
        "#5 its body is not in the capture",
    ):
        assert told in page.text
    assert "served GetForecast: 200" in page.text
    assert "reworded-days" not in page.text


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(report: Report) -> None:
    text = page_of(report, TITLE)
    tags = {tag for tag, _ in Page(text).tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    names = {name for name, _ in Page(text).attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "href"})
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_what_a_stage_took_is_not_on_the_page_and_other_lines_are_marked(report: Report) -> None:
    page = page_of(report, TITLE)
    assert " ms in all" not in page
    assert '<span class="passed deep">✓ Access          http from' in page
    assert '<span class="refused deep other">✗ Validation      I400IP' in page
    assert '<span class="other">served GetForecast: 200</span>' in page


def test_secrets_are_masked(report: Report) -> None:
    secret = "correct-horse-battery"
    calls = [anonymous(f"/forecast?password={secret}")]
    other = HttpBackend(scheme="http", host="other.test", port=9000, path="/v3/forecast")
    found = rehearsed(of(an_api(), an_api(backend=other)), calls)
    assert secret not in page_of(found, TITLE)
    for text in (APP.secret.reveal(), "an-app-code"):
        assert text not in page_of(report, TITLE)


def test_a_page_of_ten_thousand_calls_stays_small_and_says_what_it_leaves_out() -> None:
    report = rehearsed(of(an_api(), None), [anonymous() for _ in range(30)])
    (group,) = report.groups
    group.calls = [(number, "") for number in range(1, 10_001)]
    group.callers.update({"": 9_970})
    text = page_of(report, TITLE)
    assert len(text) < 150_000
    page = Page(text)
    assert page.text.count("#20 GET /forecast") == 1
    assert "#21 GET /forecast" not in page.text
    assert "9,980 more calls of this cause are not shown: #21, #22," in page.text
    assert "#220 and 9,780 more; --json has every number" in page.text


def test_more_causes_and_apis_than_a_page_holds_are_counted(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CAUSES", 1)
    monkeypatch.setattr(module, "MOST_BARS", 1)
    report.by_api = {"a": [2, 1], "b": [1, 0], "c": [1, 1]}
    text = Page(page_of(report, TITLE)).text
    assert "1 more causes are not shown" in text
    assert "2 more APIs are not shown." in text


def test_bars_are_as_wide_as_the_calls_are_many(report: Report) -> None:
    report.by_api = {"a": [100, 50], "b": [25, 25], "c": [10_000, 1]}
    page = Page(page_of(report, TITLE))
    widths = [float(value) for name, value in page.attributes if name == "width"]
    assert widths == [560.0, 2.8, 2.8, 560.0, 2.0, 0.0, 560.0, 2.0, 559.9]
    assert "50 of 100" in page.text


def test_where_nothing_differs_the_page_says_so_and_is_calm() -> None:
    two = sides(
        a_catalog(serve(an_api())),
        a_catalog(serve(an_api())),
        changed=(),
        touched=frozenset({TABLE}),
    )
    text = page_of(rehearsed(two, [anonymous()]), TITLE)
    page = Page(text)
    assert "The candidate changes no API." in page.text
    assert "Causes" not in page.text
    assert 'class="verdict"' in text
    assert "To release nonetheless" not in page.text


def test_a_switch_asks_for_no_acceptance(report: Report) -> None:
    title = Title(capture="calls.mitm", candidate="version 1", is_release=False)
    assert "--accept" not in page_of(report, title)


def test_a_removed_api_is_named(report: Report) -> None:
    two = sides(report.sides.live, report.sides.candidate, removed=("weather/Gone",))
    page = Page(page_of(rehearsed(two, [days(8)]), TITLE))
    assert "Released and not declared any more: weather/Gone" in page.text
