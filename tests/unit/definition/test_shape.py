"""Our JSON Schemas as functions: what does not fit, where, and in plain words."""

from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from apigateway.definition.shape import misfits, schema_of, shape

KINDS = [
    "gateway",
    "group",
    "api",
    "app",
    "throttling",
    "signature-key",
    "vpc-access",
    "ip-control",
    "backend-tls",
    "grants",
    "bindings",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_sound_and_compiles(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(kind))
    shape(kind)


def test_there_is_no_schema_that_nobody_tests() -> None:
    folder = files("apigateway.definition").joinpath("schema")
    assert sorted(file.name for file in folder.iterdir()) == sorted(f"{k}.json" for k in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_explains_every_property(kind: str) -> None:
    def visit(schema: dict[str, Any]) -> None:
        for name, rule in schema.get("properties", {}).items():
            if "$ref" not in rule:
                assert rule.get("title"), name
                assert rule.get("description"), name
        for value in schema.values():
            if isinstance(value, dict):
                visit(value)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, dict):
                        visit(item)

    visit(schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_pattern_says_how_to_mend_what_breaks_it(kind: str) -> None:
    def visit(value: Any) -> None:
        if isinstance(value, dict):
            assert not isinstance(value.get("pattern"), str) or value["patternErrorMessage"]
            for item in value.values():
                visit(item)

    visit(schema_of(kind))


def test_a_schema_with_a_keyword_that_is_not_known_does_not_compile() -> None:
    from apigateway.definition.shape import _Compiler

    with pytest.raises(ValueError, match="multipleOf"):
        _Compiler({}).checker({"type": "number", "multipleOf": 2})


GOOD: dict[str, Any] = {
    "name": "TestApi",
    "request": {"method": "GET", "path": "/a"},
    "backend": {"type": "mock"},
}


def bad(kind: str, data: Any) -> list[tuple[tuple[str | int, ...], str, str, bool]]:
    return [(m.keys, m.what, m.mend, m.at_key) for m in misfits(kind, data)]


def test_an_unknown_key_is_pointed_at_with_the_keys_that_are_known() -> None:
    keys, what, mend, at_key = bad("api", {**GOOD, "auth": {"tpye": "app"}})[0]
    assert (keys, what, at_key) == (("auth", "tpye"), 'unknown key "tpye" in auth', True)
    assert mend == (
        'did you mean "type"? Known keys: type, signature_methods, force_nonce, app_code, openid'
    )


def test_a_key_in_another_spelling_is_recognized() -> None:
    mend = bad("api", {**GOOD, "auth": {"Force-Nonce": True}})[0][2]
    assert mend.startswith('did you mean "force_nonce"?')


def test_a_missing_key_comes_with_something_to_add() -> None:
    assert bad("api", {**GOOD, "request": {"method": "GET"}}) == [
        (("request",), '"path" is missing in request', "add path: /forecast/[city]", True)
    ]
    assert bad("app", {"name": "demo", "key": "1234"}) == [
        ((), '"secret" is missing', "add secret: file:demo.secret", True)
    ]


@pytest.mark.parametrize(
    ("patch", "what", "mend"),
    [
        (
            {"description": 7},
            "description must be text, not the number 7",
            "put it in quotes",
        ),
        (
            {"description": True},
            "description must be text, not the boolean true",
            "put it in quotes",
        ),
        ({"description": None}, "description has no value", "write text, or remove it"),
        (
            {
                "backend": {
                    "type": "http",
                    "address": "x",
                    "path": "/",
                    "constants": [{"name": "X-Tier", "in": "header", "value": None}],
                }
            },
            "backend.constants[0].value has no value",
            'write text, or remove it; text that begins with "#" stands in quotes',
        ),
        ({"description": [1]}, "description must be text, not a list", "put the text in quotes"),
        (
            {"auth": {"force_nonce": "yes"}},
            'auth.force_nonce must be true or false, not the text "yes"',
            "write true or false without quotes",
        ),
        (
            {"backend": {"type": "http", "address": "x", "path": "/", "timeout_ms": "5000"}},
            'backend.timeout_ms must be a whole number, not the text "5000"',
            "write 5000 without quotes",
        ),
        (
            {"backend": {"type": "http", "address": "x", "path": "/", "timeout_ms": 1.5}},
            "backend.timeout_ms must be a whole number, not the number 1.5",
            "write a whole number",
        ),
        (
            {"backend": {"type": "http", "address": "x", "path": "/", "timeout_ms": 30001}},
            "backend.timeout_ms is 30001, more than 30000",
            "write 1 to 30000",
        ),
        (
            {"backend": {"type": "mock", "status": 100}},
            "backend.status is 100, less than 200",
            "write 200 to 599",
        ),
        (
            {"visibility": "pubic"},
            'visibility is "pubic"',
            'did you mean "public"? Write one of: public, private',
        ),
        ({"visibility": True}, "visibility is true", "write one of: public, private"),
        (
            {"auth": {"signature_methods": "HmacSHA1"}},
            'auth.signature_methods must be a list, not the text "HmacSHA1"',
            "write it in brackets: [HmacSHA1]",
        ),
        (
            {"auth": {"signature_methods": []}},
            "auth.signature_methods is an empty list",
            'write at least one, for example ["HmacSHA256", "HmacSHA1"]',
        ),
        (
            {"auth": {"signature_methods": ["HmacSHA1", "HmacSHA1"]}},
            '"HmacSHA1" stands twice in auth.signature_methods',
            "remove one of the two",
        ),
        (
            {"request": {"method": "FETCH", "path": "/a"}},
            'request.method "FETCH" is not permitted',
            "write GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS or ANY",
        ),
        (
            {"name": "abc"},
            'name "abc" is not permitted',
            "write 4 to 50 letters, digits, '_' or '-', a letter first",
        ),
        (
            {"description": "x" * 181},
            "description has 181 characters, more than 180",
            "write at most 180 characters",
        ),
        (
            {
                "request": {
                    "method": "GET",
                    "path": "/a",
                    "parameters": [{"name": "", "in": "path"}],
                }
            },
            "request.parameters[0].name is empty",
            "write a value",
        ),
        ({"backend": {}}, '"type" is missing in backend', "add type: http"),
        (
            {"backend": {"type": "htp"}},
            'backend.type is "htp"',
            'did you mean "http"? Write one of: http, vpc, mock',
        ),
        (
            {"backend": {"type": ["http"]}},
            'backend.type is ["http"]',
            "write one of: http, vpc, mock",
        ),
        (
            {"backend": "mock"},
            'backend must be a mapping, not the text "mock"',
            'write a mapping, for example {"type": "http", "address": "http://127.0.0.1:9000", '
            '"path": "/"}',
        ),
    ],
)
def test_what_does_not_fit_is_told_in_plain_words(
    patch: dict[str, Any], what: str, mend: str
) -> None:
    assert [found[1:3] for found in bad("api", {**GOOD, **patch})] == [(what, mend)]


def test_a_name_with_a_line_break_at_its_end_is_no_name() -> None:
    assert bad("api", {**GOOD, "name": "GetForecast\n"})


def test_methods_are_taken_in_any_case() -> None:
    for method in ("get", "Get", "GET", "oPtIoNs", "any"):
        assert not bad("api", {**GOOD, "request": {"method": method, "path": "/a"}})


def test_the_value_of_a_secret_is_never_repeated() -> None:
    app = {"name": "demo", "key": "1234"}
    for secret in (87654321, [87654321], {"87654321": 1}, True, ""):
        for _, what, mend, _ in bad("app", {**app, "secret": secret}):
            assert "87654321" not in what + mend


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("gateway", []),
        ("grants", {}),
        ("bindings", {"throttling": {}}),
        ("grants", [{"app": "demo", "group": "weather", "apis": "all"}]),
        ("grants", [{"app": "demo", "group": "weather", "apis": ["A"], "environments": ["test"]}]),
        ("group", {"name": "weather", "domains": ["http://a.test"]}),
        ("group", {"name": "weather", "domains": [{"environment": "TEST"}]}),
        ("vpc-access", {"name": "notes", "vpc_id": "vpc", "instance_id": "i", "port": 0}),
    ],
)
def test_the_verdict_is_that_of_jsonschema(kind: str, data: Any) -> None:
    assert misfits(kind, data)
    assert not jsonschema.Draft202012Validator(schema_of(kind)).is_valid(data)
