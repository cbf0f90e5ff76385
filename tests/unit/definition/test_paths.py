"""Path patterns: what is one, and what the router takes."""

import pytest

from apigateway.definition.paths import (
    faults_of_base_path,
    faults_of_path,
    has_rest,
    names_in,
    shape_of,
)
from apigateway.protocol.matching import parse_pattern


@pytest.mark.parametrize("path", ["/", "/a", "/a/[b]", "/[b]/*", "/*", "/a.b/~c-d/é", "/[a_b-c]"])
def test_patterns_of_the_guide_are_taken_and_the_router_takes_them_too(path: str) -> None:
    assert list(faults_of_path(path)) == []
    assert parse_pattern(path).names == names_in(path)
    assert parse_pattern(path).open_ended == has_rest(path)


@pytest.mark.parametrize("segment", ["%2e%2e", "%2E", "%00", "%ff", "%C3"])
def test_an_escape_that_the_router_cannot_take_is_a_fault_of_a_backend_path(segment: str) -> None:
    ((what, _),) = faults_of_path(f"/a/{segment}/b", backend=True)
    assert what.startswith(f'the segment "{segment}" has no single meaning')


@pytest.mark.parametrize("segment", ["%2F", "%41", "%C3%A9", "..;x"])
def test_any_other_escape_of_a_backend_path_is_taken(segment: str) -> None:
    assert list(faults_of_path(f"/a/{segment}", backend=True)) == []
    assert parse_pattern(f"/a/{segment}").segments


@pytest.mark.parametrize(
    ("path", "what", "mend"),
    [
        ("a", 'the path "a" does not start with "/"', 'write "/a"'),
        (
            "/a//b",
            'the path holds an empty segment ("//")',
            'write one "/" between segments and none at the end',
        ),
        (
            "/a/",
            'the path ends with "/"',
            'write one "/" between segments and none at the end',
        ),
        ("/a/../b", 'the path holds the segment ".."', "write the path it leads to"),
        ("/*/a", '"*" may only be the last segment of a path', 'end the path with "/*"'),
        ("/a*", '"*" may only be the last segment of a path', 'end the path with "/*"'),
        ("/{a}", 'the segment "{a}" holds braces', "write a parameter as [name]"),
        (
            "/a[b]",
            'the segment "a[b]" is not a parameter',
            "write [name] as a whole segment: letters, digits, '_' or '-', a letter first",
        ),
        (
            "/[]",
            'the segment "[]" is not a parameter',
            "write [name] as a whole segment: letters, digits, '_' or '-', a letter first",
        ),
        ("/a?b=c", "the path holds a query or fragment", "declare query parameters instead"),
        (
            "/a b",
            'the segment "a b" holds a character that no path has',
            "write letters, digits and - . _ ~ ! $ & ' ( ) + , ; = : @",
        ),
        ("/[a]/[a]", "[a] stands twice in the path", "give each its own name"),
    ],
)
def test_what_is_no_pattern_is_told_with_a_way_to_mend(path: str, what: str, mend: str) -> None:
    assert list(faults_of_path(path)) == [(what, mend)]


def test_a_hash_is_no_variable_yet_in_a_backend_path_and_never_one_in_a_request_path() -> None:
    assert list(faults_of_path("/a/b#c", backend=True)) == [
        (
            'the segment "b#c" holds a "#" that is not part of a variable',
            "write #name#: a letter, then letters, digits, '_' or '-'",
        )
    ]
    assert list(faults_of_path("/a/#b#")) == [
        (
            'the segment "#b#" holds a stage variable',
            "write it in the backend: its address, path and constants may hold them",
        )
    ]
    ((what, _),) = faults_of_path("/a#b")
    assert what == "the path holds a query or fragment"


def test_only_a_backend_path_may_hold_escapes() -> None:
    assert list(faults_of_path("/a%20b"))
    assert not list(faults_of_path("/a%20b", backend=True))
    assert list(faults_of_path("/a%2", backend=True))


def test_patterns_of_one_shape_take_the_same_calls() -> None:
    assert shape_of("/a/[b]/*") == shape_of("/a/[c]/*") == "/a/[]/*"


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("", []),
        ("/v1", []),
        ("/v1/", [('the base path ends with "/"', 'write "/v1"')]),
        (
            "/[v]",
            [
                (
                    "the base path holds a parameter or '*'",
                    "write these in the paths of the APIs",
                )
            ],
        ),
        ("v1", [('the path "v1" does not start with "/"', 'write "/v1"')]),
    ],
)
def test_a_base_path_is_literal(path: str, faults: list[tuple[str, str]]) -> None:
    assert list(faults_of_base_path(path)) == faults
