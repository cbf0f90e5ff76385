"""What a gateway that starts with the files would serve."""

from pathlib import Path

import pytest
from unit.testing.samples import ROOT, copied

from apigateway.definition.problems import DefinitionError
from apigateway.model.group import Environment
from apigateway.model.release import DRAFT
from apigateway.testing.loading import load, named_environments


def test_every_draft_is_served_where_a_start_would_release_it() -> None:
    loaded = load(ROOT / "definitions", None)
    served = {(one.group.name, one.api.name) for one in loaded.catalog.served}
    assert ("weather", "GetForecast") in served
    assert {one.environment for one in loaded.catalog.served} == {Environment.RELEASE}
    assert {one.version for one in loaded.catalog.served} == {DRAFT}
    assert loaded.apps.keys() == {"demo"}


def test_drafts_are_served_in_the_environments_that_are_asked_for() -> None:
    both = (Environment.TEST, Environment.PRE)
    served = load(ROOT / "definitions", None, both).catalog.served
    assert {one.environment for one in served} == set(both)


def test_folders_are_read_once() -> None:
    assert load(ROOT / "definitions", None) is load(ROOT / "definitions", None)


def test_policies_may_be_elsewhere(tmp_path: Path) -> None:
    definitions = copied(tmp_path)
    policies = (tmp_path / "policies").rename(tmp_path / "other")
    one = next(
        one for one in load(definitions, policies).catalog.served if one.api.name == "GetForecast"
    )
    assert one.throttling is not None


def test_a_folder_that_is_not_there_is_said_with_the_way_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no folder .*nowhere: .*--apigateway-definitions DIR"):
        load(tmp_path / "nowhere", None)
    with pytest.raises(ValueError, match=r"no folder .*none: .*--apigateway-policies DIR"):
        load(ROOT / "definitions", tmp_path / "none")


def test_broken_definitions_are_told_all_at_once(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        for name in ("get-forecast", "get-status"):
            (folder / "definitions" / "weather" / f"{name}.yaml").write_text("name: 1\n")

    with pytest.raises(DefinitionError) as raised:
        load(copied(tmp_path, broken), None)
    assert len({problem.file for problem in raised.value.problems}) >= 2


def test_environments_are_known_by_their_names() -> None:
    assert named_environments(["test", "RELEASE"]) == (Environment.TEST, Environment.RELEASE)
    assert named_environments([]) == ()
    with pytest.raises(ValueError, match="no environment 'LIVE'; write one of TEST, PRE, RELEASE"):
        named_environments(["LIVE"])
