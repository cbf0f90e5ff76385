"""What changes for the backend. Callers are not refused for it, but may get other answers."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from apigateway.definition.wording import shown_value
from apigateway.lifecycle.breaking.finding import Effect, notice
from apigateway.lifecycle.compare import MISSING, FieldChange

_SENT = frozenset({"parameters", "constants", "system", "claims"})
_ANSWERED = frozenset({"status", "headers", "body"})
_CALLED = {"http": "an HTTP backend", "vpc": "a backend in a VPC", "mock": "a mock"}


def effects_of_backend(changes: Sequence[FieldChange]) -> Iterator[Effect]:
    """Of the differences of two definitions in normal form, those of their backends."""
    own = [change for change in changes if change.path[0] == "backend"]
    is_another = any(change.path[1:] == ("type",) for change in own)
    for path, group in groupby(own, key=lambda change: change.path[:3]):
        found = list(group)
        section = str(path[1])
        if section in _SENT:
            yield from _sent(found)
        elif section == "type":
            before, after = _CALLED[found[0].before], _CALLED[found[0].after]
            yield notice(path, f"calls are answered by {after}, and were by {before}")
        elif not is_another:
            yield from _target(section, found)


def _sent(found: Sequence[FieldChange]) -> Iterator[Effect]:
    """One item that the backend gets, or all of a kind where there were none."""
    path = found[0].path
    if len(path) == 2:
        return
    label = path[2]
    if len(path) > 3:
        yield notice(path[:3], f"the backend gets {label} in another way")
    elif found[0].before is MISSING:
        yield notice(path, f"the backend gets {label}, and did not before")
    else:
        yield notice(path, f"the backend does not get {label} any more")


def _target(section: str, found: Sequence[FieldChange]) -> Iterator[Effect]:
    change = found[0]
    path = change.path[:2]
    if section in _ANSWERED:
        yield notice(path, "callers get another answer")
    elif section == "timeout_ms":
        if change.after < change.before:
            what = f"answers are waited for {change.after} ms, and were {change.before} ms"
            yield notice(path, what)
    elif section == "method":
        yield notice(path, f"the backend is called with {_method(change)}")
    else:
        what = f"is {_shown(change.after)} now, and was {_shown(change.before)}"
        yield notice(path, what)


def _method(change: FieldChange) -> str:
    before, after = change.before, change.after
    if after is MISSING:
        return f"the caller's method, and was with {before}"
    was = "the caller's" if before is MISSING else before
    return f"{after}, and was with {was}"


def _shown(value: Any) -> str:
    return "none" if value is MISSING else shown_value(value)
