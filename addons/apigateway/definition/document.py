"""A YAML file as plain JSON data that still knows where each value stands.

Scalars are resolved by the core rules of YAML 1.2: `yes`, `on`, `12:30` and `2024-01-01` are
text, `010` is ten. What makes a definition mean something else than it shows is refused: aliases
and anchors, tags, merge keys, duplicate keys, a second document.

Positions are rarely asked for, so a document keeps its text and reads it again for them. Nor is
anything wrong with most texts: `plain_yaml` reads those.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from apigateway.definition.plain_yaml import MAX_DEPTH, ODD, EventReader, data_of
from apigateway.definition.scalars import plain_or_text, plain_value
from apigateway.definition.syntax import ALIAS_MEND, Fault, syntax_fault

Key = str | int
Mark = tuple[int, int]

MAX_FILE_BYTES = 1024 * 1024


class Unreadable(Exception):
    """The text gives no data at all; `faults` says why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = faults


@dataclass(slots=True)
class Document:
    """`path` is shown in problems; `source` is the file itself, None for one out of the store.

    `data` is JSON data: dict with text keys, list, str, int, finite float, bool, None.
    """

    path: str
    data: Any
    source: Path | None = None
    text: str = field(default="", repr=False)
    _marks: dict[tuple[Key, ...], tuple[Mark, Mark]] | None = field(default=None, repr=False)

    def mark(self, *keys: Key) -> Mark:
        """Line and column, from 1, of the value at `keys`, or of the nearest value around it."""
        return self._positions(keys)[1]

    def key_mark(self, *keys: Key) -> Mark:
        """Like `mark`, for the last key itself (an item of a list: the item)."""
        return self._positions(keys)[0]

    def _positions(self, keys: tuple[Key, ...]) -> tuple[Mark, Mark]:
        if self.source is None:
            return (0, 0), (0, 0)
        if self._marks is None:
            reading = _Reading(keep_marks=True)
            reading.run(self.text)
            self._marks = reading.marks
        while keys and keys not in self._marks:
            keys = keys[:-1]
        return self._marks.get(keys, ((1, 1), (1, 1)))


def read_document(path: str, source: Path, content: bytes) -> tuple[Document, list[Fault]]:
    """The document and the faults that leave its data readable.

    Raises: Unreadable.
    """
    if len(content) > MAX_FILE_BYTES:
        raise Unreadable(Fault(1, 1, f"the file is larger than {MAX_FILE_BYTES} bytes", "split it"))
    text = _decoded(content)
    if (data := data_of(text)) is not ODD:
        return Document(path, data, source, text), []
    reading = _Reading(keep_marks=False)
    reading.run(text)
    if reading.root is None:
        raise Unreadable(
            Fault(1, 1, "the file is empty", "write the definition or remove the file")
        )
    return Document(path, reading.root, source, text), reading.faults


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise Unreadable(
            Fault(line, column, "the file is not UTF-8 text", "save it as UTF-8")
        ) from None
    if found := _UNPRINTABLE.search(text):
        before_text = text[: found.start()]
        raise Unreadable(
            Fault(
                before_text.count("\n") + 1,
                found.start() - before_text.rfind("\n"),
                f"the control character U+{ord(found[0]):04X} is not permitted",
                "remove it",
            )
        )
    return text


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open. `key` is the key whose value comes next."""

    container: dict[str, Any] | list[Any]
    keys: tuple[Any, ...]
    key: str | None = None
    key_mark: Mark = (1, 1)
    again: bool = False


class _Reading:
    """One pass over the events of one text."""

    def __init__(self, *, keep_marks: bool) -> None:
        self.root: Any = None
        self.faults: list[Fault] = []
        self.marks: dict[tuple[Key, ...], tuple[Mark, Mark]] = {}
        self._keep_marks = keep_marks
        self._open: list[_Frame] = []
        self._documents = 0

    def run(self, text: str) -> None:
        """Raises: Unreadable."""
        reader = EventReader(text)
        try:
            while not isinstance(event := reader.get_event(), StreamEndEvent):
                self._take(event)
        except yaml.YAMLError as error:
            raise Unreadable(*self.faults, syntax_fault(error, text)) from None
        finally:
            reader.dispose()

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent:
            self._start({}, event)
        elif kind is SequenceStartEvent:
            self._start([], event)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._open.pop()
        elif kind is AliasEvent:
            self._give_up(event, "an alias (*) is not permitted here", *ALIAS_MEND)
        elif kind is DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                self._give_up(event, "a second document starts here", "write one document a file")

    def _scalar(self, event: Any) -> None:
        self._refuse_marks(event)
        frame = self._open[-1] if self._open else None
        if frame is not None and frame.key is None and type(frame.container) is dict:
            self._set_key(frame, event)
            return
        value = event.value
        if event.implicit[0]:
            try:
                value = plain_value(value)
            except ValueError as error:
                self._fault(event, str(error), "write a finite number, or put text in quotes")
        self._put(value, event)

    def _set_key(self, frame: _Frame, event: Any) -> None:
        key = event.value
        if event.implicit[0]:
            if key == "<<":
                self._fault(event, "a merge key (<<) is not permitted", "write the keys themselves")
            elif not isinstance(plain_or_text(key), str):
                self._fault(event, f"the key {key or 'null'} is not text", f'write it as "{key}"')
        frame.again = key in frame.container
        if frame.again:
            self._fault(event, f'the key "{key}" stands twice', "remove one of the two")
        frame.key = key
        frame.key_mark = _mark_of(event)

    def _start(self, container: dict[str, Any] | list[Any], event: Any) -> None:
        self._refuse_marks(event)
        if len(self._open) >= MAX_DEPTH:
            self._give_up(event, f"more than {MAX_DEPTH} levels deep", "write it flatter")
        if self._open and self._open[-1].key is None and type(self._open[-1].container) is dict:
            self._give_up(event, "a key must be text, not a list or mapping", "write a plain key")
        self._open.append(_Frame(container, self._put(container, event)))

    def _put(self, value: Any, event: Any) -> tuple[Any, ...]:
        """Put `value` where it belongs; returns the keys that lead to it (when marks are kept)."""
        if not self._open:
            self.root = value
            if self._keep_marks:
                self.marks[()] = (_mark_of(event), _mark_of(event))
            return ()
        frame = self._open[-1]
        key: Any
        if type(frame.container) is dict:
            key, key_mark = frame.key, frame.key_mark
            if frame.again:
                key = object()  # stands twice: the first one counts
            else:
                frame.container[key] = value
            frame.key = None
        else:
            key, key_mark = len(frame.container), _mark_of(event) if self._keep_marks else (1, 1)
            frame.container.append(value)  # type: ignore[union-attr]
        if not self._keep_marks:
            return ()
        keys = (*frame.keys, key)
        self.marks[keys] = (key_mark, _mark_of(event))
        return keys

    def _refuse_marks(self, event: Any) -> None:
        if event.anchor is not None:
            self._fault(event, "an anchor (&) is not permitted here", *ALIAS_MEND)
        if event.tag is not None:
            self._fault(event, "a tag (!) is not permitted", "remove it; put text in quotes")

    def _fault(self, event: Any, what: str, mend: str) -> None:
        self.faults.append(Fault(*_mark_of(event), what, mend))

    def _give_up(self, event: Any, what: str, mend: str) -> None:
        raise Unreadable(*self.faults, Fault(*_mark_of(event), what, mend))


def _mark_of(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1
