"""Finding the one API that a method and a path lead to.

Patterns (reference: protocol 5.2): `/a/[b]` takes one segment as `b`; a final `/*` takes one
or more further segments. A literal segment is tried before a parameter, a parameter before `*`.

A request path has one canonical form, used for routing, the call record and the backend alike:
segments percent-decoded once as UTF-8. A path that could be read in two ways (empty segments,
`.` and `..`, control characters, a bare backslash, broken escapes) has none and is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from apigateway.protocol.wire import unquote_bytes

T = TypeVar("T")

_PARAMETER = re.compile(r"\[([A-Za-z0-9_\-.]+)\]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

ANY_METHOD = "ANY"


class PathError(ValueError):
    """A path or a pattern that has no single meaning; the text says why."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed pattern. A segment is literal text, or a parameter's name in a one-tuple."""

    segments: tuple[str | tuple[str], ...]
    open_ended: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part[0] for part in self.segments if isinstance(part, tuple))


def parse_pattern(text: str) -> PathPattern:
    """`/a/[b]/*` -> PathPattern(("a", ("b",)), open_ended=True).

    Raises:
        PathError: not absolute, an empty segment, `*` not at the end, a name used twice.
    """
    if not text.startswith("/"):
        raise PathError("a path starts with /")
    parts = [] if text == "/" else text[1:].split("/")
    open_ended = bool(parts) and parts[-1] == "*"
    if open_ended:
        parts.pop()
    segments: list[str | tuple[str]] = []
    for part in parts:
        if not part:
            raise PathError("two slashes in a row, or one at the end")
        if part in (".", ".."):
            raise PathError(f"a segment {part!r}")
        if match := _PARAMETER.fullmatch(part):
            segments.append((match[1],))
        elif "[" in part or "]" in part or "*" in part or "?" in part or "#" in part:
            raise PathError(f"segment {part!r}: [name] and * stand alone between slashes")
        else:
            segments.append(_decode_segment(part))
    pattern = PathPattern(tuple(segments), open_ended)
    if len(set(pattern.names)) != len(pattern.names):
        raise PathError("a [name] is used twice")
    return pattern


def split_path(raw: str) -> tuple[str, ...]:
    """The canonical segments of a request path: `/a/%62%2Fc` -> ("a", "b/c").

    Raises:
        PathError: the path could be read in more than one way.
    """
    if not raw.startswith("/"):
        raise PathError("does not start with /")
    if raw == "/":
        return ()
    segments = tuple(_decode_segment(part) for part in raw[1:].split("/"))
    if "" in segments[:-1]:
        raise PathError("empty segment")
    return segments


def fills_a_segment(value: str) -> bool:
    """Whether no backend takes a value for an empty or a dot segment, also one that reads what
    follows `;` as a parameter of the segment (`..;x` is `..` to a servlet)."""
    return value.partition(";")[0] not in ("", ".", "..")


def _decode_segment(part: str) -> str:
    text = part
    if "\\" in part:
        raise PathError("a backslash")
    if "%" in part or not part.isascii():
        if _BROKEN_ESCAPE.search(part):
            raise PathError("broken percent escape")
        try:
            text = unquote_bytes(part).decode("utf-8")
        except UnicodeDecodeError:
            raise PathError("not UTF-8") from None
    if text in (".", ".."):
        raise PathError("dot segment")
    if _CONTROL.search(text):
        raise PathError("control character")
    return text


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The endpoint, the value of each path parameter, and what `*` took ("" or `x/y`)."""

    endpoint: T
    values: Mapping[str, str]
    rest: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, "_Node[T]"] = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    here: dict[str, tuple[PathPattern, T]] = field(default_factory=dict)
    below: dict[str, tuple[PathPattern, T]] = field(default_factory=dict)


class RouteTable(Generic[T]):
    """All endpoints of a group in one environment.

    A lookup costs the length of the path, whatever the number of endpoints; only where a literal
    and a parameter stand at one place may both ways be tried.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, pattern: PathPattern, endpoint: T) -> None:
        """`method` is an upper-case token or `ANY`."""
        node = self._root
        for segment in pattern.segments:
            if isinstance(segment, tuple):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        (node.below if pattern.open_ended else node.here)[method] = (pattern, endpoint)

    def match(self, method: str, segments: tuple[str, ...]) -> Match[T] | None:
        """The endpoint for a method (a declared one before `ANY`), or None."""
        found = self._find(self._root, method, segments, 0)
        if found is None:
            return None
        pattern, endpoint = found
        values = {
            part[0]: value
            for part, value in zip(pattern.segments, segments, strict=False)
            if isinstance(part, tuple)
        }
        return Match(endpoint, values, segments[len(pattern.segments) :])

    def _find(
        self, node: _Node[T], method: str, segments: tuple[str, ...], depth: int
    ) -> tuple[PathPattern, T] | None:
        if depth == len(segments):
            return node.here.get(method) or node.here.get(ANY_METHOD)
        segment = segments[depth]
        if (literal := node.literals.get(segment)) is not None:
            found = self._find(literal, method, segments, depth + 1)
            if found is not None:
                return found
        if node.parameter is not None and segment:
            found = self._find(node.parameter, method, segments, depth + 1)
            if found is not None:
                return found
        return node.below.get(method) or node.below.get(ANY_METHOD)
