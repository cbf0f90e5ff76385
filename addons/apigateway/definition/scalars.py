"""Unquoted scalars by the core schema of YAML 1.2: `yes`, `12:30` and `2024-01-01` are text."""

import re
from math import isinf
from typing import Any

_MAX_DIGITS = 1000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {word: word[0] in "tT" for word in ["true", "True", "TRUE", "false", "False", "FALSE"]}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_NUMBER_STARTS = frozenset("0123456789+-.")


def plain_value(text: str) -> Any:
    """What an unquoted scalar is by the core schema of YAML 1.2.

    Raises: ValueError for a number that JSON cannot hold.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if len(text) > _MAX_DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise ValueError("the number has too many digits")
    if _INT.fullmatch(text):
        bases = {"0o": 8, "0x": 16}
        return int(text, bases.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        if isinf(number):
            raise ValueError("the number is too large")
        return number
    if _INFINITE.fullmatch(text):
        raise ValueError("infinity and NaN are not permitted")
    return text


def plain_or_text(text: str) -> Any:
    """Like `plain_value`; any number where that has none."""
    try:
        return plain_value(text)
    except ValueError:
        return 0.0
