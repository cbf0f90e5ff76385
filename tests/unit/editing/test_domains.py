"""The domains of a group's document."""

from pathlib import Path
from typing import Any

import pytest
from unit.definition.written import GROUP as GROUP_FILE
from unit.definition.written import Written

from apigateway.editing.domains import (
    Item,
    carried,
    declared_as,
    file_of,
    group_files,
    item_of,
    with_domain,
    without_domain,
)
from apigateway.editing.editor import Editor
from apigateway.editing.files import NotEdited
from apigateway.model.group import Environment

CERTIFICATE = {"name": "shop_2026", "chain": "file:shop.pem", "key": "env:SHOP_KEY"}
GROUP: dict[str, Any] = {
    "name": "weather",
    "domains": ["API.example.com", {"name": "shop.example.com", "certificate": CERTIFICATE}],
    "traffic_limit": 5,
}


def test_the_file_of_a_group_is_found_by_the_groups_name(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.write("definitions/a-folder/group.yaml", "name: accounts\n")
    written.write("definitions/broken/group.yaml", "- no group\n")
    written.write("definitions/stray/get.yaml", "name: AnApi\n")
    editor = Editor(written.root / "definitions", written.root / "policies")
    assert group_files(editor) == {
        "accounts": written.root / "definitions/a-folder/group.yaml",
        "weather": written.root / GROUP_FILE,
    }
    assert file_of(editor, "weather") == written.root / GROUP_FILE
    with pytest.raises(NotEdited, match="the group shop is no longer declared"):
        file_of(editor, "shop")


def test_a_domain_is_found_by_its_name_in_any_case() -> None:
    assert item_of(GROUP, "api.example.com") == "API.example.com"
    assert item_of(GROUP, "shop.example.com") == GROUP["domains"][1]
    assert item_of(GROUP, "www.example.com") is None
    assert item_of({"name": "weather"}, "api.example.com") is None


def test_a_domain_is_added_behind_the_others() -> None:
    assert with_domain(GROUP, "www.example.com") == {
        **GROUP,
        "domains": [*GROUP["domains"], "www.example.com"],
    }
    assert with_domain({"name": "a"}, "www.example.com")["domains"] == ["www.example.com"]
    assert len(GROUP["domains"]) == 2


def test_a_domain_that_is_there_is_changed_in_its_place() -> None:
    item = {"name": "api.example.com", "environment": "TEST"}
    assert with_domain(GROUP, item)["domains"] == [item, GROUP["domains"][1]]


def test_the_last_domain_takes_its_key_with_it() -> None:
    rest = without_domain(GROUP, "api.example.com")
    assert rest == {**GROUP, "domains": [GROUP["domains"][1]]}
    assert without_domain(rest, "shop.example.com") == {"name": "weather", "traffic_limit": 5}
    assert without_domain(rest, "www.example.com") == rest


@pytest.mark.parametrize(
    ("item", "environment", "expected"),
    [
        ("a.test", None, "a.test"),
        ("a.test", Environment.TEST, {"name": "a.test", "environment": "TEST"}),
        ({"name": "a.test", "environment": "PRE"}, None, "a.test"),
        (
            {"name": "a.test", "environment": "PRE"},
            Environment.TEST,
            {"name": "a.test", "environment": "TEST"},
        ),
        (
            {"name": "a.test", "environment": "PRE", "certificate": CERTIFICATE},
            None,
            {"name": "a.test", "certificate": CERTIFICATE},
        ),
    ],
)
def test_a_domain_serves_one_environment_or_the_one_that_is_asked_for(
    item: Item, environment: Environment | None, expected: Item
) -> None:
    assert declared_as(item, environment) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("file:shop.pem", "file:../weather/shop.pem"),
        ("file:../../certificates/shop.pem", "file:../../certificates/shop.pem"),
        ("file:/etc/shop.pem", "file:/etc/shop.pem"),
        ("env:SHOP", "env:SHOP"),
    ],
)
def test_the_files_of_a_certificate_are_found_from_another_folder(
    reference: str, expected: str
) -> None:
    item = {"name": "a.test", "certificate": {"name": "shop", "chain": reference}}
    moved = carried(item, Path("/p/definitions/weather"), Path("/p/definitions/accounts"))
    assert moved == {"name": "a.test", "certificate": {"name": "shop", "chain": expected}}


def test_a_domain_without_a_certificate_moves_as_it_is() -> None:
    for item in ("a.test", {"name": "a.test", "environment": "TEST"}):
        assert carried(item, Path("/a"), Path("/b")) == item
