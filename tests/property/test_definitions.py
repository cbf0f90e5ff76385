"""Definitions, whatever they hold: what loads comes back as it was, and nothing crashes."""

import copy
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.definition.written import GOOD, Written
from unit.minted import KID, OTHER_KID, ec_key, public_jwk, rsa_key

from apigateway.definition.check_schema import _surely_valid, faults_of_schema
from apigateway.definition.document import Unreadable, read_document
from apigateway.definition.dump import dump_api
from apigateway.definition.parse import parse_api
from apigateway.definition.paths import faults_of_path
from apigateway.definition.problems import DefinitionError
from apigateway.definition.shape import misfits, schema_of
from apigateway.model.api import ParameterType
from apigateway.model.group import Group
from apigateway.protocol.matching import parse_pattern

GROUP = Group(id="a" * 32, name="weather", region="cn-hangzhou", subdomain="weather.test")
SAMPLES = Path(__file__).resolve().parents[2]

Json = Any
words = st.sampled_from(["city", "days", "X-App", "a", "b1", "note", "é"])
texts = st.text(max_size=12)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer())
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


def parameters(place: str) -> st.SearchStrategy[dict[str, Any]]:
    common = {"required": st.booleans(), "description": texts, "example": texts}
    named = {"in": st.just(place)}
    text = {"pattern": st.just("[a-z]*"), "min_length": st.just(0), "default": st.just("abc")}
    number = {
        "minimum": st.integers(-5, 0) | st.just(-0.5),
        "maximum": st.integers(5, 9),
        "default": st.integers(0, 5) | st.just("3"),
        "enum": st.just([0, 1, 2, 3, 4, 5]),
        "example": st.integers(0, 5),
    }
    return st.one_of(
        some({**named, "name": words}, {**common, **text}),
        some(
            {**named, "name": words, "type": st.sampled_from(["Int", "Long", "Double"])},
            {"required": st.booleans(), **number},
        ),
        some(
            {**named, "name": words, "type": st.just("JSON")},
            {
                "default": json_values.filter(lambda v: v is not None and not isinstance(v, str)),
                "schema": st.booleans() | st.just({"type": "object"}),
            },
        ),
        some(
            {**named, "name": words, "type": st.just("Boolean")},
            {"default": st.booleans() | st.just("true")},
        ),
    )


def files() -> st.SearchStrategy[dict[str, Any]]:
    return some(
        {"name": words, "in": st.just("body"), "type": st.just("File")},
        {"max_bytes": st.integers(0, 10**9), "required": st.booleans(), "example": texts},
    )


JWKS = [
    public_jwk(rsa_key()),
    public_jwk(rsa_key(), alg="ES256"),
    public_jwk(ec_key(), use="sig"),
]
app_rules: dict[str, Any] = {
    "signature_methods": st.sampled_from([["HmacSHA1"], ["HmacSHA256"]]),
    "force_nonce": st.booleans(),
    "app_code": st.sampled_from(["disabled", "header"]),
}
plain_auth = some({}, {"type": st.sampled_from(["app", "anonymous"]), **app_rules})


def authorizations() -> st.SearchStrategy[dict[str, Any]]:
    jwk = st.sampled_from(JWKS)
    key_ids = st.sampled_from([KID, OTHER_KID, "short"])
    key = some({"key_id": key_ids, "public_key": jwk | jwk.map(json.dumps)}, {})
    of_a_set = st.builds(lambda jwk, kid: {**jwk, "kid": kid}, jwk, st.sampled_from(["a", "b"]))
    listed = st.lists(of_a_set, min_size=1, max_size=2, unique_by=lambda jwk: jwk["kid"])
    jwks = some({"keys": listed}, {})
    keys = st.lists(key, min_size=1, max_size=2, unique_by=lambda key: key["key_id"])
    issuer = {"issuer": st.text(min_size=1, max_size=9)}
    kind = {"type": st.just("authorization")}
    return some({**kind, "keys": keys}, {"jwks": jwks, **issuer}) | some(
        {**kind, "jwks": jwks | jwks.map(json.dumps)}, issuer
    )


