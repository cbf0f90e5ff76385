"""What a release would break, and for whom: everything together."""

from dataclasses import replace
from typing import Any

import pytest
from unit.lifecycle.drafts import document, impact, project_of, released

from apigateway.model.group import Environment

DAYS = {"name": "days", "in": "query", "type": "Int", "maximum": 14}
GRANTS = [("demo", "GetForecast"), ("phone", "GetForecast")]


def forecast(maximum: int = 14, **more: Any) -> dict[str, Any]:
    return document(parameters=[{**DAYS, "maximum": maximum}], **more)


def test_what_breaks_names_the_api_the_field_and_the_apps_with_a_grant() -> None:
    project = project_of(forecast(7), grants=GRANTS)
    assert impact(project, [released(forecast())]) == [
        "breaking weather/GetForecast request.parameters[days in query].maximum: more than 7 is "
        "refused (was 14) [demo, phone]"
    ]


def test_a_grant_of_another_environment_touches_nobody() -> None:
    project = project_of(forecast(7), grants=GRANTS)
    in_test = tuple(replace(grant, environment=Environment.TEST) for grant in project.grants)
    found = impact(replace(project, grants=in_test), [released(forecast())])
    assert found[0].endswith("more than 7 is refused (was 14)")


def test_an_api_for_anyone_touches_anyone() -> None:
    open_to_all: dict[str, Any] = {"auth": {"type": "anonymous"}}
    project = project_of(forecast(7, **open_to_all))
    (found,) = impact(project, [released(forecast(**open_to_all))])
    assert found.endswith("(was 14) [anyone]")


def test_who_calls_today_is_told_when_apps_are_asked_for_from_now_on() -> None:
    project = project_of(forecast(), grants=GRANTS)
    (found,) = impact(project, [released(forecast(auth={"type": "anonymous"}))])
    assert found.startswith("breaking weather/GetForecast auth.type: ")
    assert found.endswith(" [anyone]")


def test_what_is_released_for_the_first_time_breaks_nothing() -> None:
    assert impact(project_of(forecast(), grants=GRANTS), []) == []
    in_test = released(forecast(), environment=Environment.TEST)
    assert impact(project_of(forecast(7), grants=GRANTS), [in_test]) == []


def test_what_is_not_chosen_breaks_nothing() -> None:
    project = project_of(forecast(7), grants=GRANTS)
    assert impact(project, [released(forecast())], names=[]) == []


def test_the_worst_comes_first_for_each_api_and_what_is_of_none_comes_last() -> None:
    other = document("Another", path="/a", backend={"timeout_ms": 3000})
    project = project_of(
        other,
        forecast(7, request={"protocols": ["https"]}, backend={"path": "/v4"}),
        document("GetIdle", path="/idle"),
        grants=[*GRANTS, ("demo", "Another"), ("demo", "GetIdle")],
    )
    before = [released(document("Another", path="/a")), released(forecast())]
    found = impact(project, before, names=["Another", "GetForecast"])
    assert [one.split(":")[0] for one in found] == [
        "notice weather/Another backend.timeout_ms",
        "breaking weather/GetForecast request.protocols",
        "breaking weather/GetForecast request.parameters[days in query].maximum",
        "notice weather/GetForecast backend.path",
        "notice weather/GetForecast request.protocols",
        "notice app demo",
    ]


def test_each_part_of_a_definition_is_looked_at() -> None:
    """One change of each kind, so that no judge is left out."""
    note = {"name": "note", "in": "query"}
    before = document(method="POST", path="/a", parameters=[note])
    after = document(
        method="POST",
        path="/b",
        request={"mode": "mapping_passthrough", "protocols": ["http"], "body": {"required": True}},
        auth={"force_nonce": True},
        backend={"timeout_ms": 5},
    )
    project = project_of(after, grants=GRANTS)
    found = impact(project, [released(before)])
    assert [one.split(":")[0].removeprefix("breaking ") for one in found] == [
        "weather/GetForecast request.path",
        "weather/GetForecast request.protocols",
        "weather/GetForecast auth.force_nonce",
        "weather/GetForecast request.body.required",
        "notice weather/GetForecast request.mode",
        "notice weather/GetForecast request.parameters[note in query]",
        "notice weather/GetForecast backend.timeout_ms",
    ]


