"""Patterns on RE2, which runs in linear time: a provider writes them, a caller what they meet."""

import functools
from typing import Any

import re2

_quiet = re2.Options()
_quiet.log_errors = False


@functools.lru_cache(maxsize=10_000)
def compiled_pattern(pattern: str) -> Any:
    """A pattern on RE2; made once, when its rule is.

    Raises:
        re2.error: RE2 cannot take it (back-references, look-around).
    """
    return re2.compile(pattern, _quiet)
