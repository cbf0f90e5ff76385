"""Where each value of a YAML text stands, to the character.

Positions come from the parser that reads definitions, so that what is edited is what is read.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from apigateway.definition.scalars import plain_or_text

# The same choice as in `definition.document`.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unsuited(Exception):
    """The text is written in a way that no edit can be made in. The reason is for people."""


@dataclass(slots=True)
class Span:
    """One value; its text is `text[start:end]` and holds no comment or blank line after it.

    `data` is what it means. `style` is how a scalar is written: `"`, `'`, `|`, `>` or "" (plain).
    `flow` says that a list or mapping stands in brackets. `values` are those of a list, or those
    of a mapping under `keys`; `dashes` is where the items of a list without brackets begin.
    """

    start: int
    end: int
    data: Any
    style: str = ""
    flow: bool = False
    keys: list["Span"] = field(default_factory=list)
    values: list["Span"] = field(default_factory=list)
    dashes: list[int] = field(default_factory=list)


def spans_of(text: str) -> Span:
    """The value of a text that `read_document` reads without a fault.

    Raises: Unsuited.
    """
    loader = _Loader(text)
    try:
        while True:
            event = loader.get_event()
            if _begins(event):
                return _value(loader, event, text)
            if isinstance(event, StreamEndEvent):
                raise Unsuited("the file is empty")
    except yaml.YAMLError as error:
        raise Unsuited("the file is not valid YAML") from error
    finally:
        loader.dispose()


def _begins(event: Any) -> bool:
    """Whether a value begins, and not a mapping or list ends."""
    if isinstance(event, AliasEvent):
        raise Unsuited("an alias (*) stands in it")
    return isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)


def _value(loader: Any, event: Any, text: str) -> Span:
    if isinstance(event, ScalarEvent):
        return _scalar(event, text)
    if isinstance(event, MappingStartEvent):
        return _mapping(loader, event, text)
    if isinstance(event, AliasEvent):
        raise Unsuited("an alias (*) stands in it")
    return _list(loader, event, text)


def _scalar(event: Any, text: str) -> Span:
    start, end = event.start_mark.index, event.end_mark.index
    style = event.style or ""
    if style in ("|", ">"):
        end = _end_of_block(text, start, end)
    data = plain_or_text(event.value) if event.implicit[0] else event.value
    return Span(start, end, data, style=style)


def _end_of_block(text: str, start: int, end: int) -> int:
    """The parser takes empty lines below a block of text for a part of it; `+` means that."""
    header = text[start:end].partition("\n")[0]
    if "+" in header.partition("#")[0]:
        return end - text.endswith("\n", start, end)
    return start + len(text[start:end].rstrip())


def _mapping(loader: Any, event: Any, text: str) -> Span:
    found = Span(event.start_mark.index, event.end_mark.index, {}, flow=bool(event.flow_style))
    while _begins(event := loader.get_event()):
        key = Span(event.start_mark.index, event.end_mark.index, event.value)
        value = _value(loader, loader.get_event(), text)
        found.keys.append(key)
        found.values.append(value)
        found.data[key.data] = value.data
    _set_end(found, event)
    return found


def _list(loader: Any, event: Any, text: str) -> Span:
    found = Span(event.start_mark.index, event.end_mark.index, [], flow=bool(event.flow_style))
    while _begins(event := loader.get_event()):
        item = _value(loader, event, text)
        if not found.flow:
            after = found.values[-1].end if found.values else found.start
            found.dashes.append(_dash(text, found.start, after))
        found.values.append(item)
        found.data.append(item.data)
    _set_end(found, event)
    return found


def _set_end(span: Span, event: Any) -> None:
    """Without brackets the parser's own end is where the next value begins."""
    span.end = event.end_mark.index if span.flow else span.values[-1].end


def _dash(text: str, first: int, after: int) -> int:
    """Where the next item begins: all dashes of a list stand in one column."""
    if after == first:
        return first
    column = first - start_of_line(text, first)
    line = end_of_line(text, after)
    while line < len(text):
        place = line + column
        if text.startswith("-", place) and not text[line:place].strip():
            return place
        line = end_of_line(text, line)
    raise Unsuited("a list has an item without a line of its own")


def start_of_line(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def end_of_line(text: str, place: int) -> int:
    """Behind the line break; the end of a text whose last line has none."""
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1
