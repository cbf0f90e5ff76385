"""Who asks, about which APIs."""

from dataclasses import replace
from pathlib import Path

import click
import pytest
from unit.definition.sample import sample_project

from apigateway.commands.desk import chosen_apis, open_desk, open_store, who

PROJECT = sample_project()


def names(*asked: str) -> list[str]:
    return [f"{api.group}/{api.name}" for api in chosen_apis(PROJECT, asked)]


def test_an_api_is_meant_by_its_name_its_whole_name_or_its_group() -> None:
    assert names("GetForecast") == names("weather/GetForecast") == ["weather/GetForecast"]
    assert names("accounts") == [
        f"{api.group}/{api.name}" for api in PROJECT.apis if api.group == "accounts"
    ]


def test_what_is_meant_twice_is_chosen_once_in_the_order_of_the_files() -> None:
    both = names("GetStatus", "weather", "GetForecast")
    assert both == [f"{api.group}/{api.name}" for api in PROJECT.apis if api.group == "weather"]


def test_a_name_that_means_nothing_is_mended() -> None:
    with pytest.raises(click.UsageError, match='no API or group "GetForcast"; did you mean "Get'):
        names("GetForcast")


def test_a_name_of_two_apis_has_to_be_whole() -> None:
    twin = replace(PROJECT.apis[0], id="f" * 32, name="GetForecast", group="accounts")
    project = replace(PROJECT, apis=(*PROJECT.apis, twin))
    with pytest.raises(click.UsageError, match="say which: weather/GetForecast, accounts/GetFor"):
        chosen_apis(project, ["GetForecast"])
    assert len(chosen_apis(project, ["accounts/GetForecast"])) == 1


def test_a_group_and_an_api_of_one_name_have_to_be_told_apart() -> None:
    twin = replace(PROJECT.apis[0], id="f" * 32, name="weather")
    project = replace(PROJECT, apis=(*PROJECT.apis, twin))
    with pytest.raises(click.UsageError, match="is a group and an API"):
        chosen_apis(project, ["weather"])


def test_who_is_said_or_the_user_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIGATEWAY_USER", raising=False)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("LOGNAME", "ann")
    assert who() == "ann"
    monkeypatch.setenv("SUDO_USER", "bob")
    assert who() == "bob"
    monkeypatch.setenv("APIGATEWAY_USER", "pipeline")
    assert who() == "pipeline"
    assert who("me") == "me"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError

    for variable in ("APIGATEWAY_USER", "SUDO_USER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("getpass.getuser", nameless)
    assert who().startswith("user ")


def test_a_store_that_cannot_be_opened_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = replace(PROJECT.settings, store=tmp_path / "file" / "gateway.db")
    with (
        pytest.raises(click.ClickException, match="the store cannot be used"),
        open_store(settings),
    ):
        pass


def test_definitions_that_are_broken_end_the_command(tmp_path: Path) -> None:
    (tmp_path / "definitions").mkdir()
    with pytest.raises(SystemExit), open_desk(tmp_path / "definitions", None):
        pass
