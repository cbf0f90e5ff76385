"""How effects are told."""

from apigateway.lifecycle.breaking.finding import Severity, breaking, listed, notice


def test_an_effect_breaks_calls_or_is_for_whoever_releases() -> None:
    assert breaking(("name",), "x").severity is Severity.BREAKING
    assert notice(("name",), "x").severity is Severity.NOTICE


def test_a_list_ends_with_and() -> None:
    assert [listed(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
