"""Trails without what the call itself tells."""

from typing import Any

from unit.scrubbing.scrubs import hiding

from apigateway.scrubbing.names import Names
from apigateway.scrubbing.texts import Texts
from apigateway.scrubbing.trails import scrubbed_trail


def done(trail: Any, *scrub: str) -> Any:
    names = Names.chosen([], scrub)
    return scrubbed_trail(trail, Texts(names, hiding(), masked=True), names)


def test_arguments_path_values_and_fields() -> None:
    trail = {
        "stages": [
            {"decided": {"arguments": [{"name": "phone", "in": "query", "value": "555"}]}},
            {"decided": {"path_values": {"phone": "555", "city": "x"}}},
        ],
        "backend_request": {"headers": [["Phone", "555"], ["X-A", "1"]], "body": "phone=555&a=1"},
    }
    scrubbed = done(trail, "phone")
    decided = [stage["decided"] for stage in scrubbed["stages"]]
    assert decided[0]["arguments"][0]["value"] == "scrubbed:phone"
    assert decided[1]["path_values"] == {"phone": "scrubbed:phone", "city": "x"}
    assert scrubbed["backend_request"] == {
        "headers": [["Phone", "scrubbed:phone"], ["X-A", "1"]],
        "body": "phone=scrubbed:phone&a=1",
    }


def test_what_is_masked_or_no_value_stays() -> None:
    trail = {
        "app_key": "203753385",
        "app_code": "TheA…",
        "signature": {"causes": ["the client signed other text", "it is late"]},
        "headers": [["Authorization", "Bearer eyJh…"], ["X-N", 7]],
        "total_ms": 1.5,
        "body": None,
    }
    assert done(trail) == trail
