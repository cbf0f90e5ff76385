"""What differs between a release and a draft, and what only looks so."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from unit.lifecycle.drafts import RELEASE, WEATHER, api_of, document, project_of, released

from apigateway.lifecycle.compare import (
    MISSING,
    FieldChange,
    State,
    compare_all,
    compare_api,
    differences,
    field_text,
    normal_form,
    plain_change,
    same,
)
from apigateway.model.group import Environment

CITY = {"name": "city", "in": "path"}
DAYS = {"name": "days", "in": "query", "type": "Int", "default": 3, "maximum": 14}


def forecast(**more: Any) -> dict[str, Any]:
    return document(path="/forecast/[city]", parameters=[CITY, DAYS], **more)


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    project = project_of(after)
    found = compare_api(project, released(before), project.apis[0])
    assert (found.state is State.CHANGED) == bool(found.changes)
    return [(change.field, change.before, change.after) for change in found.changes]


def edited(before: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    """A copy with `value` where `path` leads."""
    after = copy.deepcopy(before)
    inner = after
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return after


def test_a_document_does_not_differ_from_itself() -> None:
    assert differences(forecast(), forecast()) == ()
    assert changed(forecast(), forecast()) == []


def test_a_field_is_told_with_both_values() -> None:
    after = edited(forecast(), "request", "parameters", 1, "maximum", value=7)
    assert changed(forecast(), after) == [("request.parameters[days in query].maximum", 14, 7)]


def test_what_is_written_newly_had_nothing_before() -> None:
    after = edited(forecast(), "description", value="Of a city")
    assert changed(forecast(), after) == [("description", MISSING, "Of a city")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("backend", "timeout_ms"), 10_000),
        (("auth",), {"type": "app", "signature_methods": ["HmacSHA256"]}),
        (("request", "protocols"), ["https", "http"]),
        (("request", "mode"), "mapping"),
        (("request", "body"), {"format": "form", "required": False}),
        (("request", "parameters", 0, "required"), True),
        (("request", "parameters", 0, "type"), "String"),
        (("request", "parameters", 1, "maximum"), 14.0),
        (("request", "parameters", 1, "default"), "3"),
        (("backend", "parameters"), [{"from": "days", "name": "days", "in": "query"}]),
        (("visibility",), "private"),
        (("result",), {"type": "JSON"}),
        (("id",), api_of(forecast()).id),
    ],
    ids=str,
)
def test_a_default_that_is_written_is_no_difference(path: tuple[Any, ...], value: Any) -> None:
    assert changed(forecast(), edited(forecast(), *path, value=value)) == []
    assert changed(edited(forecast(), *path, value=value), forecast()) == []


def test_the_order_of_what_has_names_is_no_difference() -> None:
    after = copy.deepcopy(forecast())
    after["request"]["parameters"].reverse()
    assert changed(forecast(), after) == []


def test_the_order_of_an_enum_is_none_and_its_values_are() -> None:
    kinds = {"name": "kinds", "in": "query", "enum": ["rain", "wind"]}
    before = document(parameters=[kinds])
    assert changed(before, document(parameters=[{**kinds, "enum": ["wind", "rain"]}])) == []
    after = document(parameters=[{**kinds, "enum": ["wind"]}])
    (change,) = changed(before, after)
    assert change == ("request.parameters[kinds in query].enum", ["rain", "wind"], ["wind"])


def test_a_parameter_that_comes_or_goes_is_one_change() -> None:
    units = {"name": "units", "in": "query"}
    after = document(path="/forecast/[city]", parameters=[units, CITY, DAYS])
    ((field, before, value),) = changed(forecast(), after)
    assert (field, before) == ("request.parameters[units in query]", MISSING)
    assert value == {"name": "units", "in": "query", "type": "String", "required": False}
    ((field, _, value),) = changed(after, forecast())
    assert (field, value) == ("request.parameters[units in query]", MISSING)


def test_a_moved_parameter_goes_here_and_comes_there() -> None:
    after = edited(forecast(), "request", "parameters", 1, "in", value="header")
    assert [(field, before is MISSING) for field, before, _ in changed(forecast(), after)] == [
        ("request.parameters[days in query]", False),
        ("request.parameters[days in header]", True),
    ]


def test_what_reaches_the_backend_is_known_by_its_names() -> None:
    mapped = [{"from": "days", "name": "d", "in": "query"}]
    constants = [{"name": "X-Source", "in": "header", "value": "gateway"}]
    before = forecast(backend={"parameters": mapped, "constants": constants})
    after = edited(before, "backend", "constants", 0, "value", value="gate")
    after = edited(after, "backend", "parameters", 0, "in", value="header")
    assert changed(before, after) == [
        ("backend.parameters[days as d].in", "query", "header"),
        ("backend.constants[X-Source in header].value", "gateway", "gate"),
    ]


def test_a_mapping_to_its_own_name_is_none_unless_it_is_the_second() -> None:
    twice = [
        {"from": "days", "name": "d", "in": "query"},
        {"from": "days", "name": "days", "in": "query"},
    ]
    before = forecast(backend={"parameters": twice[:1]})
    (change,) = changed(before, forecast(backend={"parameters": twice}))
    assert change[0] == "backend.parameters[days as days]"


def test_schemas_are_compared_inside() -> None:
    schema = {"type": "object", "properties": {"title": {"maxLength": 80}, "a b": True}}
    body = {"format": "stream", "schema": schema}
    before = document(method="POST", request={"body": body})
    after = edited(before, "request", "body", "schema", "properties", "title", "maxLength", value=9)
    after = edited(after, "request", "body", "schema", "properties", "a b", value=False)
    assert changed(before, after) == [
        ("request.body.schema.properties.title.maxLength", 80, 9),
        ("request.body.schema.properties['a b']", True, False),
    ]


def test_lists_of_one_length_are_compared_item_by_item_and_others_whole() -> None:
    one: Any = [{"a": 1}, {"b": 2}]
    (change,) = differences({"x": one}, {"x": [{"a": 1}, {"b": 3}]})
    assert (change.field, change.before, change.after) == ("x[1].b", 2, 3)
    (change,) = differences({"x": one}, {"x": one[:1]})
    assert change.field == "x"
    (change,) = differences({"x": [1, 2]}, {"x": [2, 1]})
    assert (change.field, change.before) == ("x", [1, 2])


def test_two_items_of_one_name_are_told_apart() -> None:
    errors = [{"code": "404"}, {"code": "404", "message": "b"}]
    result = {"result": {"errors": errors}}
    (change,) = differences(result, {"result": {"errors": [*errors, {"code": "500"}]}})
    assert change.field == "result.errors[500]"
    (change,) = differences(result, edited(result, "result", "errors", 1, "message", value="c"))
    assert change.field == "result.errors[404, number 2].message"


def test_what_is_no_list_of_names_is_compared_as_it_is() -> None:
    before = {"request": {"parameters": ["odd"]}}
    (change,) = differences(before, {"request": {"parameters": [{"name": "a", "in": "query"}]}})
    assert (change.field, change.before) == ("request.parameters", ["odd"])


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        ({"a": 1}, {"a": True}, False),
        (None, MISSING, False),
        ("1", 1, False),
    ],
)
def test_values_of_json_are_the_same_when_they_mean_it(
    one: Any, other: Any, are_same: bool
) -> None:
    assert same(one, other) is same(other, one) is are_same


def test_a_change_as_json_leaves_out_what_is_not_written() -> None:
    change = FieldChange(path=("auth", "openid", "keys", "k1"), after={"key_id": "k1"})
    assert plain_change(change) == {
        "field": "auth.openid.keys[k1]",
        "path": ["auth", "openid", "keys", "k1"],
        "after": {"key_id": "k1"},
    }
    assert field_text(()) == ""


def test_drafts_stand_to_releases_in_four_ways() -> None:
    old, new, kept = (
        document("OldOne", path="/o"),
        document("NewOne", path="/n"),
        document(path="/k"),
    )
    moved = document("Moved", path="/m2")
    project = project_of(new, kept, moved)
    current = [
        released(old),
        released(kept),
        released(document("Moved", path="/m1")),
        released(new, environment=Environment.TEST),
    ]
    found = {one.name: one.state for one in compare_all(project, current, RELEASE)}
    assert found == {
        "weather/NewOne": State.NEW,
        "weather/GetForecast": State.SAME,
        "weather/Moved": State.CHANGED,
        "weather/OldOne": State.UNDECLARED,
    }


def test_a_release_that_cannot_be_read_is_compared_as_written() -> None:
    before = replace(released(forecast()), document={**forecast(), "of_a_later_version": 1})
    project = project_of(forecast())
    found = compare_api(project, before, project.apis[0])
    assert found.released is None
    assert [(change.field, change.before) for change in found.changes] == [
        ("of_a_later_version", 1)
    ]


def test_another_group_is_a_difference() -> None:
    data = {**forecast(), "id": "f" * 32}
    other = replace(WEATHER, id="b" * 32, name="climate")
    project = project_of(data, groups=[other])
    found = compare_api(project, released(data), project.apis[0])
    assert [(one.field, one.before, one.after) for one in found.changes] == [
        ("group", "weather", "climate")
    ]


def test_the_normal_form_has_no_id_and_every_default() -> None:
    form = normal_form(api_of(forecast()))
    assert "id" not in form
    assert form["backend"]["timeout_ms"] == 10_000
    assert "parameters" not in form["backend"]
