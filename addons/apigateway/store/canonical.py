"""Plain JSON data as text: the same text for the same data, in every store."""

import json
from collections.abc import Mapping
from typing import Any

_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


def canonical(value: Any) -> str:
    """`value` as JSON.

    Raises:
        TypeError, ValueError: it is not plain JSON data, or holds text that UTF-8 cannot say.
    """
    text = _encode(dict(value) if isinstance(value, Mapping) else value)
    text.encode("utf-8")
    return text
