"""Derived ids: stable, and of the form the product's have."""

import re

from apigateway.definition.ids import hex_id, numeric_id


def test_ids_have_the_form_of_the_product() -> None:
    assert re.fullmatch("[0-9a-f]{32}", hex_id("group", "1", "cn-hangzhou", "weather"))
    assert re.fullmatch("[1-9][0-9]{11}", numeric_id("app", "1", "cn-hangzhou", "demo"))


def test_ids_stay_the_same_for_ever() -> None:
    assert hex_id("group", "1", "cn-hangzhou", "weather") == "3b581252e6c2388831826d11d8564a39"
    assert numeric_id("app", "1", "cn-hangzhou", "demo") == "987227827436"


def test_parts_do_not_run_together() -> None:
    assert hex_id("ab", "c") != hex_id("a", "bc")
