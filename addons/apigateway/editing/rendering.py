"""New values as YAML text, in the manner of the samples.

What is written here reads back as the same data by the rules of `definition.document`: text that
those would take for a number, for true or for nothing stands in quotes. What else needs quotes
is known by ruamel.yaml.
"""

import json
from functools import lru_cache
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from apigateway.definition.scalars import plain_or_text

SHORT = 96
"""Characters that a list or mapping in brackets may have to stand on one line."""

_OLD_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Text here, true or false to tools that read by the rules of YAML 1.1."""


def canonical(data: Any) -> str:
    """The same text for the same data."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is neither 1.0 nor true."""
    return one is other or canonical(one) == canonical(other)


def inline(data: Any, *, quotes: str = "", inside: bool = True) -> str:
    """A value in one line. `quotes` (`"` or `'`) are put around text that needs none too; less
    text needs them where it does not stand `inside` of brackets."""
    if isinstance(data, dict):
        return "{" + ", ".join(pair(key, value) for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(inline, data)) + "]"
    if isinstance(data, str):
        return _text(data, quotes, inside)
    return json.dumps(data)


def pair(key: str, value: Any) -> str:
    """A key and its value, inside of brackets."""
    return f"{inline(key)}: {inline(value)}"


def lines(data: Any, column: int) -> list[str]:
    """A list or mapping that is not empty, without brackets, indented by `column` blanks."""
    if isinstance(data, list):
        return [row for one in data for row in item(one, column)]
    return [row for key, value in data.items() for row in entry(key, value, column)]


def entry(key: str, value: Any, column: int) -> list[str]:
    """One key of a mapping with its value, as lines."""
    head = f"{' ' * column}{_text(key, '', False)}:"
    if not is_short(value):
        return [head, *lines(value, column + 2)]
    block = text_block(value, column + 2) or [inline(value, inside=False)]
    return [f"{head} {block[0]}", *block[1:]]


def item(data: Any, column: int, *, brackets: bool | None = None) -> list[str]:
    """One item of a list, as lines; `brackets` says how a mapping is written where its neighbours
    show it."""
    margin = " " * column
    if isinstance(data, dict) and data:
        short = is_short(data) if brackets is None else brackets
    else:
        short = is_short(data)
    if short:
        return [f"{margin}- {inline(data, inside=False)}"]
    first, *rest = lines(data, column + 2)
    return [f"{margin}- {first[column + 2 :]}", *rest]


def text_block(data: Any, column: int) -> list[str]:
    """Text of several lines behind `|`, all but the first indented by `column`; nothing for what
    is better written in one line."""
    if not _has_lines(data) or not isinstance(data, str):
        return []
    body = data.removesuffix("\n")
    if body.startswith((" ", "\n")) or body.endswith("\n") or not body:
        return []
    rows = body.split("\n")
    if not all(row.isprintable() for row in rows):
        return []
    return [
        "|" if data.endswith("\n") else "|-",
        *(" " * column + row if row else row for row in rows),
    ]


def is_short(data: Any) -> bool:
    """Whether a value stands well on one line: not a list of mappings, nor what is long."""
    if not isinstance(data, dict | list) or not data:
        return True
    return not _has_lines(data) and not _has_rows(data) and len(inline(data)) <= SHORT


def _has_rows(data: Any) -> bool:
    """Whether there is a list of mappings in it."""
    if isinstance(data, dict):
        return any(map(_has_rows, data.values()))
    return isinstance(data, list) and any(isinstance(one, dict) or _has_rows(one) for one in data)


def _has_lines(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_has_lines, data.values()))
    if isinstance(data, list):
        return any(map(_has_lines, data))
    return isinstance(data, str) and "\n" in data


@lru_cache(maxsize=4096)
def _text(text: str, quotes: str, inside: bool) -> str:
    """Double quotes where quotes are needed, unless that takes backslashes."""
    if text == "<<" or text.lower() in _OLD_BOOLEANS or not text.isprintable():
        return _dumped(DoubleQuotedScalarString(text), inside)
    if quotes == "'":
        return _dumped(SingleQuotedScalarString(text), inside)
    if quotes or text.startswith(("?", "-", ":")) or not isinstance(plain_or_text(text), str):
        return _dumped(DoubleQuotedScalarString(text), inside)
    shown = _dumped(text, inside)
    if shown.startswith("'") and '"' not in text and "\\" not in text:
        return _dumped(DoubleQuotedScalarString(text), inside)
    return shown


def _dumped(text: str, inside: bool) -> str:
    """As ruamel.yaml writes it as the one item of a list."""
    writer = YAML()
    writer.width = 10**9
    listed = CommentedSeq([text])
    (listed.fa.set_flow_style if inside else listed.fa.set_block_style)()
    out = StringIO()
    writer.dump(listed, out)
    shown = out.getvalue().removesuffix("\n")
    return shown[1:-1] if inside else shown[2:]
