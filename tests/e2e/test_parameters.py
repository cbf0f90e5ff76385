"""Parameters as callers send them: where they stand, of which type, under which rules.

Each call goes through a running gateway; what comes through is looked at as the backend heard it.
"""

import time
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from e2e.recording import ALWAYS, FORM, JSON, Definitions, Rig, recording

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
OBJECT = "schema: {type: object, required: [a], properties: {a: {type: integer, maximum: 9}}}"
DIGIT = "type: Int, minimum: 0, maximum: 9"


def define(project: Definitions) -> None:
    project.api(
        "Everywhere",
        "method: POST, path: '/everywhere/[p]'",
        f"name: p, in: path, {DIGIT}",
        f"name: q, in: query, {DIGIT}",
        f"name: X-H, in: header, {DIGIT}",
        f"name: f, in: body, {DIGIT}",
        path="/to/[p]",
    )
    project.api(
        "Types",
        "method: GET, path: /types",
        *(
            f"name: {kind.lower()}, in: query, type: {kind}"
            for kind in ("String", "Int", "Long", "Float", "Double", "Number", "Boolean", "JSON")
        ),
        "name: short, in: query, min_length: 2, max_length: 4",
        "name: choice, in: query, enum: [rain, snow]",
        "name: two, in: query, type: Int, enum: [1, 20]",
        "name: half, in: query, type: Number, enum: [1, 2.5]",
        "name: small, in: query, type: Double, minimum: -0.5, maximum: 2.5",
        "name: lower, in: query, pattern: '[a-z]+'",
        "name: slow, in: query, pattern: '(a+)+$'",
        f"name: doc, in: query, type: JSON, {OBJECT}",
    )
    project.api(
        "Given",
        "method: POST, path: /given",
        "name: must, in: query, required: true",
        "name: least, in: query, required: true, min_length: 1",
        "name: may, in: query, default: 'd é&'",
        "name: count, in: query, type: Int, default: 3",
        "name: left, in: query",
        "name: X-May, in: header, default: gold",
        "name: field, in: body, default: 'a b'",
    )
    project.api("Must", "method: POST, path: /must", "name: field, in: body, required: true")
    project.api("MustHead", "method: GET, path: /must", "name: X-Must, in: header, required: true")
    project.api(
        "Document",
        f"method: POST, path: /document, body: {{format: stream, required: true, {OBJECT}}}",
    )
    for name, path, to in (
        ("Single", "/shop/[id]", "/one/[id]"),
        ("Rest", "/shop/[id]/*", "/rest/[id]/*"),
        ("Cart", "/shop/cart", "/cart"),
        ("CartItem", "/shop/cart/[item]", "/cart/[item]"),
    ):
        names = [part[1:-1] for part in path.split("/") if part.startswith("[")]
        project.api(name, f"method: GET, path: '{path}'", *declared(names), path=to)
    for method in METHODS:
        project.api(f"M{method}", f"method: {method}, path: /methods", path=f"/{method.lower()}")
        project.api(
            f"To{method}",
            f"method: ANY, path: /change/{method.lower()}",
            path="/to",
            backend=f"method: {method}",
        )
    project.api("MAny", "method: ANY, path: /any", path="/any")
    project.api("MLess", "method: ANY, path: /less", path="/less")
    project.api("MLessGet", "method: GET, path: /less", path="/get")


def declared(names: list[str]) -> Iterator[str]:
    return (f"name: {name}, in: path" for name in names)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with recording(tmp_path_factory.mktemp("parameters"), define) as started:
        yield started


def types(**values: str) -> str:
    return f"/types?{urlencode(values)}"


def invalid(name: str, reason: str) -> tuple[int, str, str]:
    return (400, "I400IP", f"Invalid parameter {name} {reason}")


# --- places


