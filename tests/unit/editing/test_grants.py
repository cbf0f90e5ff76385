"""What a grant or its end makes of the entries. tests/property holds them against a plain set."""

from apigateway.editing.entries import EVERY, Entry
from apigateway.editing.grants import granted, revoked, with_grant
from apigateway.model.group import Environment

TEST, PRE, RELEASE = Environment


def entry(apis: list[str] | str, *environments: str, app: str = "demo") -> Entry:
    found: Entry = {"app": app, "group": "weather", "apis": apis}
    return {**found, "environments": list(environments)} if environments else found


def grant(entries: list[Entry], apis: list[str] | None, *where: Environment) -> list[Entry]:
    return with_grant(entries, "demo", "weather", apis, where or EVERY)


def test_what_is_granted_is_known_by_environment() -> None:
    entries = [entry(["A"], "TEST"), entry(["B"]), entry("*", "PRE"), entry("*", app="other")]
    assert granted(entries, "demo", "weather") == {
        TEST: frozenset({"A", "B"}),
        PRE: None,
        RELEASE: frozenset({"B"}),
    }


def test_a_first_grant_is_an_entry_behind_those_of_the_app() -> None:
    others = [entry(["A"], app="demo2"), {**entry(["A"]), "group": "accounts"}, entry("*", app="z")]
    found = grant(others, ["A"], RELEASE)
    assert found == [*others[:2], entry(["A"], "RELEASE"), others[2]]
    assert grant([], None) == [entry("*")]


def test_a_grant_joins_the_entry_of_the_same_environments() -> None:
    assert grant([entry(["A"], "RELEASE")], ["B"], RELEASE) == [entry(["A", "B"], "RELEASE")]


def test_a_grant_joins_the_entry_of_the_same_apis() -> None:
    assert grant([entry(["A"], "RELEASE")], ["A"], TEST) == [entry(["A"], "RELEASE", "TEST")]
    assert grant([entry("*", "TEST", "PRE")], None, RELEASE) == [entry("*")]


def test_only_what_is_missing_is_granted() -> None:
    entries = [entry(["A"]), entry("*", "TEST")]
    assert grant(entries, ["A"], TEST, RELEASE) == entries
    assert grant(entries, ["A", "B"], TEST, RELEASE) == [*entries, entry(["B"], "RELEASE")]


def test_a_grant_of_all_leaves_no_names_that_say_the_same() -> None:
    entries = [entry(["A", "B"]), entry(["C"], "TEST")]
    assert grant(entries, None, TEST) == [entry(["A", "B"], "PRE", "RELEASE"), entry("*", "TEST")]


def test_a_revocation_takes_from_every_entry() -> None:
    entries = [entry(["A"]), entry(["A", "B"], "TEST"), entry(["A"], app="other")]
    found = revoked(entries, "demo", "weather", ["A"], EVERY, ["A", "B"])
    assert found == [entry(["B"], "TEST"), entry(["A"], app="other")]
