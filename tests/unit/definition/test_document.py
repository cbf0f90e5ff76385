"""YAML as plain data with positions; what makes a file mean something else is refused."""

from pathlib import Path
from typing import Any

import pytest

from apigateway.definition.document import (
    MAX_FILE_BYTES,
    Document,
    Unreadable,
    read_document,
)
from apigateway.definition.plain_yaml import MAX_DEPTH

SOURCE = Path("a.yaml")


def read(text: str | bytes) -> Document:
    content = text if isinstance(text, bytes) else text.encode()
    document, faults = read_document("a.yaml", SOURCE, content)
    assert faults == []
    return document


def faults_of(text: str | bytes) -> list[tuple[int, int, str]]:
    content = text if isinstance(text, bytes) else text.encode()
    try:
        faults = read_document("a.yaml", SOURCE, content)[1]
    except Unreadable as unreadable:
        faults = list(unreadable.faults)
    return [(fault.line, fault.column, fault.what) for fault in faults]


def test_mappings_lists_and_scalars_become_plain_data() -> None:
    data = read("a: [1, 2.5, true, null, x]\nb: {c: 'yes'}\n").data
    assert data == {"a": [1, 2.5, True, None, "x"], "b": {"c": "yes"}}


def test_every_value_knows_its_line_and_column() -> None:
    document = read("a:\n  - x\n  - {b: 1, é: 2}\n")
    assert document.mark() == (1, 1)
    assert document.mark("a") == (2, 3)
    assert document.mark("a", 0) == (2, 5)
    assert document.mark("a", 1, "b") == (3, 9)
    assert document.key_mark("a", 1, "é") == (3, 12)
    assert document.key_mark("a", 1) == (3, 5)


def test_a_value_that_is_not_there_is_where_the_nearest_one_around_it_is() -> None:
    document = read("a:\n  b: 1\n")
    assert document.mark("a", "c", "d") == (2, 3)
    assert document.mark("z") == (1, 1)


def test_a_document_without_a_file_has_no_positions() -> None:
    assert Document("release", {"a": 1}).mark("a") == (0, 0)


def test_a_byte_order_mark_is_left_out() -> None:
    document = read(b"\xef\xbb\xbfa: 1")
    assert document.data == {"a": 1}
    assert document.key_mark("a") == (1, 1)


def test_windows_line_ends_are_line_ends() -> None:
    assert read("a: 1\r\nb: 2\r\n").key_mark("b") == (2, 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", (1, 1, "the file is empty")),
        ("# only a comment\n", (1, 1, "the file is empty")),
        ("---\n", (1, 1, "the file is empty")),
        ("a: 1\nb: 2\na: 3\n", (3, 1, 'the key "a" stands twice')),
        ("a: &x 1\n", (1, 4, "an anchor (&) is not permitted here")),
        ("a: &x {b: 1}\n", (1, 4, "an anchor (&) is not permitted here")),
        ("a: *x\n", (1, 4, "an alias (*) is not permitted here")),
        ("<<: {b: 1}\n", (1, 1, "a merge key (<<) is not permitted")),
        ("a: !!str 1\n", (1, 4, "a tag (!) is not permitted")),
        ("a: !x [1]\n", (1, 4, "a tag (!) is not permitted")),
        ("a: 1\n---\nb: 2\n", (2, 1, "a second document starts here")),
        ("404: x\n", (1, 1, "the key 404 is not text")),
        ("a: {true: x}\n", (1, 5, "the key true is not text")),
        ("{~: x}\n", (1, 2, "the key ~ is not text")),
        ("? [a]\n: b\n", (1, 3, "a key must be text, not a list or mapping")),
        ("a:\n\tb: 1\n", (2, 1, "a tab stands where YAML wants spaces")),
        ("a: b: c\n", (1, 5, 'a ":" stands where none may')),
        ("a: [1, 2\nb: 3\n", (2, 2, "a list or mapping in brackets is not closed")),
        ("a: 'x\n", (2, 1, "a quoted text is not closed")),
        ("a: @x\n", (1, 4, "a value cannot start with this character")),
        ('a: "\\q"\n', (1, 5, "an unknown escape stands in this text")),
        ("a: .inf\n", (1, 4, "infinity and NaN are not permitted")),
        ("a: 1e999\n", (1, 4, "the number is too large")),
        ("a: 1\nb: \x07\n", (2, 4, "the control character U+0007 is not permitted")),
        ("a: é\nb: ".encode() + b"\xff\n", (2, 4, "the file is not UTF-8 text")),
        (b"a" * (MAX_FILE_BYTES + 1), (1, 1, f"the file is larger than {MAX_FILE_BYTES} bytes")),
    ],
)
def test_what_is_wrong_with_the_text_is_told_with_its_place(
    text: str | bytes, fault: tuple[int, int, str]
) -> None:
    assert faults_of(text) == [fault]


def test_a_number_of_endless_digits_is_refused() -> None:
    assert faults_of("a: " + "9" * 5000) == [(1, 4, "the number has too many digits")]


def test_nesting_has_a_limit() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).data
    expected = [(1, MAX_DEPTH + 1, f"more than {MAX_DEPTH} levels deep")]
    assert faults_of("[" * (MAX_DEPTH + 1)) == expected
    assert faults_of("[" * 200_000) == expected


def test_every_fault_of_a_readable_file_is_told() -> None:
    assert len(faults_of("a: 1\na: 2\n1: &x 3\n")) == 3


def test_of_a_key_that_stands_twice_the_first_counts() -> None:
    document, _ = read_document("a.yaml", SOURCE, b"a: 1\na: {b: 2}\n")
    assert document.data == {"a": 1}
    assert document.mark("a") == (1, 4)


def test_a_syntax_error_never_shows_the_text() -> None:
    secret = "Sup3rSecret"
    for text in (f"s: *{secret}", f"s: &{secret} {secret}", f"s: !{secret} x", f's: "{secret}'):
        try:
            shown: Any = read_document("a.yaml", SOURCE, text.encode())[1]
        except Unreadable as unreadable:
            shown = unreadable.faults
        assert shown
        assert secret not in str(shown)


def test_without_libyaml_the_same_data_and_places_come_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "a:\n  - {b: 1, c: 'x'}\n  - yes\n"
    fast = read(text)
    import yaml

    for module in ("document", "plain_yaml"):
        monkeypatch.setattr(f"apigateway.definition.{module}.EventReader", yaml.SafeLoader)
    slow = read(text)
    assert slow.data == fast.data
    assert slow.mark("a", 0, "c") == fast.mark("a", 0, "c")
