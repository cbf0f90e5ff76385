"""What a rehearsal found, as one HTML page that needs nothing else.

The template escapes whatever it is given; there is no script in the page, and its own policy lets
none run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from apigateway.rehearsal.causes import given_names
from apigateway.rehearsal.rehearsal import Example, Group, Report, Trail
from apigateway.rehearsal.report import (
    Title,
    apps_phrase,
    by_api,
    calls_phrase,
    change_phrase,
    number_of,
    sums,
)
from apigateway.rehearsal.showing import OF_A_VERDICT
from apigateway.replay.differences import Difference
from apigateway.trail.render import render

MOST_CAUSES = 200
MOST_BARS = 12
MOST_NUMBERS = 200
"""Causes, APIs and numbers of further calls that the page shows; it tells how many it does not."""

_WIDTH = 560
_IN_ALL = re.compile(r", \d+\.\d\d ms in all$")
_NAME, _FRONT = 16, 30
"""Columns of a rendered trail: up to the end of a stage's name, and up to what it decided. What a
stage took stands between them; on the page it would only be noise."""

_ENDS = {"\u2713": "passed", "\u2717": "refused", "\u00b7": "idle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Widths in the units of the picture."""

    api: str
    calls: int
    differing: int
    same_width: float
    differing_width: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a trail; `marks` are classes: of its stage's end, and where the other side has no
    such line."""

    text: str
    marks: str


def page_of(report: Report, title: Title) -> str:
    """A whole document."""
    groups = report.groups[:MOST_CAUSES]
    given = given_names(group.cause for group in report.groups)
    bars = by_api(report)
    return _template().render(
        title=title,
        report=report,
        against=title.against(report),
        sums=sums(report),
        tiles=list(_tiles(report)),
        bars=list(_bars(bars[:MOST_BARS])),
        bar_width=_WIDTH,
        more_bars=max(0, len(bars) - MOST_BARS),
        groups=[_group(group, given(group.cause)) for group in groups],
        more_groups=len(report.groups) - len(groups),
        accepts=[f"--accept {given(group.cause)}" for group in report.breaking[:MOST_CAUSES]],
    )


@cache
def _template() -> Template:
    source = files("apigateway.rehearsal").joinpath("page.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _tiles(report: Report) -> Iterator[tuple[str, int, str]]:
    """What is counted, how many, and the class that colours it."""
    yield "calls", report.calls, ""
    yield "end the same", report.same, "same" if report.same else ""
    yield "end otherwise", report.differing, "differs" if report.differing else ""
    if report.reworded:
        yield "refused in other words", report.reworded, ""
    yield "not touched", report.not_touched, ""
    if report.not_judged:
        yield "not judged", len(report.not_judged), ""


def _bars(rows: Sequence[tuple[str, int, int]]) -> Iterator[Bar]:
    most = max((calls for _, calls, _ in rows), default=1)
    for api, calls, differ in rows:
        yield Bar(
            api=api,
            calls=calls,
            differing=differ,
            same_width=_wide(calls - differ, most),
            differing_width=_wide(differ, most),
        )


def _wide(count: int, most: int) -> float:
    """One call in ten thousand is still seen."""
    return 0.0 if not count else max(2.0, round(count / most * _WIDTH, 1))


def _group(group: Group, given: str) -> Mapping[str, Any]:
    before, after, alike = change_phrase(group)
    shown = {example.number for example, _ in group.examples}
    others = [number for number, _ in group.calls if number not in shown]
    return {
        "api": group.cause.api or "no API",
        "words": group.cause.words,
        "accept": given,
        "breaks_nobody": group.cause.breaks_nobody,
        "count": calls_phrase(group),
        "apps": apps_phrase(group),
        "before": before,
        "after": after,
        "alike": alike,
        "calls": [_call(example) for example, _ in group.examples],
        "more": len(others),
        "more_told": number_of(len(others), "more call"),
        "numbers": [f"#{number}" for number in others[:MOST_NUMBERS]],
        "more_numbers": max(0, len(others) - MOST_NUMBERS),
    }


def _call(example: Example) -> Mapping[str, Any]:
    before, after = _rendered(example.before), _rendered(example.after)
    return {
        "number": example.number,
        "request_id": example.request_id,
        "line": example.line,
        "app": example.app,
        "others": len(example.found) - 1,
        "found": [
            {
                "what": _what(one),
                "before": one.before,
                "after": one.after,
            }
            for one in example.found
        ],
        "before": _lines(before, after),
        "after": _lines(after, before),
    }


def _what(one: Difference) -> str:
    """The fault of a refusal stands in the values already."""
    is_told = not one.what or one.kind in OF_A_VERDICT
    return str(one.kind) if is_told else f"{one.kind}: {one.what}"


def _lines(lines: Sequence[str], others: Sequence[str]) -> list[Line]:
    """The marks are of the last stage that was named; `deep` lines go on below what it decided."""
    known, found, end = set(others), [], ""
    for line in lines:
        if line[:1] in _ENDS:
            end = _ENDS[line[0]]
        elif not line.startswith(" "):
            end = ""
        marks = [end] if end else []
        if line[:_NAME].isspace() or line[:1] in _ENDS:
            marks.append("deep")
        if line not in known:
            marks.append("other")
        found.append(Line(line, " ".join(marks)))
    return found


def _rendered(trail: Trail) -> list[str]:
    """Without how long anything took."""
    lines = []
    for line in render(trail):
        if line[:1] in _ENDS or line[:_FRONT].isspace():
            line = f"{line[:_NAME]}  {line[_FRONT:]}".rstrip()
        lines.append(_IN_ALL.sub("", line))
    return lines
