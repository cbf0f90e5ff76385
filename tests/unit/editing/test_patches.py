"""Changes of a text, made all at once."""

import pytest

from apigateway.editing.patches import Patches


def test_places_are_those_of_the_text_as_it_was() -> None:
    patches = Patches("abcdef")
    patches.put(4, 5, "E")
    patches.put(0, 1, "A")
    patches.put(2, 2, "-")
    assert patches.applied() == "Ab-cdEf"


def test_what_is_put_at_one_place_stands_in_the_order_of_the_calls() -> None:
    patches = Patches("ab")
    patches.put(1, 2, "")
    patches.put(1, 1, "1")
    patches.put(1, 1, "2")
    assert patches.applied() == "a12"


def test_lines_end_as_the_others_do() -> None:
    patches = Patches("a\r\nb\r\n")
    patches.put_lines(3, ["x", "y"])
    assert patches.applied() == "a\r\nx\r\ny\r\nb\r\n"


def test_lines_behind_a_last_line_without_an_end_begin_one() -> None:
    patches = Patches("a")
    patches.put_lines(1, ["b", "c"])
    assert patches.applied() == "a\nb\nc"


def test_two_changes_of_one_place_are_refused() -> None:
    patches = Patches("abc")
    patches.put(0, 2, "x")
    patches.put(1, 3, "y")
    with pytest.raises(ValueError, match="two changes"):
        patches.applied()
