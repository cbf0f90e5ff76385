"""Entries of grants and bindings, and what is left of them."""

import pytest

from apigateway.editing.entries import (
    EVERY,
    Entry,
    environments_of,
    in_environments,
    naming_api,
    narrowed,
    without_api,
)
from apigateway.model.group import Environment

TEST, PRE, RELEASE = Environment
DECLARED = ["A", "B", "C"]


def entry(apis: list[str] | str, *environments: str) -> Entry:
    found: Entry = {"app": "demo", "group": "weather", "apis": apis}
    return {**found, "environments": list(environments)} if environments else found


def test_an_entry_without_environments_is_for_all() -> None:
    assert environments_of(entry("*")) == EVERY
    assert environments_of(entry("*", "TEST")) == {TEST}


def test_environments_keep_their_order_and_all_three_are_not_named() -> None:
    found = in_environments(entry("*", "RELEASE", "TEST"), [TEST, RELEASE])
    assert found["environments"] == ["RELEASE", "TEST"]
    assert in_environments(entry("*", "RELEASE"), [PRE, RELEASE])["environments"] == [
        "RELEASE",
        "PRE",
    ]
    assert "environments" not in in_environments(entry("*", "RELEASE"), EVERY)


@pytest.mark.parametrize(
    ("of", "apis", "environments", "left"),
    [
        (entry(["A", "B"]), ["A"], EVERY, [entry(["B"])]),
        (entry(["A"]), ["A"], EVERY, []),
        (entry(["A"]), ["B"], EVERY, [entry(["A"])]),
        (entry(["A"], "TEST"), ["A"], [RELEASE], [entry(["A"], "TEST")]),
        (entry(["A"]), ["A"], [RELEASE], [entry(["A"], "TEST", "PRE")]),
        (
            entry(["A", "B"]),
            ["A"],
            [RELEASE],
            [entry(["A", "B"], "TEST", "PRE"), entry(["B"], "RELEASE")],
        ),
        (entry("*"), ["A"], EVERY, [entry(["B", "C"])]),
        (entry("*"), ["A"], [TEST], [entry("*", "PRE", "RELEASE"), entry(["B", "C"], "TEST")]),
        (entry("*", "TEST"), DECLARED, [TEST], []),
        (entry("*", "TEST"), None, [TEST], []),
        (entry("*"), None, [TEST], [entry("*", "PRE", "RELEASE")]),
    ],
)
def test_what_is_left_of_an_entry(
    of: Entry, apis: list[str] | None, environments: list[Environment], left: list[Entry]
) -> None:
    assert narrowed(of, apis, environments, DECLARED) == left


def test_an_api_is_named_by_its_own_group_and_not_by_a_star() -> None:
    entries = [entry(["A", "B"]), {**entry(["A"]), "group": "other"}, entry("*")]
    assert naming_api(entries, "weather", "A") == [entries[0]]
    assert without_api(entries, "weather", "A") == [entry(["B"]), *entries[1:]]