def test_a_parameter_of_each_place_reaches_the_backend_in_its_place(rig: Rig) -> None:
    heard = rig.heard("POST", "/everywhere/1?q=2", [("x-h", "3"), FORM], b"f=4")
    (request_id,) = heard.values("X-Ca-Request-Id")
    assert (
        heard.raw
        == (
            "POST /to/1?q=2 HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{rig.backend.port}\r\n"
            "X-H: 3\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Ca-Request-Id: {request_id}\r\n"
            "X-Forwarded-For: 127.0.0.1\r\n"
            "Content-Length: 3\r\n\r\n"
            "f=4"
        ).encode()
    )


@pytest.mark.parametrize(
    ("broken", "name"), [("p", "p"), ("q", "q"), ("h", "X-H"), ("f", "f")], ids=lambda text: text
)
def test_a_rule_holds_in_each_place_and_names_its_parameter(
    rig: Rig, broken: str, name: str
) -> None:
    def call(value: str) -> tuple[str, str, list[tuple[str, str]], bytes]:
        sent = {**dict.fromkeys("pqhf", "1"), broken: value}
        target = f"/everywhere/{sent['p']}?q={sent['q']}"
        return "POST", target, [("X-H", sent["h"]), FORM], f"f={sent['f']}".encode()

    for value, reason in (
        ("10", "is greater than 9"),
        ("-1", "is less than 0"),
        ("a", "is not of type Int"),
        ("1.0", "is not of type Int"),
    ):
        assert rig.refused(*call(value)) == invalid(name, reason)
    for value in ("0", "9"):
        rig.heard(*call(value))


# --- types

LARGE_FLOAT, LARGE_DOUBLE = "3.4028235e38", "1.7976931348623157e308"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("string", "any thing & 中 😀 +%"),
        ("int", "2147483647"),
        ("int", "-2147483648"),
        ("int", "+007"),
        ("long", "9223372036854775807"),
        ("long", "-9223372036854775808"),
        ("float", "-12.50"),
        ("float", LARGE_FLOAT),
        ("double", "1e3"),
        ("double", LARGE_DOUBLE),
        ("double", ".5"),
        ("number", "1"),
        ("number", "-1.5E-9"),
        ("boolean", "true"),
        ("boolean", "FALSE"),
        ("json", '{"a": [1, null, "中"]}'),
        ("json", "1"),
        ("short", "ab"),
        ("short", "abcd"),
        ("short", "中文"),
        ("short", "😀😀😀😀"),
        ("choice", "rain"),
        ("two", "1"),
        ("two", "+20"),
        ("half", "1"),
        ("half", "1.0"),
        ("half", "10e-1"),
        ("half", "2.50"),
        ("small", "-0.5"),
        ("small", "2.5"),
        ("lower", "abc"),
        ("slow", "aaa"),
        ("doc", '{"a": 9}'),
        ("doc", '{"a": 9.0, "b": {}}'),
    ],
)
def test_a_value_that_keeps_the_rules_goes_on_as_the_caller_wrote_it(
    rig: Rig, name: str, value: str
) -> None:
    heard = rig.heard("GET", types(**{name: value}))
    encoded = quote(value, safe="")
    assert heard.line == f"GET /to?{name}={encoded} HTTP/1.1".encode()
    assert heard.names == ALWAYS


