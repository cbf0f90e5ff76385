"""A YAML text with other data in it: only what is another changes, in its place.

Every other line stays as it was written, with its comments, quotes, blanks and order. What is
removed takes the comments in and behind its lines with it; those above it stay.
"""

import re
from pathlib import Path
from typing import Any

from apigateway.definition.document import Unreadable, read_document
from apigateway.editing.alignment import GONE, Step, steps_of_items, steps_of_keys
from apigateway.editing.brackets import quotes_of, replace_inline, revise_brackets
from apigateway.editing.patches import Patches
from apigateway.editing.rendering import entry, inline, is_short, item, lines, same, text_block
from apigateway.editing.spans import Span, Unsuited, end_of_line, spans_of, start_of_line

_COMMENT = re.compile("  +(?=#)")
_BOM = b"\xef\xbb\xbf"


def written(data: Any) -> bytes:
    """A new file that holds `data`: plain JSON data, a list or mapping.

    Raises: Unsuited, for data that no definition can hold.
    """
    rows = lines(data, 0) if data else [inline(data)]
    content = "".join(f"{row}\n" for row in rows).encode()
    _must_hold(content, data)
    return content


def revised(content: bytes, data: Any) -> bytes:
    """The file `content` with the value `data`: plain JSON data, a list or mapping.

    Raises: Unsuited, where the file is written in a way that this cannot change.
    """
    if same(data_of(content), data):
        return content
    mark = _BOM if content.startswith(_BOM) else b""
    text = content.decode("utf-8-sig")
    revision = _Revision(text)
    revision.root(spans_of(text), data)
    try:
        new = mark + revision.patches.applied().encode()
    except ValueError:
        raise Unsuited(_UNUSUAL) from None
    _must_hold(new, data)
    return new


_UNUSUAL = "its YAML is written in an unusual way"


def data_of(content: bytes) -> Any:
    """What a file holds, by the rules of definitions.

    Raises: Unsuited.
    """
    try:
        document, faults = read_document("", Path(), content)
    except Unreadable as unreadable:
        raise Unsuited(unreadable.faults[0].what) from None
    if faults:
        raise Unsuited(faults[0].what)
    return document.data


def _must_hold(content: bytes, data: Any) -> None:
    """Whatever was written is read again before anyone else can see it."""
    try:
        if same(data_of(content), data):
            return
    except Unsuited as unsuited:
        raise Unsuited(f"{_UNUSUAL} ({unsuited})") from None
    raise Unsuited(_UNUSUAL)


