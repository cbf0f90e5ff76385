"""Reading a JSON document that somebody else wrote, in bounded time and with one meaning.

What is checked here is what the backend gets, byte for byte, so nothing may be readable in two
ways: duplicate keys, NaN, numbers beyond a double, lone surrogates and a byte order mark are
refused, as is nesting deeper than any honest document.
"""

import json
import math
import re
from typing import Any

DEEPEST = 64

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LARGE_NUMBER = re.compile(rb"\d{200}|\d[eE]\+?\d{3}")
"""What a number beyond a double holds; without it, none has to be looked at."""


class DocumentError(ValueError):
    """The document cannot be used; the text says why, without repeating the document."""


def parse_json(raw: bytes) -> Any:
    """Parse UTF-8 JSON strictly (RFC 8259; I-JSON, RFC 7493, for keys and numbers).

    Raises:
        DocumentError: not JSON, not UTF-8, ambiguous, or nested deeper than `DEEPEST`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8") from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_too_deep(raw):
        raise DocumentError(f"nested deeper than {DEEPEST}")
    careful = _LARGE_NUMBER.search(raw) is not None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float if careful else None,
            parse_int=_integer if careful else None,
        )
    except DocumentError:
        raise
    except (ValueError, RecursionError):
        raise DocumentError("not JSON") from None
    if "\\u" in text and _has_lone_surrogate(value):
        raise DocumentError("a lone surrogate in a string")
    return value


def _is_too_deep(raw: bytes) -> bool:
    """Whether more brackets are inside each other than may be, or, where the document is not JSON,
    stay open. Each round takes the innermost pairs away, all of them at once."""
    outside_strings = raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    left = b"".join(outside_strings).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(DEEPEST):
        left = left.replace(b"[]", b"")
    return b"[]" in left or left.count(b"[") > DEEPEST


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("a key stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise DocumentError(f"{name} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise DocumentError("a number out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > 308 and math.isinf(float(text)):
        raise DocumentError("a number out of range")
    return int(text)


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
