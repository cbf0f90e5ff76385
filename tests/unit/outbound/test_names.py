"""Which names of a backend's request are the definition's alone."""

from typing import Any

import pytest
from unit.build import an_api, parameter

from apigateway.model.api import BackendParameter, Constant, Location, Mode
from apigateway.outbound.names import OwnNames, folded, own_names

PATH, QUERY, HEADER, BODY = Location.PATH, Location.QUERY, Location.HEADER, Location.BODY


def to(source: str, name: str, location: Location) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


def names(*parameters: Any, mode: Mode = Mode.MAPPING_PASSTHROUGH, **rest: Any) -> OwnNames:
    return own_names(an_api(request={"parameters": parameters, "mode": mode}, **rest))


@pytest.mark.parametrize("spelling", ["X-User-Id", "x_user_id", "X-USER_ID", "x-user-id"])
def test_a_header_is_one_in_every_spelling(spelling: str) -> None:
    assert folded(spelling) == "x-user-id"


def test_an_api_without_names_has_a_place_for_each_location() -> None:
    assert names() == {location: frozenset() for location in Location}


@pytest.mark.parametrize("mode", Mode)
def test_what_the_definition_sends_is_its_own_in_every_mode(mode: Mode) -> None:
    own = names(
        mode=mode,
        backend_parameters=(to("a", "mapped", QUERY), to("p", "seg", PATH)),
        constants=(Constant(name="k", location=BODY, value="v"),),
        system_parameters=(to("CaAppId", "X_App", HEADER),),
        claims=(to("sub", "X-User", HEADER), to("sub", "user", QUERY), to("sub", "u", BODY)),
    )
    assert own == {
        PATH: {"seg"},
        QUERY: {"mapped", "user"},
        HEADER: {"x-app", "x-user"},
        BODY: {"k", "u"},
    }


@pytest.mark.parametrize(("mode", "read"), [(mode, mode is not Mode.PASSTHROUGH) for mode in Mode])
def test_what_is_declared_is_read_but_in_passthrough_only_the_path(mode: Mode, read: bool) -> None:
    declared = (parameter("q"), parameter("X_H", HEADER), parameter("f", BODY))
    own = names(*declared, parameter("p", PATH), mode=mode)
    assert own[PATH] == {"p"}
    assert own[QUERY] == ({"q"} if read else set())
    assert own[HEADER] == ({"x-h"} if read else set())
    assert own[BODY] == ({"f"} if read else set())


def test_names_of_queries_and_fields_are_as_they_are_spelled() -> None:
    assert names(claims=(to("a", "User_Id", QUERY),))[QUERY] == {"User_Id"}
