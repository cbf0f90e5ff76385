"""Rehearsals of whatever comes: what is counted adds up, names mean one cause, a page holds what
it was given as text and as nothing else.
"""

import re
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.rehearsal.pages import Page
from unit.rehearsal.rehearsed import anonymous, days, forecast, of, rehearsed
from unit.replay.test_differences import ANSWERED, REFUSED

from apigateway.errors import Fault
from apigateway.rehearsal.causes import accepts, cause_of, distinct, given_names
from apigateway.rehearsal.page import page_of
from apigateway.rehearsal.rehearsal import Example, Report
from apigateway.rehearsal.report import Title
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Kind, differences
from apigateway.replay.outcome import Outcome

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "</pre></details></style>",
    "&lt;&#60;",
    "{{ 7 * 7 }}{% for %}",
    "<!--",
    "\x00\x1b[31m\u202e",
    "\udcff",
]

texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
words = st.text("abcAB-_. /,:中", min_size=1, max_size=12)


@st.composite
def refusals(draw: st.DrawFn) -> Outcome:
    fault = draw(st.sampled_from(Fault))
    subject = draw(st.one_of(st.just(""), words))
    message = fault.value.message.format_map(Filled({"name": subject}, draw(words)))
    return replace(
        REFUSED,
        api=draw(st.sampled_from(["", "g/A", "g/B"])),
        fault=fault.name,
        code=fault.value.code,
        subject=subject,
        message=message,
    )


class Filled(dict[str, str]):
    """The gaps of a message, all others with one text."""

    def __init__(self, known: dict[str, str], other: str) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, name: str) -> str:
        return self._other


outcomes = st.one_of(refusals(), st.just(ANSWERED), st.just(replace(ANSWERED, status=404)))


@given(st.lists(st.tuples(outcomes, outcomes), max_size=12))
def test_causes_have_names_that_can_be_typed_and_mean_one_cause_each(
    pairs: list[tuple[Outcome, Outcome]],
) -> None:
    found = [cause_of(one, *pair) for pair in pairs for one in differences(*pair)]
    causes = list(distinct(found).values())
    assert len({cause.full_name for cause in causes}) == len(causes) == len(set(found))
    typed = given_names(causes)
    for cause in causes:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,70}", cause.name)
        meant = [other for other in causes if accepts(typed(cause), other, causes)]
        assert meant == [cause]


@given(st.permutations(range(6)))
def test_names_do_not_depend_on_the_order_in_which_causes_are_met(order: list[int]) -> None:
    made = [replace(REFUSED, message=f"Invalid parameter days {text}") for text in "abcabc"]
    causes = [
        cause_of(one, ANSWERED, after) for after in made for one in differences(ANSWERED, after)
    ]
    assert distinct(causes[at] for at in order) == distinct(causes)


calls = st.lists(
    st.one_of(
        st.integers(1, 20).map(days),
        st.just(anonymous()),
        st.just(anonymous("/nothing")),
        st.just(anonymous(lacks="cut")),
    ),
    max_size=12,
)


@settings(deadline=None)  # a machine that is busy makes it late
@given(calls, st.integers(1, 16), st.integers(1, 16), st.integers(1, 3))
def test_what_is_counted_adds_up_and_the_calls_are_exactly_those_that_differ(
    captured: list[CapturedCall], live: int, candidate: int, examples: int
) -> None:
    report = rehearsed(of(forecast(live), forecast(candidate)), captured, examples=examples)
    counted = report.same + report.differing + report.reworded + report.not_touched
    assert counted + len(report.not_judged) == report.calls == len(captured)
    of_causes: Counter[int] = Counter()
    for group in report.groups:
        assert len(group.examples) == min(examples, len(group.calls))
        assert sum(group.callers.values()) == len(group.calls)
        of_causes.update(number for number, _ in group.calls)
    assert len(of_causes) == report.differing + report.reworded
    seen: set[str] = set()
    for number, call in enumerate(captured, 1):
        nonce = call.request.headers.first("X-Ca-Nonce") or ""
        asked = re.search(r"days=(\d+)", call.request.target)
        value = int(asked[1]) if asked and nonce not in seen else 0
        seen.add(nonce)
        differs = value > min(live, candidate) and live != candidate
        assert (number in of_causes) == differs, (value, live, candidate)


def with_texts(report: Report, text: str) -> Report:
    """The report with a text in every place that a caller or a provider writes."""
    (group,) = report.breaking
    group.cause = replace(group.cause, api=text, words=text, name=text)
    group.callers = Counter({text or "x": 2})
    group.examples = [
        (_with_text(example, text), replace(found, what=text, before=text, after=text))
        for example, found in group.examples
    ]
    report.not_judged = [(1, text)]
    report.by_api = {text: [2, 1]}
    report.sides = replace(report.sides, changed=(text,), removed=(text,))
    return report


def _with_text(example: Example, text: str) -> Example:
    found = tuple(
        replace(one, kind=Kind.STATUS, what=text, before=text, after=text) for one in example.found
    )
    verdict = {**example.after["verdict"], "message": text, "detail": text}
    trail = {**example.after, "verdict": verdict, "request_id": text}
    return replace(
        example,
        line=f"GET {text}",
        app=text or "x",
        request_id=text or "x",
        found=found,
        after=trail,
    )


def a_report() -> Report:
    return rehearsed(of(forecast(14), forecast(7)), [days(8)])


def without_trails(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    """How many lines a trail has depends on its texts."""
    return [tag for tag in page.tags if tag != ("span", ("class",))]


@settings(deadline=None)
@given(texts)
def test_a_page_holds_any_text_as_text(text: str) -> None:
    written = page_of(with_texts(a_report(), text), Title(capture=text, candidate=text))
    plain = page_of(with_texts(a_report(), "x"), Title(capture="x", candidate="x"))
    page = Page(written.encode("utf-8", "backslashreplace").decode("utf-8"))
    assert without_trails(page) == without_trails(Page(plain))
    assert not page.open
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if shown.strip() and "\x00" not in shown and "\r" not in shown:
        read = "".join(page.texts)
        assert read.count(shown) >= 8, read
