"""Regular expressions of which one surely takes all that the other takes.

That cannot be told of any two. It is of those that providers write when they let more in: one
more choice (`a|b` of `a`), or another count (`[a-z]{2,30}` and `[a-z]{1,40}`).
"""

import re

_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")
_PIECE = re.compile(
    r"""\\Q.*?(?:\\E|$)          # a quotation
      | \\.                      # an escape
      | \[\^?\]?(?:\\.|\[:\^?\w+:\]|[^][\\])*\]   # a class without one inside
      | \{\d+(?:,\d*)?\}         # a count
      | .""",
    re.VERBOSE | re.DOTALL,
)


def takes_all_of(after: str, before: str) -> bool:
    """Whether every text that `before` matches is matched by `after`. False is "not known"."""
    if after == before:
        return True
    if r"\Q" not in before and after.startswith(f"{before}|"):
        return True
    old, new = _pieces(before), _pieces(after)
    if len(old) != len(new) or "[" in old:
        return False
    return all(one == other or _is_wider(one, other) for one, other in zip(old, new, strict=True))


def _pieces(pattern: str) -> list[str]:
    return [match[0] for match in _PIECE.finditer(pattern)]


def _is_wider(before: str, after: str) -> bool:
    """Of two counts: whether the second allows all that the first does."""
    old, new = _COUNT.fullmatch(before), _COUNT.fullmatch(after)
    if old is None or new is None:
        return False
    (old_low, old_high), (new_low, new_high) = _bounds(old), _bounds(new)
    is_open = new_high is None or (old_high is not None and old_high <= new_high)
    return new_low <= old_low and is_open


def _bounds(count: re.Match[str]) -> tuple[int, int | None]:
    low = int(count[1])
    if count[2] is None:
        return low, low
    return low, int(count[3]) if count[3] else None
