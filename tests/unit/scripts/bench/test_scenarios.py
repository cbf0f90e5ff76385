"""scripts/bench/scenarios.py"""

import pytest

from scripts.bench.scenarios import SCENARIOS, Choice, chosen
from scripts.bench.sides import Place


def names(*given: str) -> list[str]:
    return [one.name for one in chosen(given)]


def test_without_names_the_usual_ones_are_chosen_and_all_are_all() -> None:
    assert "signed" in names() and "peers" not in names()
    assert names("all") == [one.name for one in SCENARIOS]


def test_named_ones_come_in_their_own_order() -> None:
    assert names("tls", "mock") == ["mock", "tls"]


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(KeyError, match="signd"):
        chosen(["mock", "signd"])


def test_every_scenario_has_two_sides_of_different_names() -> None:
    for scenario in SCENARIOS:
        sides = [side.name for side in scenario.sides(Choice())]
        assert len(sides) == len(set(sides)) >= 2


def test_options_and_workers_reach_the_gateways_command(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    (signed,) = chosen(["signed"])
    _, gateway = signed.sides(Choice(options=["gateway_fast=off"], workers=3))
    place = Place(port=1, backend_port=2, folder=tmp_path, project=tmp_path, cores=(0,))
    command = gateway.command(place)
    words = list(command.words)
    assert words[words.index("--workers") + 1] == "3"
    assert words[-2:] == ["--set", "gateway_fast=off"]
    assert command.processes == 4 and command.cores == ()
