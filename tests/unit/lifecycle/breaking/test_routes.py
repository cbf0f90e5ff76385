"""Which API a call goes to, before a release and after it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from unit.lifecycle.drafts import RELEASE, WEATHER, api_of, document

from apigateway.lifecycle.breaking.routes import (
    effects_of_route,
    left_by_any,
    obstacles,
    route_of,
    tables_of,
    taken_calls,
)
from apigateway.model.api import Api
from apigateway.model.group import Environment, Group

GROUPS = {"weather": WEATHER}


def api(route: str, name: str = "GetForecast") -> Api:
    """`GET /a/[b]/*` as an API."""
    method, path = route.split()
    names = [part[1:-1] for part in path.split("/") if part.startswith("[")]
    parameters = [{"name": one, "in": "path"} for one in names]
    return api_of(document(name, method=method, path=path, parameters=parameters))


def lost(before: str, after: str, *others: Api) -> list[str]:
    old, new = api(before), api(after)
    was, will_be = (
        tables_of(route_of(one, GROUPS) for one in (ours, *others)) for ours in (old, new)
    )
    effects = effects_of_route(old, new, GROUPS, was, will_be)
    return [f"{effect.path[-1]}: {effect.what}" for effect in effects]


def test_another_path_is_not_found_where_it_was() -> None:
    assert lost("GET /a/[b]", "GET /c/[b]") == [
        "path: GET /a/[b] answers 404; it is GET /c/[b] now"
    ]


def test_calls_of_the_old_path_may_go_to_another_api() -> None:
    other = api("ANY /a/*", "Others")
    assert lost("GET /a/[b]", "GET /c/[b]", other) == [
        "path: GET /a/[b] goes to weather/Others; it is GET /c/[b] now"
    ]


def test_another_method_is_told_of_the_method() -> None:
    assert lost("GET /a", "POST /a") == ["method: GET /a answers 404; it is POST /a now"]
    assert lost("ANY /a", "POST /a") == [
        "method: DELETE, GET, HEAD, OPTIONS, PATCH, PUT /a answers 404; it is POST /a now"
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("GET /a/[b]", "GET /a/[c]"),
        ("GET /a/[b]", "ANY /a/[b]"),
        ("GET /a/[b]", "GET /a/*"),
        ("GET /a/b", "GET /a/[b]"),
        ("GET /a/[b]/*", "GET /a/*"),
    ],
)
def test_a_wider_path_loses_no_calls(before: str, after: str) -> None:
    assert lost(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("GET /a/*", "GET /a/[b]"), ("GET /a/[b]", "GET /a/b"), ("GET /a/*", "GET /a/[b]/*")],
)
def test_a_narrower_path_loses_calls(before: str, after: str) -> None:
    (found,) = lost(before, after)
    assert found.startswith(f"path: {before} answers 404")


def test_a_path_stands_behind_the_base_path_of_its_group() -> None:
    groups = {"weather": replace(WEATHER, base_path="/v1")}
    assert str(route_of(api("GET /"), groups)) == "GET /v1"
    assert str(route_of(api("GET /a/[b]"), groups)) == "GET /v1/a/[b]"


def test_another_group_loses_the_calls_of_the_old_one() -> None:
    climate = replace(WEATHER, id="b" * 32, name="climate")
    groups = {**GROUPS, "climate": climate}
    old, new = api("GET /a"), replace(api("GET /a"), group="climate")
    was, will_be = (tables_of([route_of(one, groups)]) for one in (old, new))
    (effect,) = effects_of_route(old, new, groups, was, will_be)
    assert effect.what == "moves to climate: calls at the domains of weather answer 404"
    (effect,) = effects_of_route(new, old, groups, will_be, was)
    assert effect.path == ("group",)


def taken(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Routes by the names of APIs."""
    old = [route_of(api(route, name), GROUPS) for name, route in before.items()]
    new = [route_of(api(route, name), GROUPS) for name, route in after.items()]
    found = taken_calls(old, new)
    return [f"{one.methods} {one.path}: {one.loser.name} {one.winner.name}" for one in found]


def test_a_literal_path_takes_calls_of_a_parameter() -> None:
    assert taken({"Station": "GET /s/[id]"}, {"Station": "GET /s/[id]", "Near": "GET /s/near"}) == [
        "GET /s/near: Station Near"
    ]


def test_a_method_takes_calls_of_any() -> None:
    before = {"Every": "ANY /s/*"}
    assert taken(before, {**before, "Near": "GET /s/[id]"}) == ["GET /s/[id]: Every Near"]
    assert taken(before, {**before, "Near": "ANY /s/[id]"}) == ["ANY /s/[id]: Every Near"]


