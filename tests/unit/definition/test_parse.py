"""An API's document as the model's Api."""

from typing import Any

import pytest
from unit.definition.written import API, Written
from unit.definition.written import api as written_api

from apigateway.definition.parse import parse_api
from apigateway.definition.problems import DefinitionError
from apigateway.model.api import (
    Api,
    AppCodeUse,
    AuthType,
    BackendParameter,
    HttpBackend,
    Location,
    MockBackend,
    Mode,
    ParameterType,
    SignatureMethod,
    VpcBackend,
)
from apigateway.model.group import Group

GROUP = Group(id="a" * 32, name="weather", region="cn-hangzhou", subdomain="weather.test")


def parse(**patch: Any) -> Api:
    document = {
        "name": "TestApi",
        "request": {"method": "post", "path": "/a"},
        "backend": {"type": "http", "address": "http://a:9000", "path": "/b"},
        **patch,
    }
    return parse_api(document, group=GROUP, account="1001")


def test_what_is_not_written_has_the_documented_default() -> None:
    api = parse()
    assert api.auth.type is AuthType.APP
    assert api.auth.signature_methods == {SignatureMethod.HMAC_SHA256}
    assert api.request.protocols == {"http", "https"}
    assert api.request.method == "POST"
    assert api.request.mode is Mode.MAPPING
    assert api.visibility == "private"
    assert api.backend == HttpBackend(scheme="http", host="a", port=9000, path="/b")


def test_the_id_derives_from_account_region_group_and_name_unless_written() -> None:
    assert parse().id == parse(description="other").id
    assert parse().id != parse(name="OtherApi").id
    assert parse(id="b" * 32).id == "b" * 32


def test_the_document_is_kept_as_it_was_written() -> None:
    assert parse(visibility="public").document["visibility"] == "public"
    assert "visibility" not in parse().document


def test_a_path_parameter_is_required_without_saying_so() -> None:
    request = {"method": "GET", "path": "/[a1]", "parameters": [{"name": "a1", "in": "path"}]}
    api = parse(request=request, backend={"type": "mock"})
    assert api.request.parameters[0].required


def test_declared_values_become_text() -> None:
    parameters = [
        {"name": "a", "in": "query", "type": "Int", "default": 3, "enum": [3, 4]},
        {"name": "b", "in": "query", "type": "JSON", "default": {"x": [1]}},
        {"name": "c", "in": "query", "type": "Boolean", "default": True},
    ]
    api = parse(request={"method": "GET", "path": "/a", "parameters": parameters})
    assert [item.default for item in api.request.parameters] == ["3", '{"x":[1]}', "true"]
    assert api.request.parameters[0].enum == ("3", "4")
    assert api.request.parameters[1].type is ParameterType.JSON


def test_what_is_not_mapped_keeps_its_name_and_place() -> None:
    parameters = [{"name": name, "in": "query"} for name in ("a", "b")]
    backend = {
        "type": "http",
        "address": "http://a",
        "path": "/",
        "parameters": [{"from": "b", "name": "B", "in": "header"}],
    }
    api = parse(request={"method": "GET", "path": "/a", "parameters": parameters}, backend=backend)
    assert api.backend_parameters == (
        BackendParameter(source="b", name="B", location=Location.HEADER),
        BackendParameter(source="a", name="a", location=Location.QUERY),
    )


def test_in_mode_passthrough_only_path_parameters_are_mapped() -> None:
    parameters = [{"name": "a", "in": "path"}, {"name": "b", "in": "query"}]
    api = parse(
        request={"method": "GET", "path": "/[a]", "mode": "passthrough", "parameters": parameters},
        backend={"type": "http", "address": "http://a", "path": "/[a]"},
    )
    assert [item.source for item in api.backend_parameters] == ["a"]


def test_every_kind_of_backend_is_read() -> None:
    vpc = {"type": "vpc", "access": "notes", "path": "/", "method": "put", "timeout_ms": 5}
    assert parse(backend=vpc).backend == VpcBackend(
        access="notes", scheme="http", path="/", method="PUT", timeout_ms=5
    )
    mock = {"type": "mock", "status": 201, "headers": {"A": "x", "B": ["y", "z"]}, "body": "b"}
    assert parse(backend=mock).backend == MockBackend(
        status=201, headers=(("A", "x"), ("B", "y"), ("B", "z")), body="b"
    )


def test_a_document_without_a_file_is_told_by_group_and_name() -> None:
    with pytest.raises(DefinitionError) as raised:
        parse(request={"method": "GET", "path": "a"}, colour="red")
    assert [str(problem) for problem in raised.value.problems] == [
        'weather/TestApi: unknown key "colour"; known keys: '
        "id, name, description, visibility, auth, request, backend, result"
    ]
    with pytest.raises(DefinitionError) as raised:
        parse(request={"method": "GET", "path": "a"})
    assert [str(problem) for problem in raised.value.problems] == [
        'weather/TestApi: the path "a" does not start with "/"; write "/a"'
    ]


@pytest.mark.parametrize("use", AppCodeUse)
def test_an_app_code_may_be_off_in_a_field_or_in_the_query_too(use: AppCodeUse) -> None:
    assert parse(auth={"app_code": use.value}).auth.app_code is use
    assert parse().auth.app_code is AppCodeUse.DISABLED


def test_a_use_of_app_codes_that_is_none_is_a_problem(written: Written) -> None:
    written.write(API, written_api(more="auth: {app_code: §query}\n"))
    problem = written.problems()[0]
    assert problem.startswith(f"{written.marks[0]}: auth.app_code "), written.problems()
    assert "header_or_query" in problem


def test_a_document_without_a_file_reads_none() -> None:
    openid = {"type": "authorization", "jwks": "file:pyproject.toml"}
    with pytest.raises(DefinitionError, match="this document lies beside none"):
        parse(auth={"type": "openid", "openid": openid})