INT, LONG, FLOAT = "is not of type Int", "is not of type Long", "is not of type Float"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("string", "\udcff", "is not UTF-8"),
        ("int", "", INT),
        ("int", "1.0", INT),
        ("int", "1e3", INT),
        ("int", " 1", INT),
        ("int", "0x1", INT),
        ("int", "１", INT),
        ("int", "1" * 30, INT),
        ("int", "2147483648", "is out of the range of type Int"),
        ("int", "-2147483649", "is out of the range of type Int"),
        ("long", "9223372036854775808", "is out of the range of type Long"),
        ("long", "-9223372036854775809", "is out of the range of type Long"),
        ("long", "1_000", LONG),
        ("float", "3.5e38", "is out of the range of type Float"),
        ("float", "NaN", FLOAT),
        ("float", "1,5", FLOAT),
        ("double", "1.8e308", "is out of the range of type Double"),
        ("double", "Infinity", "is not of type Double"),
        ("double", "1e99999", "is not of type Double"),
        ("number", "one", "is not of type Number"),
        ("number", ".", "is not of type Number"),
        ("boolean", "1", "is not of type Boolean"),
        ("boolean", "", "is not of type Boolean"),
        ("boolean", "yes", "is not of type Boolean"),
        ("json", "{", "is not of type JSON: not JSON"),
        ("json", "", "is not of type JSON: not JSON"),
        ("json", '{"a": 1, "a": 2}', "is not of type JSON: a key stands twice in one object"),
        ("json", '{"a": 1, "\\u0061": 2}', "is not of type JSON: a key stands twice in one object"),
        ("json", "NaN", "is not of type JSON: NaN is not JSON"),
        ("json", "1e999", "is not of type JSON: a number out of range"),
        ("json", '"\\ud800"', "is not of type JSON: a lone surrogate in a string"),
        ("json", "[" * 65 + "]" * 65, "is not of type JSON: nested deeper than 64"),
        ("short", "a", "is shorter than 2"),
        ("short", "abcde", "is longer than 4"),
        ("short", "中", "is shorter than 2"),
        ("short", "😀", "is shorter than 2"),
        ("short", "😀😀😀😀😀", "is longer than 4"),
        ("choice", "Rain", "is not one of rain, snow"),
        ("choice", "", "is not one of rain, snow"),
        ("two", "2", "is not one of 1, 20"),
        ("two", "1.0", INT),
        ("half", "1.01", "is not one of 1, 2.5"),
        ("small", "-0.50001", "is less than -0.5"),
        ("small", "2.5000000000000000000000000000001", "is greater than 2.5"),
        ("lower", "abC", "does not match [a-z]+"),
        ("lower", "abc\n", "does not match [a-z]+"),
        ("lower", "", "does not match [a-z]+"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_with_its_name_and_the_rule(
    rig: Rig, name: str, value: str, reason: str
) -> None:
    query = urlencode({name: value}, errors="surrogateescape")
    if reason == "is not UTF-8":  # in a query it reads as U+FFFD; a header is taken as it is
        refused = rig.refused("GET", "/must", [("X-Must", value)])
        assert refused == invalid("X-Must", reason)
        return
    assert rig.refused("GET", f"/types?{query}") == invalid(name, reason)


def test_a_json_value_against_its_schema_is_told_where(rig: Rig) -> None:
    for document, place in (("{}", "/"), ('{"a": 10}', "/a"), ('{"a": "1"}', "/a"), ("[]", "/")):
        status, code, message = rig.refused("GET", types(doc=document))
        assert (status, code) == (400, "I400IP")
        assert message.startswith(
            f"Invalid parameter doc does not match its JSON Schema at {place}: "
        )


def test_a_pattern_takes_linear_time(rig: Rig) -> None:
    began = time.perf_counter()
    refused = rig.refused("GET", types(slow="a" * 50_000 + "!"))
    assert refused == invalid("slow", "does not match (a+)+$")
    assert time.perf_counter() - began < 20  # it would take many years otherwise
    rig.heard("GET", types(slow="a" * 50_000))


def test_a_value_that_is_no_utf8_reads_as_replacement_signs_and_goes_on_as_those(rig: Rig) -> None:
    assert rig.heard("GET", "/types?string=%ff%C3").target == "/to?string=%EF%BF%BD%EF%BF%BD"
    assert rig.refused("GET", "/types?short=%ff") == invalid("short", "is shorter than 2")


# --- required, default, empty


def given(**values: str) -> str:
    return "/given?" + urlencode({"must": "1", "least": "1", **values})


def test_a_required_parameter_that_is_absent_is_named(rig: Rig) -> None:
    def absent(name: str) -> tuple[int, str, str]:
        return (400, "I400MP", f"Parameter {name} is required")

    assert rig.refused("POST", "/given?least=1") == absent("must")
    assert rig.refused("POST", "/given?must=1") == absent("least")
    assert rig.refused("POST", "/given?=1&must2=1&Must=1") == absent("must")
    assert rig.refused("POST", "/must?field=1") == absent("field")
    assert rig.refused("POST", "/must", [FORM], b"fields=1") == absent("field")
    assert rig.refused("GET", "/must?X-Must=1") == absent("X-Must")


def test_a_required_parameter_that_is_empty_counts_as_given_and_its_rules_decide(rig: Rig) -> None:
    for query in ("must=&least=1", "must&least=1"):
        assert rig.heard("POST", f"/given?{query}").target.startswith("/to?must=&least=1&")
    assert rig.refused("POST", "/given?must=1&least=") == invalid("least", "is shorter than 1")
    assert rig.heard("POST", "/must", [FORM], b"field").body == b"field="
    assert rig.heard("GET", "/must", [("X-Must", "")]).values("X-Must") == [""]


def test_a_default_is_taken_for_what_is_absent_and_encoded_for_its_place(rig: Rig) -> None:
    heard = rig.heard("POST", given())
    assert heard.target == "/to?must=1&least=1&may=d%20%C3%A9%26&count=3"
    assert heard.values("X-May") == ["gold"]
    assert heard.body == b"field=a+b"


def test_a_default_is_not_taken_for_what_is_empty(rig: Rig) -> None:
    heard = rig.heard("POST", given(may=""), [("X-May", ""), FORM], b"field=")
    assert heard.target == "/to?must=1&least=1&may=&count=3"
    assert heard.values("X-May") == [""]
    assert heard.body == b"field="
    assert rig.refused("POST", given(count="")) == invalid("count", INT)


def test_what_is_absent_without_a_default_is_not_sent_and_what_is_empty_is(rig: Rig) -> None:
    assert "left" not in rig.heard("POST", given()).target
    assert rig.heard("POST", given(left="")).target.endswith("&left=")


# --- documents


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b' {"b":[ ],"a" :-1}\n', '{"a":1,"é":"中😀"}'.encode()]
)
def test_a_document_that_keeps_its_schema_goes_on_byte_for_byte(rig: Rig, body: bytes) -> None:
    heard = rig.heard("POST", "/document", [JSON], body)
    assert heard.body == body
    assert heard.values("Content-Type") == ["application/json"]
    assert heard.names == sorted([*ALWAYS, "content-type", "content-length"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1, "a": 10}', "a key stands twice in one object"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"{" * 100_000, "nested deeper than 64"),
        (b'{"a": 1e999}', "a number out of range"),
    ],
    ids=["twice", "mark", "not UTF-8", "NaN", "deep", "large"],
)
def test_a_document_that_is_none_or_could_be_two_is_refused(
    rig: Rig, body: bytes, message: str
) -> None:
    expected = (400, "I400BD", f"Invalid Body: {message}")
    assert rig.refused("POST", "/document", [JSON], body) == expected


