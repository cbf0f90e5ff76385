"""Bindings without an API."""

from typing import Any

from apigateway.editing.bindings import bindings_naming, bindings_without_api

BINDINGS: dict[str, list[dict[str, Any]]] = {
    "throttling": [{"policy": "standard", "group": "weather", "apis": ["A"]}],
    "signature_keys": [
        {"policy": "backend", "group": "weather", "apis": "*"},
        {"policy": "other", "group": "weather", "apis": ["A", "B"], "environments": ["TEST"]},
    ],
    "ip_control": [],
}


def test_what_names_an_api_is_found_with_its_kind() -> None:
    assert bindings_naming(BINDINGS, "weather", "A") == [
        ("throttling", BINDINGS["throttling"][0]),
        ("signature_keys", BINDINGS["signature_keys"][1]),
    ]
    assert bindings_naming(BINDINGS, "accounts", "A") == []


def test_names_go_and_so_do_kinds_of_which_nothing_is_left() -> None:
    assert bindings_without_api(BINDINGS, "weather", "A") == {
        "signature_keys": [
            BINDINGS["signature_keys"][0],
            {**BINDINGS["signature_keys"][1], "apis": ["B"]},
        ],
        "ip_control": [],
    }
