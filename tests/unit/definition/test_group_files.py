"""The APIs of a folder: put together anew when one of them is another, and only then."""

import os
from pathlib import Path

import pytest
from unit.definition.test_openid import JWK_TEXT, key, login
from unit.definition.written import API, SIMPLE_API, Written

from apigateway.definition.group_files import GroupFiles, Memory, read_group_files
from apigateway.definition.places import GroupPlaces, find_files
from apigateway.definition.problems import Report
from apigateway.model.group import Group

LATER = 10**19
GROUP = Group(id="1", name="weather", region="cn-hangzhou", subdomain="weather.test")
OTHER = "definitions/weather/other.yaml"


class Reading:
    """One process that reads the folder of the group `weather` again and again."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.memory = Memory()
        self.places = self.found()

    def found(self) -> GroupPlaces:
        root = self.written.root
        return find_files(root / "definitions", root / "policies", Report()).groups[0]

    def read(self, group: Group = GROUP, account: str = "1001") -> GroupFiles:
        report = Report()
        return read_group_files(self.places, group, account, self.memory, report, LATER)


@pytest.fixture
def reading(written: Written) -> Reading:
    written.write(OTHER, SIMPLE_API.format(name="Other", method="GET", path="/other"))
    return Reading(written)


def test_the_same_files_are_the_very_same_thing(reading: Reading) -> None:
    first = reading.read()
    os.utime(reading.written.root / API, (1, 1))
    assert reading.read() is first
    assert [placed.object.name for placed in first.apis.apis] == ["GetForecast", "Other"]
    assert first.names == {"GetForecast", "Other"}
    assert len(first.paths) == 2


def test_an_edited_file_is_another_thing_with_the_others_in_it(reading: Reading) -> None:
    first = reading.read()
    text = SIMPLE_API.format(name="Other", method="PUT", path="/other")
    reading.written.write(OTHER, text)
    second = reading.read()
    assert second is not first
    assert second.files[0] is first.files[0]
    assert second.files[1] is not first.files[1]


def test_another_listing_of_the_folder_is_another_thing(reading: Reading) -> None:
    first = reading.read()
    reading.written.remove(OTHER)
    reading.places = reading.found()
    assert reading.read().names == {"GetForecast"}
    assert first.names == {"GetForecast", "Other"}


@pytest.mark.parametrize(
    ("group", "account"),
    [
        (Group(id="1", name="climate", region="cn-hangzhou", subdomain="weather.test"), "1001"),
        (Group(id="1", name="weather", region="cn-beijing", subdomain="weather.test"), "1001"),
        (GROUP, "1002"),
    ],
)
def test_another_group_region_or_account_is_another_thing(
    reading: Reading, group: Group, account: str
) -> None:
    first, second = reading.read(), reading.read(group, account)
    ids = {placed.object.id for found in (first, second) for placed in found.apis.apis}
    assert len(ids) == 4
    assert second.apis.name == group.name


def test_a_file_that_an_api_names_counts(reading: Reading) -> None:
    root: Path = reading.written.root
    (root / "definitions/weather/key.json").write_text(JWK_TEXT)
    reading.written.write(OTHER, login(key('"file:key.json"')).replace("§", ""))
    first = reading.read()
    assert root / "definitions/weather/key.json" in first.paths
    assert reading.read() is first
    (root / "definitions/weather/key.json").write_text("{}")
    second = reading.read()
    assert second is not first
    assert len(second.errors) == 1


def test_what_gives_no_data_is_told_and_left_out(reading: Reading) -> None:
    reading.written.write(OTHER, "name: [")
    found = reading.read()
    assert found.names == {"GetForecast"}
    assert [problem.file for problem in found.errors] == [OTHER]
    assert reading.read() is found


def test_a_file_that_cannot_be_read_is_looked_for_each_time(reading: Reading) -> None:
    reading.written.remove(OTHER)
    first = reading.read()
    assert len(first.errors) == 1
    reading.written.write(OTHER, SIMPLE_API.format(name="Other", method="GET", path="/other"))
    assert reading.read().errors == []


def test_what_is_gone_is_forgotten(reading: Reading) -> None:
    reading.read()
    memory = reading.memory
    here = {place.path for place in reading.places.apis}
    memory.forget_others(frozenset(here))
    assert (len(memory.apis), len(memory.sources.seen), len(memory.groups)) == (2, 2, 1)
    memory.forget_others(frozenset(here - {reading.written.root / OTHER}))
    assert (len(memory.apis), len(memory.sources.seen), len(memory.groups)) == (1, 1, 1)
    memory.forget_others(frozenset())
    assert (memory.apis, memory.sources.seen, memory.groups) == ({}, {}, {})
