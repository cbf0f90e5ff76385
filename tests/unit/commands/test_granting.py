"""Whom and what `grant` and `revoke` mean."""

from collections.abc import Sequence

import click
import pytest
from unit.definition.sample import sample_project

from apigateway.commands.granting import Done, Row, declared_apis, print_json, print_rows, wishes_of
from apigateway.model.group import Environment

TEST, PRE, RELEASE = Environment
PROJECT = sample_project()


def wishes(words: Sequence[str], apps: Sequence[str] = ()) -> list[tuple[str, str, object]]:
    return [(one.app.name, one.group, one.apis) for one in wishes_of(PROJECT, words, apps)]


def test_the_first_word_is_the_app_unless_apps_are_named() -> None:
    assert wishes(["demo", "GetForecast"]) == [("demo", "weather", ("GetForecast",))]
    assert wishes(["GetForecast"], ["demo"]) == wishes(["demo", "GetForecast"])


def test_apis_of_a_group_are_one_wish_and_a_group_is_all_of_it() -> None:
    assert wishes(["demo", "weather/SaveNote", "accounts", "GetForecast", "SaveNote"]) == [
        ("demo", "weather", ("SaveNote", "GetForecast")),
        ("demo", "accounts", None),
    ]
    assert wishes(["demo", "weather", "GetForecast"]) == [("demo", "weather", None)]
    assert wishes(["demo", "GetForecast", "weather"]) == [("demo", "weather", None)]


def test_an_app_that_is_named_twice_is_one() -> None:
    assert len(wishes(["weather"], ["demo", "203753385"])) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demo"], "say which APIs"),
        (["dmo", "weather"], 'no app "dmo"; did you mean "demo"?'),
        (["demo", "wether"], 'no API or group "wether"; did you mean "weather"?'),
    ],
)
def test_words_that_mean_nothing_are_told(words: list[str], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        wishes(words)


def test_the_apis_of_each_group_are_known() -> None:
    assert declared_apis(PROJECT)["accounts"] == [
        "BrowseFiles",
        "GetInvoice",
        "GetProfile",
        "LogIn",
        "SavePhoto",
    ]


def test_environments_of_one_api_stand_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("demo", "weather", "A", TEST),
        Row("demo", "weather", "B", TEST),
        Row("demo", "weather", "A", RELEASE),
    ]
    print_rows(rows, "may now call")
    assert capsys.readouterr().out == (
        "demo may now call weather/A in TEST, RELEASE\ndemo may now call weather/B in TEST\n"
    )
    print_json("granted", Done(rows[:1], [], []), ["notice"])
    assert '"environment": "TEST"' in capsys.readouterr().out
