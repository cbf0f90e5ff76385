"""What is told of two projects: names, and never values."""

from dataclasses import replace

from unit.definition.sample import sample_project

from apigateway.definition.project import Project
from apigateway.live.differences import differences, in_words
from apigateway.model.app import Secret

PROJECT = sample_project()


def edited(old: str, new: str) -> Project:
    """Another reading of the same place, with one edit."""
    return replace(sample_project(edit=(old, new)), settings=PROJECT.settings)


def test_a_project_is_no_other_than_itself() -> None:
    assert differences(PROJECT, PROJECT) == {}
    assert differences(PROJECT, edited("GetForecast", "GetForecast")) == {}
    assert in_words({}) == ""


def test_an_edited_draft_is_named() -> None:
    found = differences(PROJECT, edited("3, minimum: 1", "4, minimum: 1"))
    assert found == {"draft": {"changed": ["weather/GetForecast"]}}
    assert in_words(found) == "draft changed: weather/GetForecast"


def test_a_draft_that_only_writes_out_a_default_is_changed_too() -> None:
    other = edited("  method: GET\n", "  method: GET\n  protocols: [http, https]\n")
    assert differences(PROJECT, other) == {"draft": {"changed": ["weather/GetForecast"]}}


def test_what_came_and_went_is_named() -> None:
    fewer = replace(PROJECT, apis=PROJECT.apis[1:], grants=PROJECT.grants[1:])
    gone = PROJECT.apis[0]
    assert differences(fewer, PROJECT)["draft"] == {"added": [f"{gone.group}/{gone.name}"]}
    assert differences(PROJECT, fewer)["draft"] == {"removed": [f"{gone.group}/{gone.name}"]}
    assert list(differences(PROJECT, fewer)) == ["draft", "grant"]


def test_a_new_secret_is_a_change_whose_value_is_not_told() -> None:
    (app,) = PROJECT.apps
    other = replace(PROJECT, apps=(replace(app, secret=Secret("another")),))
    found = differences(PROJECT, other)
    assert found == {"app": {"changed": ["demo"]}}
    assert "another" not in repr(found)


def test_settings_are_one_thing() -> None:
    other = replace(PROJECT, settings=replace(PROJECT.settings, instance_id="other"))
    assert differences(PROJECT, other) == {"settings": {"changed": ["gateway.yaml"]}}


def test_many_names_are_a_number() -> None:
    none = replace(PROJECT, grants=())
    assert in_words(differences(none, PROJECT)) == f"grants added: {len(PROJECT.grants)}"
