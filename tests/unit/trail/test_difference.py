"""Two strings with a mark under the byte from which they differ."""

import pytest

from apigateway.trail.difference import columns, marked_difference, terminal_line, window


def test_the_mark_stands_under_the_first_byte_that_differs() -> None:
    assert marked_difference(("client", "GET\n\n/a"), ("us", "GET\n*/*\n/a"), 4) == [
        "client  GET##/a",
        "us      GET#*/*#/a",
        "            ^",
    ]
    lines = marked_difference(("a", "中x"), ("b", "中y"), 3, "|")
    assert lines == ["a  中x", "b  中y", "     ^"]


def test_only_what_is_around_the_difference_is_shown() -> None:
    text, column = window("a" * 100 + "X" + "b" * 100, 100)
    assert text == "..." + "a" * 24 + "X" + "b" * 55
    assert column == 27


def test_a_character_that_differs_in_its_last_byte_is_shown_whole() -> None:
    at = "a中".encode().index("中".encode()[2])
    assert window("a中b", at) == ("a中b", 1)
    assert window("a丰b", at) == ("a丰b", 1)
    assert window("ab", 2) == ("ab", 2)


@pytest.mark.parametrize(
    ("text", "wide"), [("abc", 3), ("中国", 4), ("e\u0301", 1), ("ｆ", 2), ("\u2026", 1), ("", 0)]
)
def test_columns_are_those_of_a_terminal(text: str, wide: int) -> None:
    assert columns(text) == wide


def test_no_control_character_reaches_a_terminal() -> None:
    assert terminal_line("a\n\x1b[1m\udcff\x07b") == "a#\ufffd[1m\ufffd\ufffdb"
    assert terminal_line("a\nb", " ") == "a b"
