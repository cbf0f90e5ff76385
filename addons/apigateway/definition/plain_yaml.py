"""The data of a YAML text in which nothing is odd, in one pass without a thought for problems.

Nearly every text is such a one. `document` reads the others with care, and says what is wrong.
"""

from functools import lru_cache
from typing import Any, Final

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

from apigateway.definition.scalars import plain_value

MAX_DEPTH = 64

ODD: Final = object()
"""The text is to be read with care."""

# libyaml where PyYAML was built with it (ten times faster), the same events without.
_LIBYAML: Any = getattr(getattr(yaml, "cyaml", None), "CParser", None)
EventReader: Any = _LIBYAML or yaml.SafeLoader

_LONGEST_REMEMBERED = 40
_remembered_value = lru_cache(maxsize=8192)(plain_value)


def data_of(text: str) -> Any:
    """Plain JSON data by the rules of `document`, or `ODD` when something may be against them."""
    reader = EventReader(text)
    try:
        return _data(reader.get_event)
    except (yaml.YAMLError, ValueError):
        return ODD
    finally:
        reader.dispose()


def _data(next_event: Any) -> Any:
    """One loop with everything at hand: it runs a million times in a large project."""
    root: Any = ODD  # of a text without any value
    outer: list[tuple[Any, bool]] = []
    container: Any = None
    in_mapping, key = False, None
    documents = 0
    while (kind := type(event := next_event())) is not StreamEndEvent:
        if kind is ScalarEvent:
            value: Any = event.value
            if event.implicit[0]:
                value = _plain(value)
        elif kind is MappingStartEvent:
            value = {}
        elif kind is SequenceStartEvent:
            value = []
        elif kind is DocumentStartEvent:
            documents += 1
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            container, in_mapping = outer.pop()
            continue
        elif kind is AliasEvent:
            return ODD
        else:
            continue
        if event.anchor is not None or event.tag is not None:
            return ODD
        if not in_mapping:
            if container is None:
                root = value
            else:
                container.append(value)
        elif key is None:
            if type(value) is not str or value in container or value == "<<":
                return ODD
            key = value
            continue
        else:
            container[key] = value
            key = None
        if kind is not ScalarEvent:
            outer.append((container, in_mapping))
            if len(outer) > MAX_DEPTH:
                return ODD
            container, in_mapping = value, kind is MappingStartEvent
    return root if documents == 1 and root is not None else ODD


def _plain(text: str) -> Any:
    """Raises: ValueError."""
    return _remembered_value(text) if len(text) < _LONGEST_REMEMBERED else plain_value(text)
