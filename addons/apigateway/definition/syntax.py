"""What is wrong with a YAML text itself, in plain words."""

from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Fault:
    """What the text itself gets wrong, before anyone asks what it means."""

    line: int
    column: int
    what: str
    mend: str


ALIAS_MEND = ("write the value itself, in quotes where it is text",)

_SYNTAX = (
    (
        "mapping values are not allowed",
        'a ":" stands where none may',
        "put text that holds ': ' in quotes, or indent the line as its neighbours",
    ),
    (
        "could not find expected ':'",
        'a ":" is missing',
        "write key: value, and put text of several lines in quotes",
    ),
    (
        "did not find expected key",
        "a key was expected here",
        "indent the line as its neighbours, and quote text that starts with a special sign",
    ),
    (
        "did not find expected '-' indicator",
        "an item of a list was expected here",
        "start the line with '- ', indented as the other items",
    ),
    (
        "did not find expected ',' or",
        "a list or mapping in brackets is not closed",
        "write the missing ',', ']' or '}'",
    ),
    (
        "did not find expected node content",
        "a value was expected here",
        "write one, in quotes when it starts with a special sign",
    ),
    ("found unexpected end of stream", "a quoted text is not closed", "write the closing quote"),
    (
        "cannot start any token",
        "a value cannot start with this character",
        "put the text in quotes",
    ),
    ("undefined alias", "an alias (*) is not permitted here", *ALIAS_MEND),
    (
        "unknown escape character",
        "an unknown escape stands in this text",
        "write '\\\\' for a backslash, or use single quotes",
    ),
)


def syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """The complaint in plain words; never with the text itself, which may be a secret."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = str(getattr(error, "problem", None) or "")
    if "cannot start any token" in said and _has_tab_before(text, line, column):
        return Fault(line, column, "a tab stands where YAML wants spaces", "indent with spaces")
    for sign, what, mend in _SYNTAX:
        if sign in said:
            return Fault(line, column, what, mend)
    reason = f" ({said})" if said and '"' not in said else ""
    return Fault(line, column, f"this is not valid YAML{reason}", "check quotes and indentation")


def _has_tab_before(text: str, line: int, column: int) -> bool:
    lines = text.split("\n", line)
    return "\t" in lines[line - 1][:column] if line <= len(lines) else False
