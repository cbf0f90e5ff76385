"""What a definition sends to its backend, in the order in which it declares it."""

from typing import Any

from unit.build import REQUEST_ID, a_pass, an_api, parameter, serve

from apigateway.exchange import Validated
from apigateway.model.api import Api, BackendParameter, Constant, Location, Mode
from apigateway.outbound.names import Finder
from apigateway.outbound.values import backend_values
from apigateway.protocol.multipart_body import Part


def found(places: tuple[tuple[str, Finder], ...], api: Api, **known: Any) -> list[tuple[str, Any]]:
    call = a_pass(Validated, served=serve(api), **known)
    return [(name, find(call)) for name, find in places]


def test_an_argument_goes_on_under_its_own_name_and_place() -> None:
    api = an_api(request={"parameters": (parameter("a"), parameter("b", Location.HEADER))})
    values = backend_values(api)
    assert found(values.query, api, arguments={"a": "1"}) == [("a", "1")]
    assert found(values.header, api, arguments={"b": "2"}) == [("b", "2")]
    assert values.path == values.body == ()


def test_a_mapped_argument_goes_to_its_new_name_and_place_alone() -> None:
    moved = BackendParameter(source="a", name="A", location=Location.HEADER)
    api = an_api(request={"parameters": (parameter("a"),)}, backend_parameters=(moved,))
    values = backend_values(api)
    assert values.query == ()
    assert found(values.header, api, arguments={"a": "1"}) == [("A", "1")]
    assert found(values.header, api, arguments={}) == [("A", None)]


def test_a_file_is_sent_before_a_text_of_its_name() -> None:
    file = Part("a", b"", "a.txt", "text/plain")
    api = an_api(request={"parameters": (parameter("a", Location.BODY),)})
    values = backend_values(api)
    assert found(values.body, api, files={"a": file}, arguments={}) == [("a", file)]


def test_passthrough_maps_the_path_alone() -> None:
    declared = (parameter("a"), parameter("b", Location.PATH))
    values = backend_values(an_api(request={"mode": Mode.PASSTHROUGH, "parameters": declared}))
    assert [name for name, _ in values.path] == ["b"]
    assert values.query == ()


def test_constants_system_parameters_and_claims_follow() -> None:
    api = an_api(
        request={"parameters": (parameter("a", Location.HEADER),)},
        constants=(Constant(name="c", location=Location.HEADER, value="x"),),
        system_parameters=(
            BackendParameter(source="CaRequestId", name="id", location=Location.HEADER),
        ),
        claims=(BackendParameter(source="sub", name="who", location=Location.HEADER),),
    )
    sent = found(backend_values(api).header, api, arguments={"a": "1"}, claims={"sub": 7})
    assert sent == [("a", "1"), ("c", "x"), ("id", REQUEST_ID), ("who", "7")]
