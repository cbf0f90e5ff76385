"""The rules of one API: each with a bad file, the place, and the way to mend it."""

import pytest
from unit.definition.written import API, Written, api

PATTERN_MEND = "RE2 has no backreferences (\\1) and no look-around ((?=...), (?<=...)); rewrite it"


MULTIPART = "method: POST, path: /a, body: {format: multipart}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            api(request="method: GET, path: §/a/b[c]"),
            'the segment "b[c]" is not a parameter; '
            "write [name] as a whole segment: letters, digits, '_' or '-', a letter first",
            id="path-syntax",
        ),
        pytest.param(
            api(request="method: GET, path: §/a/[b]"),
            "[b] of the path is not declared; "
            "add {name: b, in: path, required: true} to request.parameters",
            id="path-parameter-not-declared",
        ),
        pytest.param(
            api(
                parameters="name: b, in: path, required: §false",
                request="method: GET, path: '/a/[b]'",
                backend="type: http, address: http://a, path: '/[b]'",
            ),
            'the path parameter "b" is not required; write required: true',
            id="path-parameter-not-required",
        ),
        pytest.param(
            api(parameters="name: a1, in: query\nname: §a1, in: query"),
            'the parameter "a1" is declared twice; give one of them another name',
            id="same-name",
        ),
        pytest.param(
            api(parameters="name: X-A, in: query\nname: §X-A, in: header"),
            'the parameter "X-A" is declared in query and in header; give one of them another name',
            id="header-and-query",
        ),
        pytest.param(
            api(parameters="name: a, in: query\nname: §'a ', in: body"),
            "the name 'a ' holds blanks or control characters at its ends or inside; "
            "write a plain name",
            id="blank-in-name",
        ),
        pytest.param(
            api(parameters="name: §Host, in: header"),
            "the header Host belongs to HTTP itself; choose another name",
            id="header-of-http",
        ),
        pytest.param(
            api(parameters="name: §X-Ca-Signature, in: header"),
            "the header X-Ca-Signature belongs to the gateway; choose another name",
            id="header-of-the-gateway",
        ),
        pytest.param(
            api(parameters="name: §a b, in: header"),
            "\"a b\" is not a header name; write letters, digits and '-', without blanks or ':'",
            id="header-token",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Int, §min_length: 1"),
            'min_length is for type String, and "a" is Int; remove it, or change the type',
            id="length-of-number",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Boolean, §pattern: x"),
            'pattern is for type String, and "a" is Boolean; remove it, or change the type',
            id="pattern-of-boolean",
        ),
        pytest.param(
            api(parameters="name: a, in: query, §minimum: 1"),
            'minimum is for type number, and "a" is String; remove it, or change the type',
            id="minimum-of-text",
        ),
        pytest.param(
            api(parameters="name: a, in: query, §schema: true"),
            'schema is for type JSON, and "a" is String; remove it, or change the type',
            id="schema-of-text",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: JSON, §enum: ['1']"),
            'enum is for type String or number, and "a" is JSON; remove it, or change the type',
            id="enum-of-json",
        ),
        pytest.param(
            api(parameters="name: a, in: query, min_length: §3, max_length: 2"),
            "min_length 3 is more than max_length 2; exchange the two",
            id="lengths-exchanged",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Int, minimum: §3, maximum: 2"),
            "minimum 3 is more than maximum 2; exchange the two",
            id="bounds-exchanged",
        ),
        pytest.param(
            api(parameters="name: a, in: query, pattern: §'(a)\\1'"),
            f"the pattern does not compile (invalid escape sequence: \\1); {PATTERN_MEND}",
            id="backreference",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Int, enum: [1, §x]"),
            '"x" in the enum of "a" is not of type Int; write a value of type Int',
            id="enum-of-another-type",
        ),
        pytest.param(
            api(parameters="name: a, in: query, enum: [x, §1]"),
            'the parameter "a" is a String, and this is not text; put it in quotes',
            id="enum-without-quotes",
        ),
        pytest.param(
            api(parameters="name: a, in: query, default: §010"),
            'the parameter "a" is a String, and this is not text; put it in quotes',
            id="default-without-quotes",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Int, default: §x"),
            'the default of "a" is not of type Int; write one that keeps the rules beside it',
            id="default-of-another-type",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: Int, maximum: 14, default: §15"),
            'the default of "a" is greater than 14; write one that keeps the rules beside it',
            id="default-beyond-its-bound",
        ),
        pytest.param(
            api(parameters="name: a, in: query, pattern: '[a-z]+', default: §a1"),
            'the default of "a" does not match [a-z]+; write one that keeps the rules beside it',
            id="default-against-its-pattern",
        ),
        pytest.param(
            api(parameters="name: a, in: query, type: JSON, schema: {type: §strin}"),
            'this is not a valid JSON Schema; see what draft 2020-12 says of "type"',
            id="schema-not-valid",
        ),
        pytest.param(
            api(
                request="method: POST, path: /a, body: {format: stream}",
                parameters="name: a, in: §body",
            ),
            'the body parameter "a" needs a form, and the body is a stream; '
            "write body: {format: form}, or move the parameter",
            id="form-field-of-a-stream",
        ),
        pytest.param(
            api(
                request="method: get, path: /a",
                parameters="name: a, in: §body",
                backend="type: mock",
            ),
            'GET has no body for the parameter "a"; write method: POST, or in: query',
            id="form-field-of-get",
        ),
        pytest.param(
            api(request="method: HEAD, path: /a, §body: {required: true}"),
            "HEAD has no body to require or to check; write method: POST, or remove body",
            id="body-of-head",
        ),
        pytest.param(
            api(request="method: POST, path: /a, body: {§schema: true}"),
            "a schema checks a JSON document, and the body is a form; write format: stream",
            id="schema-of-a-form",
        ),
        pytest.param(
            api(
                request="method: POST, path: /a, "
                "body: {format: stream; schema: {properties: {a: {$ref: §'b.json'}}}}"
            ).replace(";", ","),
            'the $ref "b.json" leads out of the schema; '
            "put what it names under $defs and write #/$defs/name",
            id="reference-out-of-the-schema",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: §query, type: File"),
            'the file "f" cannot stand in query; write in: body, or another type',
            id="file-in-the-query",
        ),
        pytest.param(
            api(parameters="name: f, in: body, type: §File"),
            'the file "f" needs a multipart body, and the body is a form; '
            "write body: {format: multipart}, or another type",
            id="file-of-a-form",
        ),
        pytest.param(
            api(
                request="method: POST, path: /a, body: {format: stream}",
                parameters="name: f, in: body, type: §File",
            ),
            'the file "f" needs a multipart body, and the body is a stream; '
            "write body: {format: multipart}, or another type",
            id="file-of-a-stream",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: body, type: File, §default: x"),
            'the file "f" cannot have a default; remove it',
            id="default-of-a-file",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: body, type: File, §enum: [x]"),
            'enum is for type String or number, and "f" is File; remove it, or change the type',
            id="enum-of-a-file",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: body, type: File, §max_length: 1"),
            'max_length is for type String, and "f" is File; remove it, or change the type',
            id="length-of-a-file",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: body, type: File, §schema: true"),
            'schema is for type JSON, and "f" is File; remove it, or change the type',
            id="schema-of-a-file",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: f, in: body, §max_bytes: 3"),
            'max_bytes is for type File, and "f" is String; remove it, or change the type',
            id="size-of-text",
        ),
        pytest.param(
            api(request=MULTIPART, parameters="name: §'a%22', in: body"),
            "the name 'a%22' of a part holds a backslash, quote or percent sign; "
            "write a plain name",
            id="name-of-a-part",
        ),
        pytest.param(
            api(
                request="method: GET, path: /a, body: {format: §multipart}",
                parameters="name: f, in: body, type: File\nname: t, in: body",
            ),
            "GET has no body to hold parts; write method: POST, or remove body",
            id="parts-of-a-get",
        ),
        pytest.param(
            api(request="method: POST, path: /a, body: {format: multipart; §schema: true}").replace(
                ";", ","
            ),
            "a schema checks a JSON document, and the body is multipart; write format: stream",
            id="schema-of-parts",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(written: Written, text: str, message: str) -> None:
    problems = written.write("definitions/weather/test.yaml", text).problems()
    assert problems == written.expected(message)


def test_a_path_parameter_without_room_in_the_path_is_pointed_at(written: Written) -> None:
    written.write(API, api(parameters="name: §b, in: path", backend="type: mock"))
    written.remove("policies/grants.yaml")
    assert written.problems() == written.expected(
        'the path has no [b] for the parameter "b"; put it into request.path, or remove it here'
    )


def test_header_names_are_one_whatever_their_case_and_dashes(written: Written) -> None:
    text = api(parameters="name: X-App, in: header\nname: §x_app, in: header", backend="type: mock")
    assert written.write("definitions/weather/test.yaml", text).problems() == written.expected(
        'the parameter "x_app" is declared twice; give one of them another name'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            api(parameters="name: a, in: query, type: Int, maximum: 14, example: §15"),
            'the example of "a" is greater than 14; write one that keeps the rules beside it',
            id="example",
        ),
        pytest.param(
            api(parameters="name: a, in: query, required: true, §default: x"),
            'the required parameter "a" need not be sent: its default is taken; '
            "remove the default, or write required: false",
            id="default-of-required",
        ),
        pytest.param(
            api(
                parameters="name: §a, in: query",
                request="method: POST, path: /a, mode: passthrough",
            ),
            'the parameter "a" is not checked in mode passthrough; '
            "remove it, or write mode: mapping_passthrough",
            id="passthrough",
        ),
        pytest.param(
            api(more="auth: {type: anonymous, §force_nonce: true}\n"),
            "force_nonce has no effect on an anonymous API; remove it, or write type: app",
            id="nonce-of-anonymous",
        ),
        pytest.param(
            api(
                request="method: POST, path: /a, "
                "body: {format: stream; schema: {required: [a]}; example: §{b: 1}}"
            ).replace(";", ","),
            "the example breaks its schema at /: required: a; write one that keeps the schema",
            id="example-of-the-body",
        ),
    ],
)
def test_what_only_looks_wrong_is_a_warning(written: Written, text: str, message: str) -> None:
    written.write("definitions/weather/test.yaml", text)
    assert written.warnings() == written.expected(message)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "ANY"])
def test_parts_and_files_go_with_every_method_that_has_a_body(
    written: Written, method: str
) -> None:
    parameters = "name: f, in: body, type: File, max_bytes: 0, required: true, example: a.png"
    text = api(
        request=MULTIPART.replace("POST", method), parameters=f"{parameters}\nname: t, in: body"
    )
    written.write("definitions/weather/test.yaml", text)
    assert (written.problems(), written.warnings()) == ([], [])
