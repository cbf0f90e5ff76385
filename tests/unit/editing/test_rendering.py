"""New values as text."""

from typing import Any

import pytest

from apigateway.editing.rendering import entry, inline, is_short, item, lines, same, text_block


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("weather", "weather"),
        ("*", '"*"'),
        ("[a-z]{2,30}", '"[a-z]{2,30}"'),
        ("203753385", '"203753385"'),
        ("true", '"true"'),
        ("yes", '"yes"'),
        ("", '""'),
        ("~", '"~"'),
        ("<<", '"<<"'),
        ("?x", '"?x"'),
        ("#tag#", '"#tag#"'),
        ("a # b", '"a # b"'),
        ('say "a: b"', "'say \"a: b\"'"),
        ("tab\there", '"tab\\there"'),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        (5, "5"),
        (0.5, "0.5"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        ({"a": 1}, "{a: 1}"),
        ([{"a": 1}, ["b", "404"]], '[{a: 1}, [b, "404"]]'),
        ({"404": {"x": "y, z"}}, '{"404": {x: "y, z"}}'),
    ],
)
def test_a_value_in_one_line(value: Any, text: str) -> None:
    assert inline(value) == text


def test_less_needs_quotes_outside_of_brackets() -> None:
    assert inline("/forecast/[city]", inside=False) == "/forecast/[city]"
    assert inline("light rain, fog", inside=False) == "light rain, fog"


def test_quotes_that_are_asked_for_are_put() -> None:
    assert inline("a", quotes="'") == "'a'"
    assert inline("a", quotes='"') == '"a"'
    assert inline("a\nb", quotes="'") == '"a\\nb"'


def test_what_is_short_stands_in_brackets_and_what_is_long_in_lines() -> None:
    long = [f"GetForecastOfDay{number}" for number in range(8)]
    assert lines({"app": "demo", "apis": ["GetForecast"], "more": long}, 2) == [
        "  app: demo",
        "  apis: [GetForecast]",
        "  more:",
        *(f"    - {name}" for name in long),
    ]


def test_mappings_of_a_list_stand_in_lines_of_their_own() -> None:
    assert entry("errors", [{"code": "404"}, {"code": "500"}], 0) == [
        "errors:",
        '  - {code: "404"}',
        '  - {code: "500"}',
    ]
    assert not is_short([{"code": "404"}])


def test_an_item_is_written_as_its_neighbours_are() -> None:
    data = {"app": "demo", "apis": "*"}
    assert item(data, 0, brackets=True) == ['- {app: demo, apis: "*"}']
    assert item(data, 2, brackets=False) == ["  - app: demo", '    apis: "*"']
    assert item({}, 0, brackets=False) == ["- {}"]


def test_text_of_several_lines_stands_behind_a_bar() -> None:
    assert entry("body", "a\n\n b\n", 0) == ["body: |", "  a", "", "   b"]
    assert entry("body", "a\nb", 0) == ["body: |-", "  a", "  b"]


@pytest.mark.parametrize("text", ["one", "one\n\n", "\none\n", " in\ndented", "a\tb\nc", "\n", 5])
def test_text_that_lines_would_not_keep_stands_in_quotes(text: Any) -> None:
    assert text_block(text, 2) == []


def test_numbers_are_the_same_only_when_they_are_of_one_kind() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same(1, 1.0)
    assert not same(1, True)
