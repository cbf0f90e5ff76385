"""A piece goes by the text of what it replaces."""

import types

import pytest
from mitmproxy import addonmanager
from mitmproxy.addonmanager import AddonManager

from apigateway.fast.known import Unknown, check_known, fingerprint, name_of


def test_functions_classes_and_modules_have_fingerprints_of_their_own() -> None:
    prints = {fingerprint(addonmanager), fingerprint(AddonManager), fingerprint(AddonManager.add)}
    assert len(prints) == 3
    assert all(len(text) == 16 for text in prints)
    assert fingerprint(AddonManager.add) == fingerprint(AddonManager.add)


def test_what_has_no_source_has_no_fingerprint_and_is_never_known() -> None:
    made: dict[str, types.FunctionType] = {}
    exec(compile("def made(): return 1", "<kept nowhere>", "exec"), made)
    assert fingerprint(made["made"]) == ""
    with pytest.raises(Unknown):
        check_known([(made["made"], "2a4af4ba4b966c28")])


def test_any_of_the_known_texts_will_do() -> None:
    own = fingerprint(AddonManager.add)
    check_known([(AddonManager.add, f"0000000000000000 {own}")])


def test_another_text_is_unknown_and_named() -> None:
    with pytest.raises(Unknown, match=r"another mitmproxy\.addonmanager\.AddonManager\.add"):
        check_known([(AddonManager.add, "0000000000000000")])


def test_modules_are_named_as_they_are_imported() -> None:
    assert name_of(addonmanager) == "mitmproxy.addonmanager"