def services() -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=2, unique=True)
    return some(
        {"type": st.just("service"), "token": st.just("IdToken")},
        {
            "issuers": several,
            "audiences": several,
            "leeway_s": st.integers(0, 3600),
            "required_claims": st.sampled_from([[], ["exp"], ["exp", "sub"]]),
        },
    )


def with_openid(openid: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    kinds = st.sampled_from(["app_openid", "openid"])
    return some({"type": kinds, "openid": openid}, app_rules)


AUTHS = {
    "plain": plain_auth,
    "authorization": with_openid(authorizations()),
    "service": with_openid(services()),
}


@st.composite
def apis(draw: st.DrawFn) -> dict[str, Any]:
    """Documents that are mostly right."""
    places = st.sampled_from(["query", "query", "header", "body"])
    in_parts = draw(st.booleans())
    one = places.flatmap(parameters)
    kinds = st.one_of(one, files()) if in_parts else one
    listed = draw(st.lists(kinds, max_size=4, unique_by=lambda p: p["name"]))
    auth_kind = draw(st.sampled_from(sorted(AUTHS)))
    auth = draw(AUTHS[auth_kind])
    if auth_kind == "service":
        listed.append({"name": "IdToken", "in": draw(st.sampled_from(["query", "header"]))})
    in_path = draw(st.booleans())
    if in_path:
        listed.append({"name": "p", "in": "path"})
    path = "/x/[p]" if in_path else "/x"
    request = draw(
        some(
            {
                "method": st.sampled_from(["post", "PUT", "Any"]),
                "path": st.just(path),
                "parameters": st.just(listed),
            },
            {
                "protocols": st.sampled_from([["http"], ["https", "http"]]),
                "mode": st.sampled_from(["mapping", "mapping_passthrough", "passthrough"]),
                "body": st.just({"format": "form", "required": True, "description": "d"})
                | st.just({"format": "stream", "schema": {"type": "object"}, "example": {}}),
            },
        )
    )
    if in_parts:
        multipart = some({"format": st.just("multipart")}, {"required": st.booleans()})
        request["body"] = draw(multipart)
    mapped = [
        {
            "from": item["name"],
            "name": f"n{index}",
            "in": "body"
            if item.get("type") == "File"
            else draw(st.sampled_from(["query", "header"])),
        }
        for index, item in enumerate(listed)
        if item["in"] != "path" and draw(st.booleans())
    ]
    target: dict[str, Any] = {
        "path": st.sampled_from([path, path, f"/#version#{path}"]),
        "parameters": st.just(mapped),
    }
    if auth_kind == "service":
        target["claims"] = st.lists(
            some({"from": st.sampled_from(["sub", "exp", "é", "a b"])}, {}), min_size=1, max_size=2
        ).map(
            lambda claims: [
                {**claim, "name": f"c{index}", "in": ("query", "header")[index]}
                for index, claim in enumerate(claims)
            ]
        )
    more = {
        "method": st.sampled_from(["post", "PATCH"]),
        "timeout_ms": st.integers(1, 30_000),
        "constants": st.sampled_from(["v", "#tier#", "#1 of #tier#"]).map(
            lambda value: [{"name": "K", "in": "query", "value": value}]
        ),
        "system": st.just([{"from": "CaStage", "name": "X-Stage", "in": "header"}]),
    }
    addresses = st.sampled_from(
        ["http://a", "https://[::1]:9", "http://B.c:80", *["http://#host#", "#backend#"] * 2]
    )
    secure: dict[str, Any] = {"tls": st.sampled_from(["internal", "é"]), **more}
    backend = draw(
        some({"type": st.just("http"), "address": addresses, **target}, more)
        | some({"type": st.just("http"), "address": st.just("https://a:1"), **target}, secure)
        | some(
            {"type": st.just("vpc"), "access": texts, "scheme": st.just("https"), **target}, secure
        )
        | some(
            {"type": st.just("vpc"), "access": texts, **target},
            {"scheme": st.sampled_from(["http", "https"]), **more},
        )
        | some(
            {"type": st.just("mock")},
            {
                "status": st.integers(200, 599),
                "headers": st.dictionaries(
                    st.sampled_from(["A", "B", "C"]), st.just("x") | st.just(["y", "z"])
                ),
                "body": texts,
            },
        )
    )
    return draw(
        some(
            {
                "name": st.just("TestApi"),
                "auth": st.just(auth),
                "request": st.just(request),
                "backend": st.just(backend),
            },
            {
                "id": st.just("f" * 32),
                "description": texts,
                "visibility": st.sampled_from(["public", "private"]),
                "result": some(
                    {},
                    {
                        "type": st.sampled_from(["JSON", "TEXT", "XML"]),
                        "example": json_values,
                        "failure_example": json_values,
                        "errors": st.lists(
                            some({"code": st.just("404")}, {"message": texts}), max_size=2
                        ),
                    },
                ),
            },
        )
    )


def test_an_api_that_loads_dumps_and_reads_to_itself() -> None:
    loaded = with_files = 0
    seen: Counter[str] = Counter()

    @given(apis())
    @settings(max_examples=300)
    def comes_back(document: dict[str, Any]) -> None:
        nonlocal loaded, with_files
        try:
            api = parse_api(document, group=GROUP, account="1")
        except DefinitionError:
            return
        loaded += 1
        with_files += any(one.type is ParameterType.FILE for one in api.request.parameters)
        seen[type(api.auth.openid).__name__] += 1
        seen["claims"] += bool(api.claims)
        seen["tls"] += getattr(api.backend, "tls", None) is not None
        seen["variables"] += bool(api.variables)
        dumped = dump_api(api)
        again = parse_api(dumped, group=GROUP, account="1")
        assert again == api
        assert dump_api(again) == dumped
        assert parse_api(json.loads(json.dumps(dumped)), group=GROUP, account="1") == api

    comes_back()
    assert loaded > 30 and with_files > 5  # or the property says little
    kinds = ("TokenIssuer", "TokenRules", "claims", "tls", "variables")
    assert all(seen[one] > 3 for one in kinds), seen


@given(json_values.filter(lambda value: value is not None))
def test_a_document_written_as_yaml_reads_as_it_was(value: Json) -> None:
    try:
        text = yaml.safe_dump(value, allow_unicode=True)
        document, faults = read_document("a", Path("a"), json.dumps(value).encode())
    except (Unreadable, UnicodeEncodeError):
        return
    assert faults == []
    assert document.data == value
    assert text


@given(apis(), st.data())
@settings(max_examples=300)
def test_shapes_judge_as_jsonschema_does(document: dict[str, Any], data: st.DataObject) -> None:
    changed = mutated(document, data)
    verdict = jsonschema.Draft202012Validator(schema_of("api")).is_valid(changed)
    assert (not misfits("api", changed)) == verdict


OTHERS = {
    "gateway": {
        "account": "1",
        "region": "cn-a",
        "limits": {"body_bytes": 1},
        "releases": {},
        "instance_id": "gateway-1",
        "source_vpcs": [{"vpc_id": "vpc-01", "networks": ["10.0.0.0/8"]}],
    },
    "group": {
        "name": "weather",
        "domains": ["a.b", {"name": "c", "environment": "TEST"}],
        "environments": {"TEST": {"variables": {"host": "a:9001", "tier": "silver"}}, "PRE": {}},
    },
    "app": {
        "name": "demo",
        "key": "1234",
        "secret": "s",
        "code": "c",
        "owner": "1",
        "extend_info": "gold",
        "market_instance_id": "cmapi-1",
    },
    "throttling": {"name": "nnnn", "unit": "day", "api": 1, "special": [{"app": "a", "limit": 1}]},
    "signature-key": {"name": "nnnn", "key": "kkkkkk", "secret": "s", "id": "1"},
    "vpc-access": {
        "name": "nnnn",
        "vpc_id": "v" * 6,
        "instance_id": "i" * 6,
        "port": 1,
        "host": "",
    },
    "ip-control": {"name": "nnnn", "allow": ["a"], "deny": ["b"]},
    "grants": [{"app": "a", "group": "g", "apis": "*", "environments": ["TEST"]}],
    "bindings": {"throttling": [{"policy": "p", "group": "g", "apis": ["a"]}], "ip_control": []},
}


@pytest.mark.parametrize("kind", sorted(OTHERS))
@given(data=st.data())
@settings(max_examples=60)
def test_every_shape_judges_as_jsonschema_does(kind: str, data: st.DataObject) -> None:
    changed = mutated(OTHERS[kind], data)
    verdict = jsonschema.Draft202012Validator(schema_of(kind)).is_valid(changed)
    assert (not misfits(kind, changed)) == verdict


def mutated(document: Json, data: st.DataObject) -> Json:
    """The document with a few values changed, added or taken away."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(0, 2))):
        node = document
        while isinstance(node, dict | list) and node:
            key: Any = (
                data.draw(st.sampled_from(sorted(node)))
                if isinstance(node, dict)
                else data.draw(st.integers(0, len(node) - 1))
            )
            if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
                change = data.draw(st.sampled_from(["set", "remove", "add"]))
                if change == "set":
                    node[key] = data.draw(json_values)
                elif change == "remove":
                    del node[key]
                elif isinstance(node, dict):
                    node[data.draw(st.sampled_from(["type", "name", "x"]))] = data.draw(texts)
                else:
                    node.append(data.draw(json_values))
                break
            node = node[key]
    return document


KEYWORDS = st.dictionaries(
    st.sampled_from(
        [
            "type",
            "enum",
            "const",
            "required",
            "properties",
            "items",
            "allOf",
            "not",
            "minLength",
            "minimum",
            "pattern",
            "$ref",
            "$defs",
            "uniqueItems",
            "description",
            "default",
            "additionalProperties",
            "patternProperties",
            "$id",
            "x",
        ]
    ),
    st.recursive(
        json_values
        | st.sampled_from(["string", "object", "#", "#/$defs/a", "(", ["a", "b"], ["null"]]),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["a", "type", "items", "not", "allOf", "$ref", "properties"]), inner
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


@given(KEYWORDS)
@settings(max_examples=300)
def test_what_is_taken_for_a_json_schema_is_one(schema: dict[str, Any]) -> None:
    if _surely_valid(schema) or not faults_of_schema(schema):
        jsonschema.Draft202012Validator.check_schema(
            schema, format_checker=jsonschema.FormatChecker(())
        )


@given(st.lists(st.sampled_from(["/", "[a]", "[b]", "a", "*", ".", "é", "[", "%20", "a-b"])))
def test_the_router_takes_every_path_that_has_no_faults(parts: list[str]) -> None:
    path = "".join(parts)
    if not list(faults_of_path(path)):
        assert parse_pattern(path).segments or path in ("/", "/*")


def load_with(path: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = Written(Path(folder))
        (written.root / path).write_bytes(content)
        for problem in written.problems():
            assert problem.isprintable()


SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=80))
@SLOW
def test_arbitrary_bytes_are_problems_and_nothing_else(path: str, content: bytes) -> None:
    load_with(path, content)


@given(
    st.sampled_from(sorted(GOOD)), st.text("ab:-[]{}\"'&*!|>%@#,?\\ \n\t01.~<é\x00", max_size=60)
)
@SLOW
def test_arbitrary_yaml_is_problems_and_nothing_else(path: str, text: str) -> None:
    load_with(path, text.encode())


@given(st.sampled_from(sorted(GOOD)), json_values)
@SLOW
def test_arbitrary_documents_are_problems_and_nothing_else(path: str, value: Json) -> None:
    load_with(path, json.dumps(value).encode())


@given(apis(), st.data())
@SLOW
def test_apis_that_are_nearly_right_are_problems_and_nothing_else(
    document: dict[str, Any], data: st.DataObject
) -> None:
    load_with("definitions/weather/x.yaml", json.dumps(mutated(document, data)).encode())


@given(st.data())
@SLOW
def test_samples_with_a_few_bytes_changed_are_problems_and_nothing_else(
    data: st.DataObject,
) -> None:
    samples = sorted((SAMPLES / "definitions/weather").glob("*.yaml"))
    content = bytearray(data.draw(st.sampled_from(samples)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    load_with("definitions/weather/x.yaml", bytes(content))
