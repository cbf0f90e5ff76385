"""An Api as a document again: as a person would write it, and meaning the same."""

from typing import Any

from apigateway.definition.dump import dump_api
from apigateway.definition.parse import parse_api
from apigateway.model.group import Group

GROUP = Group(id="a" * 32, name="weather", region="cn-hangzhou", subdomain="weather.test")

FULL: dict[str, Any] = {
    "name": "TestApi",
    "description": "all of it",
    "visibility": "public",
    "auth": {
        "type": "app",
        "signature_methods": ["HmacSHA1"],
        "force_nonce": True,
        "app_code": "header",
    },
    "request": {
        "protocols": ["https"],
        "method": "PUT",
        "path": "/[a]/*",
        "mode": "mapping_passthrough",
        "parameters": [
            {"name": "a", "in": "path", "pattern": "[a-z]+", "min_length": 1, "max_length": 9},
            {"name": "b", "in": "query", "type": "Int", "default": 0, "minimum": 0, "maximum": 9},
            {"name": "c", "in": "header", "enum": ["x", "y"], "example": "x"},
            {"name": "d", "in": "query", "type": "JSON", "schema": True, "default": [1]},
        ],
        "body": {
            "format": "stream",
            "required": True,
            "schema": {"type": "object"},
            "description": "d",
            "example": {"a": 1},
        },
    },
    "backend": {
        "type": "http",
        "address": "https://[::1]:8443",
        "path": "/x/[v]/[A]/*",
        "method": "POST",
        "timeout_ms": 1,
        "tls": "internal-services",
        "parameters": [{"from": "a", "name": "A", "in": "path"}],
        "constants": [{"name": "v", "in": "path", "value": "1"}],
        "system": [{"from": "CaStage", "name": "X-Stage", "in": "header"}],
    },
    "result": {
        "type": "XML",
        "example": "<a/>",
        "failure_example": "<b/>",
        "errors": [{"code": "404", "message": "none", "description": "not there"}],
    },
}


def test_reading_what_was_dumped_gives_the_same_api() -> None:
    api = parse_api(FULL, group=GROUP, account="1001")
    assert parse_api(dump_api(api), group=GROUP, account="1001") == api


def test_defaults_are_left_out() -> None:
    document = {
        "name": "TestApi",
        "request": {"method": "GET", "path": "/"},
        "backend": {"type": "mock"},
    }
    api = parse_api(document, group=GROUP, account="1001")
    assert dump_api(api) == {
        "id": api.id,
        "name": "TestApi",
        "visibility": "private",
        "auth": {"type": "app", "signature_methods": ["HmacSHA256"]},
        "request": {
            "protocols": ["http", "https"],
            "method": "GET",
            "path": "/",
            "mode": "mapping",
        },
        "backend": {"type": "mock", "status": 200},
    }


def test_zero_and_false_are_not_taken_for_absent() -> None:
    parameters = [
        {"name": "a", "in": "query", "type": "JSON", "schema": False},
        {"name": "b", "in": "query", "type": "Int", "minimum": 0, "maximum": 0},
        {"name": "c", "in": "query", "min_length": 0},
    ]
    document = {
        "name": "TestApi",
        "request": {"method": "GET", "path": "/", "parameters": parameters},
        "backend": {"type": "mock"},
    }
    api = parse_api(document, group=GROUP, account="1001")
    again = parse_api(dump_api(api), group=GROUP, account="1001")
    assert again == api
    assert again.request.parameters[0].schema is False


def test_a_multipart_body_and_a_file_of_no_bytes_are_kept() -> None:
    document = {
        "name": "TestApi",
        "request": {
            "method": "POST",
            "path": "/",
            "parameters": [{"name": "a", "in": "body", "type": "File", "max_bytes": 0}],
            "body": {"format": "multipart"},
        },
        "backend": {"type": "mock"},
    }
    api = parse_api(document, group=GROUP, account="1001")
    dumped = dump_api(api)
    assert dumped["request"]["parameters"][0]["max_bytes"] == 0
    assert dumped["request"]["body"] == {"format": "multipart"}
    assert parse_api(dumped, group=GROUP, account="1001") == api
