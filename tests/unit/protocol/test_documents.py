"""JSON from strangers: one meaning, in bounded time."""

import time
from typing import Any

import pytest

from apigateway.protocol.documents import (
    DEEPEST,
    DocumentError,
    parse_json,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "x"]} ', {"a": [1, 2.5, True, None, "x"]}),
        ('"中"'.encode(), "中"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"-0", 0),
        (b"1e300", 1e300),
        (b'"[[[["', "[[[["),
    ],
)
def test_a_plain_document_is_read(raw: bytes, value: Any) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"1 2", "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e999", "a number out of range"),
        (b"-1e999", "a number out of range"),
        (b"[1, 2.5E+0400]", "a number out of range"),
        (b'{"a": ' + b"7" * 250 + b"e60}", "a number out of range"),
        (b'{"a": 1, "a": 2}', "a key stands twice in one object"),
        (b'{"a": 1, "\\u0061": 2}', "a key stands twice in one object"),
        (b'"\\ud800"', "a lone surrogate in a string"),
        (b'{"\\udfff": 1}', "a lone surrogate in a string"),
        (b"1" * 5000, "a number out of range"),
    ],
)
def test_a_document_with_no_meaning_or_two_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_json(raw)
    assert str(caught.value) == reason


def test_an_integer_beyond_a_double_is_refused_like_the_same_number_with_an_exponent() -> None:
    for raw in (b"1e400", b"1" + b"0" * 400):
        with pytest.raises(DocumentError):
            parse_json(raw)


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"]
)
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    def document(depth: int) -> bytes:
        return opening * depth + b"1" + closing * depth

    parse_json(document(DEEPEST))
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(DocumentError) as caught:
            parse_json(document(depth))
        assert str(caught.value) == f"nested deeper than {DEEPEST}"


@pytest.mark.parametrize("inner", [b"1", b'"\\\\"', b'"\\"]]]]"', b'"[{"', b"[{}, {}], []"])
def test_the_deepest_document_is_read_whatever_is_in_it(inner: bytes) -> None:
    depth = DEEPEST - (2 if inner.startswith(b"[") else 0)
    for over in (0, 1):
        raw = b'{"x":[' * (depth // 2) + b"[" * over + inner + b"]" * over + b"]}" * (depth // 2)
        if over:
            with pytest.raises(DocumentError):
                parse_json(raw)
        else:
            parse_json(raw)


def test_brackets_that_never_close_are_refused_in_bounded_time() -> None:
    for raw in (b"[" * 2_000_000, b"[]" * 1_000_000, b"[{" * 65, b"]" * 2_000_000):
        assert seconds_for(raw) < 3


def test_brackets_side_by_side_or_in_strings_are_no_depth() -> None:
    assert len(parse_json(b"[" + b"[]," * 500 + b'"[[{{\\"[["]')) == 501
    assert parse_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def seconds_for(raw: bytes) -> float:
    """Of the processor, which other processes do not lengthen."""
    began = time.thread_time()
    with pytest.raises(DocumentError):
        parse_json(raw)
    return time.thread_time() - began


def test_a_million_keys_are_read_in_bounded_time() -> None:
    raw = b"{" + b'"a":1,' * 300_000 + b'"a":1}'
    assert seconds_for(raw) < 5


def test_a_string_of_escaped_quotes_that_never_ends_is_refused_in_bounded_time() -> None:
    assert seconds_for(b"[" * 65 + b'"' + b'\\"' * 16_000) < 0.5
