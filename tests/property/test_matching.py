"""The route table agrees with trying every pattern in turn; paths have one form or none."""

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.protocol.matching import (
    ANY_METHOD,
    PathError,
    PathPattern,
    RouteTable,
    parse_pattern,
    split_path,
)

words = st.sampled_from(["a", "b", "c", "x y", "中"])
segments = st.one_of(words, st.sampled_from([("p",), ("q",), ("r",)]))


def has_distinct_names(pattern: PathPattern) -> bool:
    return len(set(pattern.names)) == len(pattern.names)


patterns = st.builds(PathPattern, st.lists(segments, max_size=4).map(tuple), st.booleans()).filter(
    has_distinct_names
)
methods = st.sampled_from(["GET", "POST", ANY_METHOD])
routes = st.lists(st.tuples(methods, patterns), max_size=12)
paths = st.lists(st.one_of(words, st.just("zz")), max_size=5).flatmap(
    lambda parts: st.sampled_from([tuple(parts), (*parts, "")])
)


def shape(pattern: PathPattern) -> tuple[object, ...]:
    return (
        *(part if isinstance(part, str) else None for part in pattern.segments),
        pattern.open_ended,
    )


def takes(pattern: PathPattern, path: tuple[str, ...]) -> bool:
    fixed = len(pattern.segments)
    if len(path) != fixed and not (pattern.open_ended and len(path) > fixed):
        return False
    if pattern.open_ended and len(path) == fixed:
        return False
    return all(
        bool(value) if isinstance(part, tuple) else part == value
        for part, value in zip(pattern.segments, path, strict=False)
    )


def rank(pattern: PathPattern, method: str) -> tuple[object, ...]:
    """Smaller is tried first: literal, parameter, end of the pattern; then a declared method."""
    order = tuple(0 if isinstance(part, str) else 1 for part in pattern.segments)
    return (*order, 2 if pattern.open_ended else -1), method == ANY_METHOD


@settings(deadline=None, max_examples=300)
@given(routes=routes, path=paths, method=st.sampled_from(["GET", "POST", "PUT"]))
def test_the_table_agrees_with_trying_every_pattern(
    routes: list[tuple[str, PathPattern]], path: tuple[str, ...], method: str
) -> None:
    table: RouteTable[PathPattern] = RouteTable()
    declared: dict[tuple[object, ...], tuple[str, PathPattern]] = {}
    for wanted, pattern in routes:
        table.add(wanted, pattern, pattern)
        declared[wanted, shape(pattern)] = (wanted, pattern)
    fitting = [
        (wanted, pattern)
        for wanted, pattern in declared.values()
        if wanted in (method, ANY_METHOD) and takes(pattern, path)
    ]
    match = table.match(method, path)
    if not fitting:
        assert match is None
        return
    _, expected = min(fitting, key=lambda route: rank(route[1], route[0]))
    assert match is not None
    assert match.endpoint is expected
    assert match.rest == path[len(expected.segments) :]
    assert list(match.values) == list(expected.names)


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=40))
def test_any_bytes_have_one_form_or_are_refused(raw: bytes) -> None:
    text = "/" + raw.decode("utf-8", "surrogateescape")
    try:
        parts = split_path(text)
    except PathError:
        return
    for part in parts:
        assert part not in (".", "..")
        assert all(ord(c) >= 32 and ord(c) != 127 for c in part)
        part.encode("utf-8")
    assert "" not in parts[:-1]
    again = "/" + "/".join(quote(part, safe="") for part in parts)
    assert split_path(again) == parts


@settings(deadline=None, max_examples=300)
@given(text=st.text("/[]*ab%2e.\\?#中", max_size=15))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = parse_pattern("/" + text)
    except PathError:
        return
    assert has_distinct_names(pattern)
    assert all(part not in ("", ".", "..") for part in pattern.segments)


@settings(deadline=None, max_examples=200)
@given(parts=st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_encoded_segments_are_read_back(parts: list[str]) -> None:
    raw = "/" + "/".join(quote(part, safe="", errors="replace") for part in parts)
    readable = [part.encode("utf-8", "replace").decode() for part in parts]
    try:
        assert split_path(raw) == tuple(readable)
    except PathError:
        assert any(
            part in (".", "..") or any(ord(c) < 32 or ord(c) == 127 for c in part)
            for part in readable
        )
