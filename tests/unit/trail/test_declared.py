"""What is said of an API in every call, made once; and which names its definition hides."""

from typing import Any

from unit.build import an_api, parameter, serve

from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Constant,
    Location,
    MockBackend,
    Mode,
)
from apigateway.model.openid import TokenRules
from apigateway.trail import declared as module
from apigateway.trail.declared import Declared, declared_of, masked_path


def to(source: str, name: str, location: Location) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


def declared(**api: Any) -> Declared:
    return declared_of(serve(an_api(**api)))


def test_it_is_made_once_for_each_served_api() -> None:
    one, other = serve(an_api()), serve(an_api(name="Other"))
    assert declared_of(one) is declared_of(one)
    assert declared_of(other).name == "Other"


def test_what_is_kept_is_bounded_and_stays_right() -> None:
    for number in range(module._MOST + 2):
        served = serve(an_api(name=f"Api{number}"))
        assert declared_of(served).name == f"Api{number}"
    assert len(module._made) <= module._MOST


def test_a_name_that_tells_on_either_side_of_a_mapping_hides_both() -> None:
    found = declared(
        path="/f/[id]/[password]",
        backend_path="/b/[x]/[token]/[id]",
        request={
            "parameters": (
                parameter("id", Location.PATH),
                parameter("password", Location.PATH),
                parameter("q"),
                parameter("r"),
            )
        },
        backend_parameters=(
            to("password", "x", Location.PATH),
            to("q", "X-Secret", Location.HEADER),
        ),
        claims=(to("user_token", "X-Who", Location.HEADER),),
    )
    assert found.hidden == {"password", "q"}
    assert found.hidden_headers == {"password", "q", "x", "x-secret", "x-who"}
    assert found.hidden_fields == {"password", "q", "x", "X-Secret", "X-Who"}
    assert found.hidden_segments == {2}
    assert found.hidden_backend_segments == {1, 2}
    assert [one.hidden for one in found.parameters] == [False, True, True, False]


def test_the_parameter_of_the_token_is_hidden_whatever_its_name() -> None:
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="who"))
    found = declared(
        auth=auth,
        request={"parameters": (parameter("who"),)},
        backend_parameters=(to("who", "by", Location.QUERY),),
    )
    assert found.hidden == {"who"}
    assert found.hidden_fields == {"who", "by"}


def test_system_parameters_are_open_whatever_their_headers_names() -> None:
    system = (to("CaAppKey", "X-App-Key", Location.HEADER), to("CaStage", "key", Location.QUERY))
    assert declared(system_parameters=system).open == {"x-app-key"}


def test_moves_are_those_that_the_mapping_sends() -> None:
    parameters = (parameter("p", Location.PATH), parameter("q"), parameter("r"))
    more: dict[str, Any] = {
        "path": "/[p]",
        "backend_path": "/[p]",
        "backend_parameters": (to("q", "z", Location.HEADER),),
    }
    found = declared(request={"parameters": parameters}, **more)
    assert [(source, move["to"]) for source, move in found.moves] == [
        ("q", "z"),
        ("p", "p"),
        ("r", "r"),
    ]
    found = declared(request={"parameters": parameters, "mode": Mode.PASSTHROUGH}, **more)
    assert [source for source, _ in found.moves] == ["q", "p"]


def test_a_mock_has_no_path_at_a_backend() -> None:
    found = declared(
        backend=MockBackend(),
        constants=(Constant(name="c", location=Location.QUERY, value="1"),),
    )
    assert found.hidden_backend_segments == frozenset()
    assert found.constants == [{"name": "c", "in": "query"}]


def test_segments_of_a_path_are_masked_by_their_place() -> None:
    assert masked_path("/a/b/c", frozenset()) == "/a/b/c"
    assert masked_path("/a/b%2Fx/c", frozenset({1})) == "/a/…/c"
    assert masked_path("/", frozenset({0, 3})) == "/"
