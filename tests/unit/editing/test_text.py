"""A text with other data in it."""

from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest

from apigateway.editing.spans import Unsuited
from apigateway.editing.text import data_of, revised, written

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*(ROOT / "definitions").rglob("*.yaml"), *(ROOT / "policies").rglob("*.yaml")])


def edited(text: str, data: Any) -> str:
    return revised(text.encode(), data).decode()


def difference(before: str, after: str) -> list[str]:
    """Lines that went and came."""
    return [line for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_that_already_says_so_is_left_alone(path: Path) -> None:
    content = path.read_bytes()
    assert revised(content, data_of(content)) is content


def sample(name: str) -> tuple[str, Any]:
    text = (ROOT / name).read_text()
    return text, data_of(text.encode())


def test_only_the_lines_that_are_meant_change_in_an_api() -> None:
    text, data = sample("definitions/weather/get-forecast.yaml")
    data["description"] = "Tomorrow: rain"
    data["auth"]["signature_methods"] = ["HmacSHA256"]
    data["request"]["parameters"][1]["maximum"] = 7
    data["request"]["parameters"].append({"name": "unit", "in": "query", "enum": ["C", "F"]})
    data["backend"]["timeout_ms"] = 12000
    data["backend"]["system"].pop(2)
    data["backend"]["tls"] = "internal-services"
    del data["result"]["errors"]
    assert difference(text, edited(text, data)) == [
        "- description: Forecast for a city",
        '+ description: "Tomorrow: rain"',
        "-   signature_methods: [HmacSHA256, HmacSHA1]",
        "+   signature_methods: [HmacSHA256]",
        "-     - {name: days, in: query, type: Int, default: 3, minimum: 1, maximum: 14}",
        "+     - {name: days, in: query, type: Int, default: 3, minimum: 1, maximum: 7}",
        "+     - {name: unit, in: query, enum: [C, F]}",
        "-   timeout_ms: 5000                   # at most 30000",
        "+   timeout_ms: 12000                  # at most 30000",
        "-     - {from: CaAppId, name: X-App-Id, in: header}",
        "+   tls: internal-services",
        "-   errors:",
        '-     - {code: "404", message: no such city}',
    ]


def test_only_the_lines_that_are_meant_change_in_grants() -> None:
    text, data = sample("policies/grants.yaml")
    data[0]["apis"].remove("SaveNote")
    data[1]["environments"] = ["TEST"]
    data.append({"app": "phone", "group": "weather", "apis": "*"})
    assert difference(text, edited(text, data)) == [
        "-   apis: [GetForecast, CreateReport, SaveNote, FindStations, GetStation]",
        "+   apis: [GetForecast, CreateReport, FindStations, GetStation]",
        "+   environments: [TEST]",
        "+ - app: phone",
        "+   group: weather",
        '+   apis: "*"',
    ]


def test_what_goes_takes_its_comment_along_and_leaves_those_above() -> None:
    text = "# head\na: 1  # one\n# about b\nb:  # two\n  # in b\n  c: 3\n\n# foot\nd: 4\n"
    assert edited(text, {"a": 1, "d": 4}) == "# head\na: 1  # one\n# about b\n\n# foot\nd: 4\n"


def test_a_new_row_stands_above_the_comments_of_the_next() -> None:
    text = "a:\n  - x\n\n# about b\nb: 1\n"
    assert edited(text, {"a": ["x", "z"], "b": 1}) == "a:\n  - x\n  - z\n\n# about b\nb: 1\n"


def test_indents_are_those_of_the_neighbours() -> None:
    text = "a:\n    b:\n    - c: 1\n      d: 2\n"
    new = {"a": {"b": [{"c": 1, "d": 2}, {"c": 3}], "e": 5}}
    assert edited(text, new) == "a:\n    b:\n    - c: 1\n      d: 2\n    - c: 3\n    e: 5\n"


@pytest.mark.parametrize(
    ("before", "data", "after"),
    [
        ("a: 'x'\n", {"a": "z"}, "a: 'z'\n"),
        ('a: "x"   # c\n', {"a": "longer"}, 'a: "longer"  # c\n'),
        ("a: 1      # c\n", {"a": 12345}, "a: 12345  # c\n"),
        ("a:\n", {"a": "x"}, "a: x\n"),
        ("a: x\n", {"a": None}, "a: null\n"),
        ("a: x  # c\n", {"a": [{"b": 1}]}, "a:  # c\n  - {b: 1}\n"),
        ("a:  # c\n  - b\n  # d\n  - e\n", {"a": "*"}, 'a: "*"  # c\n  # d\n'),
        ("a:\n  b: 1\nc: 2\n", {"a": {"d": [{"e": 3}]}, "c": 2}, "a:\n  d:\n    - {e: 3}\nc: 2\n"),
        ("a: |\n  one\nb: 1\n", {"a": "x\ny\n", "b": 1}, "a: |\n  x\n  y\nb: 1\n"),
        ("a:\n  long\n  text\nb: 1\n", {"a": "x", "b": 1}, "a: x\nb: 1\n"),
        ("- a\n- b\n", ["a", {"x": 1}], "- a\n- {x: 1}\n"),
        ("- - a\n  - b\n", [["b"]], "- - b\n"),
        ("- a: 1\n  b: 2\n  c: 3\n", [{"c": 3}], "- c: 3\n"),
        ("- a: 1\n", [{"z": 0, "a": 1}], "- a: 1\n  z: 0\n"),
        ("# c\n[]\n", [{"a": 1}], "# c\n- {a: 1}\n"),
        ("# c\n- a: 1\n", [], "# c\n[]\n"),
        ("a: 1", {"a": 1, "b": 2}, "a: 1\nb: 2"),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "c": 3, "b": 2}, "a: 1\r\nc: 3\r\nb: 2\r\n"),
        ("---\na: 1\n", {"a": 2}, "---\na: 2\n"),
    ],
)
def test_what_is_there_is_kept_in_its_manner(before: str, data: Any, after: str) -> None:
    assert edited(before, data) == after


def test_a_byte_order_mark_stays() -> None:
    assert revised(b"\xef\xbb\xbfa: 1\n", {"a": 2}) == b"\xef\xbb\xbfa: 2\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: &x 1\n", "an anchor"),
        (b"a: 1\na: 2\n", "stands twice"),
        (b"a: [\n", "a value was expected"),
        (b"a: \xff\n", "not UTF-8"),
        (b"a: [b: 1]\n", "unusual way"),
    ],
)
def test_a_file_that_cannot_be_edited_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(Unsuited, match=reason):
        revised(content, {"a": [{"b": 1, "c": 2}]})


def test_data_that_no_definition_can_hold_is_refused() -> None:
    with pytest.raises(Unsuited):
        written({"a": float("inf")})


def test_a_new_file_is_written_as_the_samples_are() -> None:
    data = {
        "name": "GetStatus",
        "auth": {"type": "anonymous"},
        "request": {"method": "GET", "path": "/status/[id]"},
        "backend": {"type": "mock", "body": '{"status":"ok"}'},
        "result": {"errors": [{"code": "404", "message": "no such city"}]},
    }
    assert written(data).decode() == (
        "name: GetStatus\n"
        "auth: {type: anonymous}\n"
        'request: {method: GET, path: "/status/[id]"}\n'
        'backend: {type: mock, body: \'{"status":"ok"}\'}\n'
        "result:\n"
        "  errors:\n"
        '    - {code: "404", message: no such city}\n'
    )
