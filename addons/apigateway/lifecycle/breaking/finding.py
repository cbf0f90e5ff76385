"""What is told of a release before it is made, and how bad it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apigateway.lifecycle.compare import Path


class Severity(StrEnum):
    """OBSTACLE stands against the release; BREAKING is refused, lost or answered otherwise for
    some who call today; a NOTICE is for whoever releases to know."""

    OBSTACLE = "obstacle"
    BREAKING = "breaking"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`subject` is what it is told of (`group/API`, an app, a policy) and `field` where in its
    definition, "" for none. It touches calls of `callers` (names of apps), or of anyone."""

    severity: Severity
    subject: str
    what: str
    field: str = ""
    callers: tuple[str, ...] = ()
    anyone: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What a changed field does to calls; `path` leads to it in the definition."""

    severity: Severity
    path: Path
    what: str


def breaking(path: Path, what: str) -> Effect:
    return Effect(Severity.BREAKING, path, what)


def notice(path: Path, what: str) -> Effect:
    return Effect(Severity.NOTICE, path, what)


def listed(items: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
