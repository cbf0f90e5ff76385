"""What a rehearsal found, as JSON data, and the phrases that text and page have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apigateway.rehearsal.rehearsal import Example, Group, Report
from apigateway.replay.differences import Difference, Kind

_NAMED_APPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What was rehearsed: a capture, and a candidate (`the drafts`, `version V`). Only a release
    can be told to accept a cause: a switch asks for none."""

    capture: str
    candidate: str
    is_release: bool = True

    def against(self, report: Report) -> str:
        return f"what is live in {report.sides.environment} against {self.candidate}"


def number_of(count: int, noun: str) -> str:
    """`1 call`, `1,200 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def calls_phrase(group: Group) -> str:
    """`14 calls of 3 apps, now refused`; the kind is told where the words do not have it."""
    apps = len(group.callers) - ("" in group.callers)
    phrase = number_of(len(group.calls), "call")
    if apps:
        phrase += f" of {number_of(apps, 'app')}"
        if "" in group.callers:
            phrase += " and of others"
    return f"{phrase}, now refused" if group.cause.kind is Kind.NOW_REFUSED else phrase


def apps_phrase(group: Group) -> str:
    """`demo 10, phone 3`: the apps with the most calls; "" where none is known."""
    named = [(app, count) for app, count in group.callers.most_common() if app]
    if len(named) == len(group.callers) == 1:
        return named[0][0]
    told = [f"{app} {count:,}" for app, count in named[:_NAMED_APPS]]
    if len(named) > _NAMED_APPS:
        told.append(f"{len(named) - _NAMED_APPS:,} more")
    return ", ".join(told)


def change_phrase(group: Group) -> tuple[str, str, bool]:
    """Before, after, and whether all examples are alike in it."""
    _, first = group.examples[0]
    alike = all((one.before, one.after) == (first.before, first.after) for _, one in group.examples)
    return first.before or "nothing", first.after or "nothing", alike


def sums(report: Report) -> str:
    """`1,000 calls: 614 the same, 14 otherwise (1 cause), 372 not touched`."""
    parts = [f"{report.same:,} the same"]
    causes = f" ({number_of(len(report.breaking), 'cause')})" if report.breaking else ""
    parts.append(f"{report.differing:,} otherwise{causes}")
    if report.reworded:
        parts.append(f"{report.reworded:,} refused in other words")
    if report.not_touched:
        parts.append(f"{report.not_touched:,} not touched")
    if report.not_judged:
        parts.append(f"{len(report.not_judged):,} not judged")
    return f"{number_of(report.calls, 'call')}: {', '.join(parts)}"


def by_api(report: Report) -> list[tuple[str, int, int]]:
    """Each API that is touched, with its calls and how many of them end otherwise; those with most
    of these first."""
    found = [(api, calls, differing) for api, (calls, differing) in report.by_api.items()]
    return sorted(found, key=lambda one: (-one[2], -one[1], one[0]))


def report_to_json(report: Report, title: Title) -> dict[str, Any]:
    sides = report.sides
    return {
        "capture": title.capture,
        "environment": sides.environment.value,
        "candidate": title.candidate,
        "changed": list(sides.changed),
        "removed": list(sides.removed),
        "calls": report.calls,
        "same": report.same,
        "differing": report.differing,
        "reworded": report.reworded,
        "not_touched": report.not_touched,
        "not_judged": [{"number": number, "why": why} for number, why in report.not_judged],
        "apis": [
            {"api": api, "calls": calls, "differing": differing}
            for api, calls, differing in by_api(report)
        ],
        "causes": [_plain_group(group) for group in report.groups],
    }


def _plain_group(group: Group) -> dict[str, Any]:
    cause = group.cause
    return {
        "name": cause.name,
        "full_name": cause.full_name,
        "api": cause.api or None,
        "kind": cause.kind.value,
        "words": cause.words,
        "breaks_nobody": cause.breaks_nobody,
        "apps": {app or "": count for app, count in group.callers.most_common()},
        "calls": [
            {"number": number, "request_id": request_id} for number, request_id in group.calls
        ],
        "examples": [_plain_example(example, found) for example, found in group.examples],
    }


def _plain_example(example: Example, found: Difference) -> dict[str, Any]:
    return {
        "number": example.number,
        "request_id": example.request_id,
        "call": example.line,
        "app": example.app or None,
        "before": found.before,
        "after": found.after,
        "differences": _plain_differences(example.found),
    }


def _plain_differences(found: Sequence[Difference]) -> list[dict[str, str]]:
    return [
        {"kind": one.kind.value, "what": one.what, "before": one.before, "after": one.after}
        for one in found
    ]
