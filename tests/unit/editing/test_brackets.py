"""Changes inside of brackets."""

from typing import Any

import pytest

from apigateway.editing.text import revised


def edited(text: str, data: Any) -> str:
    return revised(text.encode(), data).decode()


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a", "b", "c", "d"], "x: [a, b, c, d]  # why\n"),
        (["z", "a", "b", "c"], "x: [z, a, b, c]  # why\n"),
        (["a", "z", "b", "c"], "x: [a, z, b, c]  # why\n"),
        (["b", "c"], "x: [b, c]  # why\n"),
        (["a", "c"], "x: [a, c]  # why\n"),
        (["a"], "x: [a]  # why\n"),
        (["c"], "x: [c]  # why\n"),
        (["a", "x", "c"], "x: [a, x, c]  # why\n"),
        (["new", "names"], "x: [new, names]  # why\n"),
        ([], "x: []         # why\n"),
    ],
)
def test_names_come_and_go_with_their_commas(names: list[str], text: str) -> None:
    assert edited("x: [a, b, c]  # why\n", {"x": names}) == text


def test_one_value_of_a_mapping_changes_alone() -> None:
    text = "- {name: days,  in: query, maximum: 14, pattern: '[a-z]'}\n"
    new = [{"name": "days", "in": "query", "maximum": 20, "pattern": "[0-9]"}]
    assert edited(text, new) == "- {name: days,  in: query, maximum: 20, pattern: '[0-9]'}\n"


def test_keys_come_and_go() -> None:
    text = "x: {a: 1, b: 2, c: {d: 3}}\n"
    assert edited(text, {"x": {"a": 1, "c": {"d": 3, "e": 4}, "f": 5}}) == (
        "x: {a: 1, c: {d: 3, e: 4}, f: 5}\n"
    )


SPREAD = """\
apis: [
  GetForecast,     # the first
  # about the next
  CreateReport,
  SaveNote         # the last
]
"""


@pytest.mark.parametrize(
    ("names", "gone", "new"),
    [
        (["CreateReport", "SaveNote"], ["  GetForecast,     # the first"], []),
        (["GetForecast", "SaveNote"], ["  CreateReport,"], []),
        (["GetForecast", "CreateReport"], ["  SaveNote         # the last"], []),
        (["New", "GetForecast", "CreateReport", "SaveNote"], [], ["  New,"]),
        (["GetForecast", "CreateReport", "New", "SaveNote"], [], ["  New,"]),
        (
            ["GetForecast", "CreateReport", "SaveNote", "New"],
            ["  SaveNote         # the last"],
            ["  SaveNote,         # the last", "  New"],
        ),
    ],
)
def test_items_on_lines_of_their_own_come_and_go_as_lines(
    names: list[str], gone: list[str], new: list[str]
) -> None:
    before, after = SPREAD.splitlines(), edited(SPREAD, {"apis": names}).splitlines()
    assert [line for line in before if line not in after] == gone
    assert [line for line in after if line not in before] == new


def test_a_comma_behind_the_last_item_stays_a_manner() -> None:
    assert edited("x: [\n  a,\n]\n", {"x": ["a", "b"]}) == "x: [\n  a,\n  b,\n]\n"


def test_names_in_quotes_get_neighbours_in_quotes() -> None:
    assert edited("x: ['a', 'b']\n", {"x": ["a", "b", "c"]}) == "x: ['a', 'b', 'c']\n"
