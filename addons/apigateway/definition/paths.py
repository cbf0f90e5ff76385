"""Path patterns: `/a/[b]/c`, where `[b]` is one whole segment, and a last `/*`."""

import re
from collections.abc import Iterator

from apigateway.definition import variables
from apigateway.protocol.matching import PathError, parse_pattern

_NAME = re.compile(r"\[([A-Za-z_][A-Za-z0-9_-]*)\]")
_SEGMENT = re.compile(r"[^\s\[\]*?#%\\{}\x00-\x1f\x7f]*")
_BACKEND_SEGMENT = re.compile(r"([^\s\[\]*?#%\\{}\x00-\x1f\x7f]|%[0-9A-Fa-f]{2})*")


def names_in(path: str) -> tuple[str, ...]:
    """The names between brackets, in order."""
    return tuple(match[1] for segment in path.split("/") if (match := _NAME.fullmatch(segment)))


def has_rest(path: str) -> bool:
    """Whether the pattern ends in `/*`."""
    return path.endswith("/*")


def shape_of(path: str) -> str:
    """The pattern without its names: two patterns of one shape take the same calls."""
    return "/".join("[]" if _NAME.fullmatch(segment) else segment for segment in path.split("/"))


def faults_of_path(path: str, *, backend: bool = False) -> Iterator[tuple[str, str]]:
    """What is wrong with a pattern and how to mend it."""
    if not path.startswith("/"):
        yield f'the path "{path}" does not start with "/"', f'write "/{path}"'
        return
    if path == "/":
        return
    segments = path.split("/")[1:]
    for index, segment in enumerate(segments):
        if fault := _fault_of_segment(segment, index == len(segments) - 1, backend):
            yield fault
    names = names_in(path)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"[{name}] stands twice in the path", "give each its own name"


def _fault_of_segment(segment: str, last: bool, backend: bool) -> tuple[str, str] | None:
    if _NAME.fullmatch(segment) or (segment == "*" and last):
        return None
    if not segment:
        where = 'ends with "/"' if last else 'holds an empty segment ("//")'
        return f"the path {where}", 'write one "/" between segments and none at the end'
    if segment in (".", ".."):
        return f'the path holds the segment "{segment}"', "write the path it leads to"
    if "*" in segment:
        return '"*" may only be the last segment of a path', 'end the path with "/*"'
    if "{" in segment or "}" in segment:
        return f'the segment "{segment}" holds braces', "write a parameter as [name]"
    if "[" in segment or "]" in segment:
        return (
            f'the segment "{segment}" is not a parameter',
            "write [name] as a whole segment: letters, digits, '_' or '-', a letter first",
        )
    if "#" in segment and (backend or variables.names_in(segment)):
        return _fault_of_hash(segment, backend)
    if "?" in segment or "#" in segment:
        return "the path holds a query or fragment", "declare query parameters instead"
    if not (_BACKEND_SEGMENT if backend else _SEGMENT).fullmatch(segment):
        return (
            f'the segment "{segment}" holds a character that no path has',
            "write letters, digits and - . _ ~ ! $ & ' ( ) + , ; = : @",
        )
    try:
        parse_pattern(f"/{segment}")
    except PathError as problem:
        return f'the segment "{segment}" has no single meaning ({problem})', "write it plainly"
    return None


def _fault_of_hash(segment: str, backend: bool) -> tuple[str, str]:
    if backend:
        what = f'the segment "{segment}" holds a "#" that is not part of a variable'
        return what, "write #name#: a letter, then letters, digits, '_' or '-'"
    return (
        f'the segment "{segment}" holds a stage variable',
        "write it in the backend: its address, path and constants may hold them",
    )


def faults_of_base_path(path: str) -> Iterator[tuple[str, str]]:
    """A base path is literal and ends without `/`; "" is none."""
    if not path:
        return
    if path.endswith("/"):
        yield 'the base path ends with "/"', f'write "{path.rstrip("/")}"'
    elif names_in(path) or has_rest(path):
        yield "the base path holds a parameter or '*'", "write these in the paths of the APIs"
    else:
        yield from faults_of_path(path)