def test_another_name_is_a_notice_since_grants_go_by_it() -> None:
    data = forecast()
    before = {**data, "id": "f" * 32}
    project = project_of({**before, "name": "GetWeather"}, grants=[("demo", "GetWeather")])
    assert impact(project, [released(before)]) == [
        "notice weather/GetForecast name: was GetForecast; grants and bindings go by the name "
        "[demo]".replace("weather/GetForecast", "weather/GetWeather")
    ]


def test_calls_that_another_api_takes_are_told_with_those_who_make_them() -> None:
    station = document("GetStation", path="/s/[id]", parameters=[{"name": "id", "in": "path"}])
    near = document("FindNear", path="/s/near")
    project = project_of(near, station, grants=[("phone", "GetStation"), ("demo", "FindNear")])
    assert impact(project, [released(station)]) == [
        "notice weather/FindNear request.path: GET /s/near goes to it, and went to "
        "weather/GetStation [phone]"
    ]


def test_an_api_for_any_method_is_told_which_it_does_not_get() -> None:
    every, first = document("Every", method="ANY", path="/a"), document("First", path="/a")
    project = project_of(every, first, grants=[("demo", "Every"), ("demo", "First")])
    assert impact(project, []) == [
        "notice weather/Every request.method: ANY /a leaves GET to weather/First"
    ]


def test_calls_that_an_api_leaves_to_another_are_told_of_itself() -> None:
    kind, number = {"name": "kind", "in": "path"}, {"name": "id", "in": "path"}
    second = document("Second", path="/s/[kind]/a", parameters=[kind])
    before = document("First", path="/s/near/[id]", parameters=[number])
    after = document("First", path="/s/*")
    project = project_of(second, after, grants=[("demo", "First"), ("demo", "Second")])
    found = impact(project, [released(second), released(before)], names=["First"])
    assert "notice weather/First request.path: GET /s/near/a goes to weather/Second [demo]" in found


def test_a_path_that_another_release_has_is_an_obstacle() -> None:
    """Of two drafts that change places, one is released."""
    one, other = document("First", path="/a"), document("Second", path="/b")
    project = project_of(
        document("First", path="/b"),
        document("Second", path="/a"),
        grants=[("demo", "First"), ("demo", "Second")],
    )
    current = [released(one), released(other)]
    assert impact(project, current, names=["First"])[0] == (
        "obstacle weather/First request.path: GET /b is that of weather/Second, as it is served "
        "in RELEASE; release another path of one of them"
    )
    both = impact(project, current)
    assert not any(found.startswith("obstacle") for found in both)
    assert [found.split(" [")[0] for found in both] == [
        "breaking weather/First request.path: GET /a goes to weather/Second; it is GET /b now",
        "notice weather/First request.path: GET /b goes to it, and went to weather/Second",
        "breaking weather/Second request.path: GET /b goes to weather/First; it is GET /a now",
        "notice weather/Second request.path: GET /a goes to it, and went to weather/First",
    ]


def test_a_release_that_cannot_be_read_may_break_anything() -> None:
    before = replace(released(forecast()), document={"of_a_later_version": 1})
    project = project_of(forecast(), grants=GRANTS)
    assert impact(project, [before]) == [
        "breaking weather/GetForecast: version 20231114221320000 cannot be read by this version "
        "of the gateway: what changes for callers is not known [demo, phone]"
    ]


@pytest.mark.parametrize("names", [None, []])
def test_what_is_of_no_api_is_told_whatever_is_chosen(names: list[str] | None) -> None:
    project = project_of(forecast(), grants=GRANTS)
    found = impact(project, [released(forecast()), released(document("OldOne"))], names)
    assert [one.split(":")[0] for one in found] == ["notice weather/OldOne"]