def test_what_goes_where_it_went_is_not_told() -> None:
    before = {"Station": "GET /s/[id]", "Near": "GET /s/near"}
    assert taken(before, before) == []
    assert taken({"Near": "GET /s/near"}, before) == []
    assert taken(before, {**before, "Other": "POST /s/near"}) == []
    assert taken(before, {**before, "Other": "GET /s/[id]/more"}) == []


def test_calls_that_an_api_gives_up_itself_are_told_there() -> None:
    before = {"Station": "GET /s/[id]"}
    assert taken(before, {"Station": "GET /t/[id]", "Other": "GET /s/[id]"}) == [
        "GET /s/[id]: Station Other"
    ]


def test_a_new_path_of_a_known_api_takes_calls_too() -> None:
    before = {"Station": "GET /s/[id]", "Near": "GET /near"}
    assert taken(before, {**before, "Near": "GET /s/near"}) == ["GET /s/near: Station Near"]


def test_a_wider_path_leaves_calls_to_a_narrower_one() -> None:
    before = {"Station": "GET /s/near/[id]", "Second": "GET /s/[kind]/a"}
    assert taken(before, {**before, "Station": "GET /s/*"}) == ["GET /s/near/a: Station Second"]


def test_calls_that_another_took_already_are_not_lost() -> None:
    second = api("GET /a/[b]", "Second")
    assert lost("GET /a/*", "GET /a/[b]/*", second) == []
    assert lost("GET /a/*", "GET /c", second) == ["path: GET /a/* answers 404; it is GET /c now"]


def test_longer_calls_may_be_taken_where_shorter_ones_are_another_s() -> None:
    before = {"Every": "GET /*", "First": "GET /", "Second": "GET /a/[b]"}
    assert taken(before, {**before, "First": "GET /a/*"}) == ["GET /a/*: Every First"]


def test_any_leaves_the_methods_that_others_have() -> None:
    apis = [api("ANY /a", "Every"), api("GET /a", "First"), api("PUT /a", "Second")]
    routes = [route_of(one, GROUPS) for one in apis]
    (found,) = left_by_any(routes, frozenset({apis[0].id}))
    assert (found.subject, found.what) == (
        "weather/Every",
        "ANY /a leaves GET to weather/First and PUT to weather/Second",
    )
    assert list(left_by_any(routes, frozenset({apis[1].id}))) == []
    assert list(left_by_any(routes[:1], frozenset({apis[0].id}))) == []


def against(
    apis: Sequence[Api], *chosen: str, group: Group = WEATHER, environment: Environment = RELEASE
) -> list[tuple[str, str]]:
    ids = frozenset(one.id for one in apis if one.name in chosen)
    groups = {group.name: group}
    routes = [route_of(one, groups) for one in apis]
    return [(one.subject, one.what) for one in obstacles(routes, ids, groups, environment)]


def test_two_apis_cannot_take_the_same_calls() -> None:
    apis = [api("GET /a/[b]", "First"), api("GET /a/[c]", "Second")]
    mend = "release another path of one of them"
    for name, other, path in (("First", "Second", "/a/[b]"), ("Second", "First", "/a/[c]")):
        what = f"GET {path} is that of weather/{other}, as it is served in RELEASE; {mend}"
        assert against(apis, name) == [(f"weather/{name}", what)]
    assert against(apis, "First", "Second") == [
        ("weather/Second", f"GET /a/[c] is that of weather/First too; {mend}")
    ]


def test_what_others_do_to_each_other_is_no_obstacle() -> None:
    apis = [api("GET /a", "First"), api("GET /a", "Second"), api("GET /b", "Third")]
    assert against(apis, "Third") == []
    assert against([api("GET /a", "First"), api("POST /a", "Second")], "First") == []


def with_variable(**more: Any) -> Api:
    return api_of(document(backend={"address": "http://#host#:9000"}, **more))


def test_a_stage_variable_without_a_value_is_an_obstacle() -> None:
    group = replace(WEATHER, variables={RELEASE: {"host": "10.0.0.1"}})
    apis = [with_variable()]
    assert against(apis, "GetForecast", group=group) == []
    ((subject, what),) = against(apis, "GetForecast", group=group, environment=Environment.TEST)
    assert subject == "weather/GetForecast"
    assert "the variable #host# is not set for TEST" in what
    assert against(apis, group=group, environment=Environment.TEST) == []


def test_a_stage_variable_with_a_wrong_value_is_an_obstacle() -> None:
    group = replace(WEATHER, variables={RELEASE: {"host": "not a host"}})
    ((_, what),) = against([with_variable()], "GetForecast", group=group)
    assert "not a host" in what