class _Revision:
    """One pass over a text: where it differs from the new data, a patch is put."""

    def __init__(self, text: str) -> None:
        self.patches = Patches(text)
        self._text = text

    def root(self, span: Span, data: Any) -> None:
        if self._keeps_its_place(span, data):
            self._change(span, data)
        else:
            rows = lines(data, 0) if data else [inline(data)]
            self.patches.put_lines(start_of_line(self._text, span.start), rows)
            self._remove_lines(span)

    def _keeps_its_place(self, span: Span, data: Any) -> bool:
        """Whether old and new value are of one kind, and a part is left to write the rest at."""
        if not span.data or not data or not isinstance(data, type(span.data)):
            return False
        if isinstance(data, dict):
            return any(key in data for key in span.data)
        return isinstance(data, list) and (
            span.flow
            or self._begins_a_line(span.dashes[0])
            or any(None not in step for step in steps_of_items(span.data, data))
        )

    def _change(self, span: Span, data: Any) -> None:
        if same(span.data, data):
            return
        if span.flow:
            revise_brackets(self.patches, span, data)
        elif isinstance(data, dict):
            starts = [key.start for key in span.keys]
            self._rows(span, data, starts, steps_of_keys(list(span.data), data))
        else:
            self._rows(span, data, span.dashes, steps_of_items(span.data, data))

    def _rows(self, span: Span, data: Any, starts: list[int], steps: list[Step]) -> None:
        """The keys or items of a value without brackets: each has lines of its own, but for the
        first one of an item, which stands behind the dash."""
        place = start_of_line(self._text, starts[0]) if self._begins_a_line(starts[0]) else None
        waiting: list[str] = []
        for old, new in steps:
            if old is None:
                waiting += self._new_row(span, new, data[new], self._column(starts[0]))
                continue
            if place is not None:
                self.patches.put_lines(place, waiting)
                waiting = []
            value = span.values[old]
            if new is GONE:
                self._remove_row(starts, old, value, behind_a_dash=place is None)
            elif span.keys:
                self._change_value(span.keys[old], value, data[new])
            else:
                self._change_item(value, data[new])
            if place is not None or new is not GONE:
                place = end_of_line(self._text, value.end)
        assert place is not None  # `_keeps_its_place` has seen to it
        self.patches.put_lines(place, waiting)

    def _new_row(self, span: Span, key: Any, value: Any, column: int) -> list[str]:
        if span.keys:
            return entry(key, value, column)
        mappings = [one for one in span.values if isinstance(one.data, dict)]
        return item(value, column, brackets=mappings[-1].flow if mappings else None)

    def _remove_row(
        self, starts: list[int], index: int, value: Span, *, behind_a_dash: bool
    ) -> None:
        if behind_a_dash:  # the next one takes its place
            self.patches.put(starts[index], starts[index + 1], "")
        else:
            start = start_of_line(self._text, starts[index])
            self.patches.put(start, end_of_line(self._text, value.end), "")

    def _change_item(self, value: Span, data: Any) -> None:
        if self._keeps_its_place(value, data):
            self._change(value, data)
        elif same(value.data, data):
            return
        elif is_short(data) or not self._ends_its_line(value.end):
            replace_inline(self.patches, value, data, inside=False)
        else:
            shown = "\n".join(lines(data, self._column(value.start))).lstrip(" ")
            self.patches.put(value.start, self._end_with_blanks(value), f"{shown}\n")

    def _change_value(self, key: Span, value: Span, data: Any) -> None:
        """The value of a key. A comment behind the key or below it stays."""
        if self._keeps_its_place(value, data):
            self._change(value, data)
        elif not same(value.data, data):
            place = self._text.find(":", key.end) + 1
            inner = self._column(key.start) + 2
            if is_short(data):
                self._put_inline(place, value, self._shown(value, data, inner))
            else:
                self._put_below(place, value, lines(data, inner))

    def _shown(self, value: Span, data: Any, column: int) -> str:
        block = text_block(data, column)
        if block and self._ends_its_line(value.end):
            return "\n".join(block)
        return inline(data, quotes=quotes_of(value), inside=False)

    def _put_inline(self, place: int, value: Span, shown: str) -> None:
        """`place` is behind the colon of the key, `shown` is the value."""
        if "\n" in self._text[place : value.start]:
            self.patches.put(place, place, f" {shown}")
            self._remove_lines(value)
        else:
            blank = "" if value.start > place else " "
            if self._ends_its_line(value.end):
                self.patches.put(value.start, self._end_with_blanks(value), f"{blank}{shown}\n")
                return
            end, gap = self._gap_before_comment(value, len(blank + shown))
            self.patches.put(value.start, end, blank + shown + gap)

    def _gap_before_comment(self, value: Span, length: int) -> tuple[int, str]:
        """Where the comment behind a value begins, and the blanks that keep it in its column."""
        found = _COMMENT.match(self._text, value.end)
        if found is None or "\n" in self._text[value.start : value.end]:
            return value.end, ""
        room = found.end() - value.start
        return found.end(), " " * max(room - length, 2)

    def _put_below(self, place: int, value: Span, rows: list[str]) -> None:
        if "\n" in self._text[place : value.start]:
            self.patches.put_lines(start_of_line(self._text, value.start), rows)
            self._remove_lines(value)
        else:
            self.patches.put(place, value.end, "")
            self.patches.put_lines(end_of_line(self._text, value.end), rows)

    def _remove_lines(self, value: Span) -> None:
        """Of a value that has its own. Comments between the rows of a list or mapping stay."""
        starts = [key.start for key in value.keys] or value.dashes or [value.start]
        ends = [row.end for row in value.values] or [value.end]
        if value.flow:
            starts, ends = [value.start], [value.end]
        for start, end in zip(starts, ends, strict=True):
            line = start_of_line(self._text, start)
            self.patches.put(line, end_of_line(self._text, end), "")

    def _begins_a_line(self, place: int) -> bool:
        return not self._text[start_of_line(self._text, place) : place].strip()

    def _ends_its_line(self, place: int) -> bool:
        return not self._text[place : end_of_line(self._text, place)].strip()

    def _end_with_blanks(self, value: Span) -> int:
        """The end of a value's last line where nothing but blanks follows in it."""
        ends = self._ends_its_line(value.end)
        return end_of_line(self._text, value.end) if ends else value.end

    def _column(self, place: int) -> int:
        return place - start_of_line(self._text, place)