def test_a_document_against_its_schema_is_told_where(rig: Rig) -> None:
    status, code, message = rig.refused("POST", "/document", [JSON], b'{"a": 10}')
    assert (status, code) == (400, "I400BD")
    assert message.startswith("Invalid Body: /a: ")


def test_a_document_of_another_type_charset_or_encoding_is_refused(rig: Rig) -> None:
    body = b'{"a": 1}'
    for content_type, reason in (
        ("text/plain", "text/plain"),
        ("application/json; charset=utf-7", "not of its charset"),
        ("application/json; charset=utf-8; charset=utf-7", "not of its charset"),
    ):
        refused = rig.refused("POST", "/document", [("Content-Type", content_type)], body)
        assert refused == (400, "I400CT", f"Invalid Content-Type: `{reason}`")
    fields = [JSON, ("Content-Encoding", "deflate")]
    refused = rig.refused("POST", "/document", fields, body)
    assert refused == (400, "I400HD", "Invalid Header `Content-Encoding` is not supported")
    required = (400, "I400BD", "Invalid Body: a body is required")
    assert rig.refused("POST", "/document", [JSON]) == required


# --- paths and methods


@pytest.mark.parametrize(
    ("path", "at_the_backend"),
    [
        ("/shop/7", "/one/7"),
        ("/shop/cart", "/cart"),
        ("/shop/c%61rt", "/cart"),
        ("/shop/Cart", "/one/Cart"),
        ("/shop/7/a", "/rest/7/a"),
        ("/shop/7/a/b%20c/d", "/rest/7/a/b%20c/d"),
        ("/shop/7/", "/rest/7/"),
        ("/shop/cart/9", "/cart/9"),
        ("/shop/cart/9/x", "/rest/cart/9/x"),
        ("/shop/a%2Fb", "/one/a%2Fb"),
        ("/shop/a%2fb%3Fc%23d%25", "/one/a%2Fb%3Fc%23d%25"),
        ("/shop/%E4%B8%AD", "/one/%E4%B8%AD"),
        ("/shop/a;v=1", "/one/a;v=1"),
        ("/shop/a+b", "/one/a+b"),
        ("/shop/7/*", "/rest/7/*"),
    ],
)
def test_a_path_leads_to_one_api_a_literal_segment_before_a_pattern(
    rig: Rig, path: str, at_the_backend: str
) -> None:
    heard = rig.heard("GET", path)
    assert heard.line == f"GET {at_the_backend} HTTP/1.1".encode()
    assert heard.names == ALWAYS


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/shop", "I404NF"),
        ("/shop/", "I404NF"),
        ("/Shop/7", "I404NF"),
        ("//shop/7", "I400PA"),
        ("/shop//7", "I400PA"),
        ("/shop/7//a", "I400PA"),
        ("/shop/./7", "I400PA"),
        ("/shop/x/../cart", "I400PA"),
        ("/shop/%2e%2E/cart", "I400PA"),
        ("/shop/%00", "I400PA"),
        ("/shop/%0d%0aX-A:b", "I400PA"),
        ("/shop/%c0%ae", "I400PA"),
        ("/shop/%zz", "I400PA"),
        ("/shop/a\\b", "I400PA"),
        ("/shop/..;/cart", "I400IP"),
        ("/shop/7/..;x/a", "I400IP"),
    ],
)
def test_a_path_of_no_api_or_of_two_meanings_is_refused(rig: Rig, path: str, code: str) -> None:
    assert rig.refused("GET", path)[1] == code


