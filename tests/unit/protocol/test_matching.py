"""Patterns, canonical paths and the route table."""

import pytest

from apigateway.protocol.matching import (
    ANY_METHOD,
    PathError,
    PathPattern,
    RouteTable,
    parse_pattern,
    split_path,
)


@pytest.mark.parametrize(
    ("text", "segments", "open_ended"),
    [
        ("/", (), False),
        ("/*", (), True),
        ("/a/[b]", ("a", ("b",)), False),
        ("/[root]/*", (("root",),), True),
        ("/%E4%B8%AD", ("中",), False),
        ("/a%2Fb", ("a/b",), False),
    ],
)
def test_a_pattern_is_literals_parameters_and_an_open_end(
    text: str, segments: tuple[str | tuple[str], ...], open_ended: bool
) -> None:
    assert parse_pattern(text) == PathPattern(segments, open_ended)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/a/",
        "//a",
        "/*/a",
        "/a*",
        "/a[b]",
        "/[a",
        "/[]",
        "/[a]/[a]",
        "/a/../b",
        "/.",
        "/a?b",
        "/a#b",
        "/%zz",
        "/%2e%2e",
        "/a\\b",
        "/\x00",
    ],
)
def test_a_pattern_with_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_pattern(text)


def test_names_of_a_pattern_are_in_order() -> None:
    assert parse_pattern("/[b]/x/[a]").names == ("b", "a")


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        ("/", ()),
        ("/a/b", ("a", "b")),
        ("/a/", ("a", "")),
        ("/%64eny", ("deny",)),
        ("/a%2Fb", ("a/b",)),
        ("/a%5Cb", ("a\\b",)),
        ("/%25E4", ("%E4",)),
        ("/a+b", ("a+b",)),
        ("/a;b=c", ("a;b=c",)),
        ("/...", ("...",)),
    ],
)
def test_a_path_has_one_canonical_form(raw: str, segments: tuple[str, ...]) -> None:
    assert split_path(raw) == segments


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "*",
        "a/b",
        "//deny",
        "/a//b",
        "/a/../b",
        "/./a",
        "/%2e%2E/a",
        "/a/.",
        "/a\\b",
        "/%00",
        "/%0d%0a",
        "/\x7f",
        "/%",
        "/%4",
        "/%zz",
        "/%FF",
        "/%C0%AF",
        "/%ED%A0%80",
    ],
)
def test_a_path_that_can_be_read_in_two_ways_is_refused(raw: str) -> None:
    with pytest.raises(PathError):
        split_path(raw)


@pytest.mark.parametrize("raw", [b"/\xff", b"/\xff%20", b"/a%20\xc0\xaf"])
def test_a_path_with_bytes_that_are_not_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(PathError):
        split_path(raw.decode("utf-8", "surrogateescape"))


def table(*patterns: str, method: str = "GET") -> RouteTable[str]:
    made: RouteTable[str] = RouteTable()
    for pattern in patterns:
        made.add(method, parse_pattern(pattern), pattern)
    return made


def found(routes: RouteTable[str], path: str, method: str = "GET") -> str | None:
    match = routes.match(method, split_path(path))
    return None if match is None else match.endpoint


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/request/to/[path]", "/request/to/user1", {"path": "user1"}),
        ("/[p1]/[p2]", "/group1/user1", {"p1": "group1", "p2": "user1"}),
        ("/[root]/*", "/root/user1", {"root": "root"}),
        ("/[a]", "/x%2Fy", {"a": "x/y"}),
    ],
)
def test_a_parameter_takes_one_segment(pattern: str, path: str, values: dict[str, str]) -> None:
    match = table(pattern).match("GET", split_path(path))
    assert match is not None
    assert match.values == values


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/[root]", "/root/user1"),
        ("/[root]", "/"),
        ("/a", "/a/"),
        ("/a/[b]", "/a/"),
        ("/a/*", "/a"),
        ("/*", "/"),
        ("/a", "/A"),
        ("/", "/a"),
    ],
)
def test_what_does_not_match(pattern: str, path: str) -> None:
    assert found(table(pattern), path) is None


def test_a_literal_is_tried_before_a_parameter_and_a_parameter_before_the_rest() -> None:
    routes = table("/a/[b]", "/a/b", "/a/*", "/*")
    assert found(routes, "/a/b") == "/a/b"
    assert found(routes, "/a/c") == "/a/[b]"
    assert found(routes, "/a/c/d") == "/a/*"
    assert found(routes, "/x/y") == "/*"


def test_a_literal_that_leads_nowhere_is_left_again() -> None:
    routes = table("/a/b/c", "/[x]/b/d", "/[x]/*")
    assert found(routes, "/a/b/d") == "/[x]/b/d"
    assert found(routes, "/a/b/e") == "/[x]/*"


def test_patterns_that_share_a_place_keep_their_own_names() -> None:
    routes = table("/[a]/x", "/[b]/y")
    match = routes.match("GET", ("1", "y"))
    assert match is not None and match.values == {"b": "1"}


def test_the_rest_is_what_the_star_took() -> None:
    match = table("/a/*").match("GET", ("a", "b", "c"))
    assert match is not None and match.rest == ("b", "c")
    closed = table("/a").match("GET", ("a",))
    assert closed is not None and closed.rest == ()


def test_a_declared_method_comes_before_any_and_another_method_does_not_match() -> None:
    routes: RouteTable[str] = RouteTable()
    routes.add(ANY_METHOD, parse_pattern("/a"), "any")
    routes.add("GET", parse_pattern("/a"), "get")
    routes.add("GET", parse_pattern("/b"), "b")
    assert found(routes, "/a") == "get"
    assert found(routes, "/a", "POST") == "any"
    assert found(routes, "/b", "POST") is None
