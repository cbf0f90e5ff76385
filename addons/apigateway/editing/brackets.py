"""Changes inside `[a, b]` and `{a: b}`: commas, and items that stand on lines of their own."""

import re
from typing import Any

from apigateway.editing.alignment import GONE, Step, steps_of_items, steps_of_keys
from apigateway.editing.patches import Patches
from apigateway.editing.rendering import inline, pair, same
from apigateway.editing.spans import Span, end_of_line, start_of_line

_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\n]*|\r?)(?:\n|\Z)")


def revise_brackets(patches: Patches, span: Span, data: Any) -> None:
    """Make the list or mapping at `span` hold `data`, a value of the same kind."""
    if same(span.data, data):
        return
    if isinstance(data, dict):
        steps = steps_of_keys([key.data for key in span.keys], data)
    else:
        steps = steps_of_items(span.data, data)
    _Brackets(patches, span, data).revise(steps)


def replace_inline(patches: Patches, value: Span, data: Any, *, inside: bool = True) -> None:
    """`data` on one line in the place of a value, in quotes if that was. `inside`: of brackets."""
    blank = "" if patches.text[value.start - 1 : value.start] in (" ", "\t", "[", "{") else " "
    shown = inline(data, quotes=quotes_of(value), inside=inside)
    patches.put(value.start, value.end, blank + shown)


def quotes_of(value: Span) -> str:
    return value.style if value.style in ('"', "'") else ""


class _Brackets:
    def __init__(self, patches: Patches, span: Span, data: Any) -> None:
        self._patches = patches
        self._text = patches.text
        self._span = span
        self._data = data
        self._starts = [part.start for part in span.keys or span.values]
        self._ends = [value.end for value in span.values]

    def revise(self, steps: list[Step]) -> None:
        kept = [old for old, new in steps if old is not None and new is not GONE]
        if not kept:
            self._patches.put(self._span.start, self._span.end, inline(self._data))
            return
        added: list[Any] = []
        removed: list[int] = []
        last: int | None = None
        for old, new in steps:
            if old is None:
                added.append(new)
            elif new is GONE:
                removed.append(old)
            else:
                self._between(added, removed, after=last, before=old)
                self._change(self._span.values[old], self._data[new])
                last = old
        self._between(added, removed, after=last, before=kept[0])

    def _between(
        self, added: list[Any], removed: list[int], *, after: int | None, before: int
    ) -> None:
        """What comes and goes between two items that stay."""
        if removed:
            self._remove(removed[0], removed[-1])
        if added:
            self._add([self._shown(key) for key in added], after=after, before=before)
        added.clear()
        removed.clear()

    def _change(self, value: Span, data: Any) -> None:
        if value.flow and value.data and isinstance(data, type(value.data)):
            revise_brackets(self._patches, value, data)
        elif not same(value.data, data):
            replace_inline(self._patches, value, data)

    def _shown(self, key: Any) -> str:
        value = self._data[key]
        if self._span.keys:
            return pair(key, value)
        return inline(value, quotes=quotes_of(self._span.values[-1]))

    def _remove(self, first: int, last: int) -> None:
        comma = self._comma_after(last)
        behind = self._ends[last] if comma is None else comma + 1
        if self._begins_a_line(first) and _REST_OF_LINE.match(self._text, behind):
            start = start_of_line(self._text, self._starts[first])
            self._patches.put(start, end_of_line(self._text, behind), "")
        elif first > 0:
            self._patches.put(self._ends[first - 1], self._ends[last], "")
        else:
            self._patches.put(self._starts[0], self._starts[last + 1], "")

    def _add(self, shown: list[str], *, after: int | None, before: int) -> None:
        """Behind the item `after`, or, with None, in front of the item `before`."""
        neighbour = before if after is None else after
        if not self._has_own_line(neighbour):
            if after is None:
                place = self._starts[before]
                self._patches.put(place, place, "".join(f"{one}, " for one in shown))
            else:
                place = self._ends[after]
                self._patches.put(place, place, "".join(f", {one}" for one in shown))
            return
        begin = start_of_line(self._text, self._starts[neighbour])
        margin = self._text[begin : self._starts[neighbour]]
        lines = [f"{margin}{one}," for one in shown]
        if after is None:
            self._patches.put_lines(begin, lines)
            return
        comma = self._comma_after(after)
        if comma is None:
            self._patches.put(self._ends[after], self._ends[after], ",")
            lines[-1] = lines[-1].removesuffix(",")
        place = self._ends[after] if comma is None else comma
        self._patches.put_lines(end_of_line(self._text, place), lines)

    def _begins_a_line(self, index: int) -> bool:
        start = self._starts[index]
        return not self._text[start_of_line(self._text, start) : start].strip()

    def _has_own_line(self, index: int) -> bool:
        comma = self._comma_after(index)
        behind = self._ends[index] if comma is None else comma + 1
        return self._begins_a_line(index) and bool(_REST_OF_LINE.match(self._text, behind))

    def _comma_after(self, index: int) -> int | None:
        """Where the comma behind an item stands; blanks, line breaks and comments lie between."""
        place = self._ends[index]
        while place < self._span.end:
            sign = self._text[place]
            if sign == ",":
                return place
            if sign == "#":
                place = end_of_line(self._text, place)
            elif sign.isspace():
                place += 1
            else:
                return None
        return None