@pytest.mark.parametrize("method", METHODS)
def test_each_method_leads_to_its_api_and_any_takes_all(rig: Rig, method: str) -> None:
    for path, backend in (("/methods", f"/{method.lower()}"), ("/any", "/any")):
        assert rig.heard(method, path).line == f"{method} {backend} HTTP/1.1".encode()
    less = "/get" if method == "GET" else "/less"
    assert rig.heard(method, "/less").line == f"{method} {less} HTTP/1.1".encode()


@pytest.mark.parametrize("method", METHODS)
def test_a_backend_gets_its_own_method_whatever_the_callers(rig: Rig, method: str) -> None:
    for callers in METHODS:
        heard = rig.heard(callers, f"/change/{method.lower()}")
        assert heard.line == f"{method} /to HTTP/1.1".encode()
        assert heard.body == b""
        if method != "DELETE":  # which may say that it has none, or nothing
            length = ["0"] if method in ("POST", "PUT", "PATCH") else []
            assert heard.values("Content-Length") == length


def test_a_method_that_no_api_takes_is_refused(rig: Rig) -> None:
    missing = (404, "I404NF", "API not found with `GET /document`")
    assert rig.refused("GET", "/document") == missing
    for method in ("TRACE", "PROPFIND"):
        refused = rig.refused(method, "/any")
        assert refused == (405, "I405UM", f"Unsupported Method `{method}`")
    assert rig.refused("get", "/any")[1] == "I405UM"
