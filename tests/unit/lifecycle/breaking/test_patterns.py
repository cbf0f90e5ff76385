"""Patterns of which one takes all that the other takes, as far as that is told."""

import pytest

from apigateway.lifecycle.breaking.patterns import takes_all_of


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a-z]+", "[a-z]+"),
        ("rain", "rain|wind"),
        ("a|b", "a|b|c{2}"),
        ("[a-z]{2,30}", "[a-z]{1,40}"),
        ("[a-z]{2,30}", "[a-z]{2,}"),
        ("[a-z]{3}", "[a-z]{2,3}"),
        ("(ab){2,3}[0-9]{4}", "(ab){1,3}[0-9]{4,5}"),
        (r"[]{2,3}]{2,3}", r"[]{2,3}]{1,3}"),
        (r"\[x{2,3}", r"\[x{1,3}"),
    ],
)
def test_one_more_choice_and_a_wider_count_take_all(before: str, after: str) -> None:
    assert takes_all_of(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rain|wind", "rain"),
        ("[a-z]{2,30}", "[a-z]{3,40}"),
        ("[a-z]{2,}", "[a-z]{2,40}"),
        ("[a-z]+", "[a-z]*"),  # it does, but that is not told
        ("[{2,3}]", "[{1,3}]"),
        ("[[:^alpha:]{2,3}]", "[[:^alpha:]{1,3}]"),
        ("[a[b]{2,3}]", "[a[b]{1,3}]"),
        (r"x\{2,3}", r"x\{1,3}"),
        (r"\Qx{2,3}\E", r"\Qx{1,3}\E"),
        (r"\Qx", r"\Qx|y"),
        ("ab", "abc"),
    ],
)
def test_what_is_not_known_is_not_said(before: str, after: str) -> None:
    assert not takes_all_of(after, before)
