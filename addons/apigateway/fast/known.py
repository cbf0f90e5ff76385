"""Which of mitmproxy's functions a piece knows, by their source text.

A version number says nothing of a patched or a newer mitmproxy; the text of the very functions
that are replaced, or relied on, does.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy import version

SHOWN = 16

Undo = Callable[[], None]
"""Puts back what a piece replaced."""


class Unknown(Exception):
    """This mitmproxy differs from those that a piece was written for; the text says where."""


def fingerprint(part: Any) -> str:
    """Of a function, a class or a module: sixteen hex digits of its source, "" when there is none
    to read. Blanks at the ends of lines and blank lines do not count."""
    try:
        source = inspect.getsource(part)
    except (OSError, TypeError):
        return ""
    lines = [line.rstrip() for line in source.splitlines() if line.strip()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:SHOWN]


def check_known(parts: Iterable[tuple[Any, str]]) -> None:
    """Each part with its fingerprints, separated by blanks: one for each text that is known.

    Raises:
        Unknown
    """
    for part, known in parts:
        if fingerprint(part) not in known.split():
            raise Unknown(f"mitmproxy {version.VERSION} has another {name_of(part)}")


def name_of(part: Any) -> str:
    module = getattr(part, "__module__", None)
    if module is None:
        return str(part.__name__)
    return f"{module}.{part.__qualname__}"
