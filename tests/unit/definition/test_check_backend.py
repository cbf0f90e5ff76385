"""The backend's side of one API: each rule with a bad file and the place."""

import pytest
from unit.definition.written import BACKEND_TLS, Written, api

MULTIPART = "method: POST, path: /a, body: {format: multipart}"
HTTP = "type: http, address: 'http://127.0.0.1:9000', "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            api(backend="type: http, address: §127.0.0.1:9000, path: /b"),
            'the address "127.0.0.1:9000" does not start with http:// or https://; '
            "write scheme://host:port, for example http://127.0.0.1:9000",
            id="address",
        ),
        pytest.param(
            api(backend=HTTP + "path: §b"),
            'the path "b" does not start with "/"; write "/b"',
            id="path-syntax",
        ),
        pytest.param(
            api(backend=HTTP + "path: §/b?c=1"),
            "the path holds a query or fragment; declare query parameters instead",
            id="path-with-query",
        ),
        pytest.param(
            api(backend=HTTP + "path: §/b/*"),
            'the backend path ends with "/*", and the request path does not; '
            'end request.path with "/*" too, or remove it here',
            id="rest",
        ),
        pytest.param(
            api(backend=HTTP + "path: §/b/[c]"),
            "nothing fills [c] of the backend path; "
            "add {from: ..., name: c, in: path} to backend.parameters",
            id="path-not-filled",
        ),
        pytest.param(
            api(request="method: GET, path: '/a/[b]'", parameters="name: §b, in: path"),
            'the path parameter "b" does not reach the backend; '
            "put [b] into backend.path, or map it in backend.parameters",
            id="path-parameter-not-mapped",
        ),
        pytest.param(
            api(backend=HTTP + "path: /b, parameters: [{from: §x; name: y; in: query}]").replace(
                ";", ","
            ),
            'the request has no parameter "x"; declare it in request.parameters',
            id="source",
        ),
        pytest.param(
            api(
                parameters="name: days, in: query",
                backend=HTTP + "path: /b, parameters: [{from: §dais; name: y; in: query}]",
            ).replace(";", ","),
            'the request has no parameter "dais"; '
            'did you mean "days"? Declare it in request.parameters',
            id="source-misspelt",
        ),
        pytest.param(
            api(
                parameters="name: c, in: query",
                backend=HTTP + "path: '/b/[c]', parameters: [{from: §c; name: c; in: path}]",
            ).replace(";", ","),
            '"c" fills the backend path but may be absent; '
            "write required: true for it, or a default",
            id="optional-in-path",
        ),
        pytest.param(
            api(
                parameters="name: c, in: query, required: true",
                backend=HTTP + "path: /b, parameters: [{from: c; name: §c; in: path}]",
            ).replace(";", ","),
            'the backend path has no [c] for "c"; put it into backend.path, or change the place',
            id="no-room-in-path",
        ),
        pytest.param(
            api(
                parameters="name: c, in: query",
                backend=HTTP + "path: /b, constants: [{name: §c; in: query; value: x}]",
            ).replace(";", ","),
            'the backend gets "c" twice in query; give one of them another name',
            id="same-backend-name",
        ),
        pytest.param(
            api(
                backend=HTTP + "path: /b, constants: [{name: X-A; in: header; value: x}], "
                "system: [{from: CaStage; name: §x-a; in: header}]",
            ).replace(";", ","),
            'the backend gets "x-a" twice in header; give one of them another name',
            id="same-backend-header",
        ),
        pytest.param(
            api(
                backend=HTTP + "path: /b, system: [{from: §CaClientIP; name: a; in: query}]"
            ).replace(";", ","),
            'backend.system[0].from is "CaClientIP"; did you mean "CaClientIp"? Write one of: '
            "CaClientIp, CaDomain, CaRequestHandleTime, CaAppId, CaRequestId, CaApiName, "
            "CaHttpSchema, CaProxy, CaClientUa, CaAppKey, CaStage, CaAppExtendInfo, "
            "CaCloudMarketInstanceId, CaInstanceId, CaSourceVpcId",
            id="system-parameter",
        ),
        pytest.param(
            api(
                backend=HTTP + "path: /b, constants: [{name: §Host; in: header; value: x}]"
            ).replace(";", ","),
            "the header Host belongs to HTTP itself; choose another name",
            id="header-of-http",
        ),
        pytest.param(
            api(
                backend=HTTP + 'path: /b, constants: [{name: X-A; in: header; value: §"a\\nb"}]'
            ).replace(";", ","),
            'the constant "X-A" holds a line break, control sign or outer blank; '
            "write one plain line",
            id="header-injection",
        ),
        pytest.param(
            api(
                backend=HTTP + "path: '/b/[k]', constants: [{name: k; in: path; value: §'..;a'}]"
            ).replace("; ", ", "),
            'the constant "k" cannot be a segment of a path; '
            "write one that is neither empty nor dots",
            id="dots-in-path",
        ),
        pytest.param(
            api(
                parameters="name: c, in: query, default: §''",
                backend=HTTP + "path: '/b/[c]', parameters: [{from: c; name: c; in: path}]",
            ).replace(";", ","),
            'the default of "c" cannot be a segment of a path; '
            "write one that is neither empty nor dots",
            id="empty-default-in-path",
        ),
        pytest.param(
            api(parameters='name: X-C, in: header, default: §"a\\nb"', backend=HTTP + "path: /b"),
            'the default of "X-C" holds a line break, control sign or outer blank; '
            "write one plain line",
            id="default-in-header",
        ),
        pytest.param(
            api(
                request="method: POST, path: /a, body: {format: stream}",
                backend=HTTP + "path: /b, constants: [{name: §c; in: body; value: x}]",
            ).replace(";", ","),
            '"c" cannot be a form field at the backend: the body is a stream; '
            "choose query or header",
            id="field-of-a-stream",
        ),
        pytest.param(
            api(
                request=MULTIPART,
                parameters="name: f, in: body, type: File",
                backend=HTTP + "path: /b, parameters: [{from: f; name: g; in: §query}]",
            ).replace(";", ","),
            'the file "f" cannot go to query; write in: body',
            id="file-to-the-query",
        ),
        pytest.param(
            api(
                request=MULTIPART,
                parameters="name: §f, in: body, type: File",
                backend=HTTP + "path: /b, method: get",
            ),
            '"f" cannot be a part at the backend: GET has no body; write backend.method: POST',
            id="part-of-a-get",
        ),
        pytest.param(
            api(
                request=f"{MULTIPART}, mode: passthrough",
                backend=HTTP + "path: /b, method: §head",
            ),
            "HEAD has no body for the parts that pass on; "
            "write backend.method: POST, or mode: mapping",
            id="parts-that-pass-on-to-head",
        ),
        pytest.param(
            api(
                request=MULTIPART,
                backend=HTTP + "path: /b, constants: [{name: §'a\\b'; in: body; value: x}]",
            ).replace(";", ","),
            "the name 'a\\\\b' of a part holds a backslash, quote or percent sign; "
            "write a plain name",
            id="name-of-a-part",
        ),
        pytest.param(
            api(
                request=MULTIPART,
                backend=HTTP + "path: /b, constants: [{name: §Content-type; in: header; value: x}]",
            ).replace(";", ","),
            "the header Content-type names the boundary of the parts, which is the gateway's; "
            "remove it",
            id="type-of-a-multipart-body",
        ),
        pytest.param(
            api(
                parameters="name: §c, in: body",
                backend=HTTP + "path: /b, method: get",
            ),
            '"c" cannot be a form field at the backend: GET has no body; '
            "choose query or header, or write backend.method: POST",
            id="field-of-get",
        ),
        pytest.param(
            api(
                parameters="name: c, in: query",
                request="method: GET, path: /a, mode: passthrough",
                backend=HTTP + "path: /b, parameters: [{from: §c; name: d; in: query}]",
            ).replace(";", ","),
            '"c" is not mapped in mode passthrough; remove it here, or write mode: mapping',
            id="passthrough",
        ),
        pytest.param(
            api(backend=HTTP + "path: /b, timeout_ms: §30001"),
            "backend.timeout_ms is 30001, more than 30000; write 1 to 30000",
            id="timeout",
        ),
        pytest.param(
            api(backend="type: mock, headers: {§Content-Length: '3'}"),
            "the header Content-Length belongs to HTTP itself; choose another name",
            id="mock-header",
        ),
        pytest.param(
            api(backend="type: mock, headers: {A: x; §a: y}").replace(";", ","),
            "the header a stands twice; write its values as one list",
            id="mock-header-twice",
        ),
        pytest.param(
            api(backend='type: mock, headers: {A: §["x\\r\\ny"]}'),
            "the header A has a value with a line break, control sign or outer blank; "
            "write one plain line",
            id="mock-header-injection",
        ),
        pytest.param(
            api(backend="type: mock, body: §{status: ok}"),
            "backend.body must be text, not a mapping; put the text in quotes",
            id="mock-body",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(written: Written, text: str, message: str) -> None:
    problems = written.write("definitions/weather/test.yaml", text).problems()
    assert problems == written.expected(message)


def test_constants_and_system_parameters_may_fill_the_path(written: Written) -> None:
    text = api(
        backend=HTTP + "path: '/[v]/[app]', constants: [{name: v; in: path; value: v3}], "
        "system: [{from: CaAppId; name: app; in: path}]"
    ).replace(";", ",")
    assert written.write("definitions/weather/test.yaml", text).problems() == []


def test_the_rest_of_a_path_may_go_to_the_rest_of_the_backend_path(written: Written) -> None:
    text = api(request="method: ANY, path: /a/*", backend=HTTP + "path: /b/*")
    assert written.write("definitions/weather/test.yaml", text).problems() == []


def test_a_backend_behind_ipv6_is_taken(written: Written) -> None:
    text = api(backend="type: http, address: 'http://[::1]:9000', path: /b")
    assert written.write("definitions/weather/test.yaml", text).problems() == []


def test_text_parts_may_go_to_a_backend_without_a_body(written: Written) -> None:
    text = api(
        request=MULTIPART,
        parameters="name: t, in: body",
        backend=HTTP + "path: /b, method: GET, parameters: [{from: t; name: u; in: query}]",
    )
    written.write("definitions/weather/test.yaml", text.replace(";", ","))
    assert written.problems() == []


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (
            HTTP + "path: /b, §tls: internal",
            "backend.tls has no effect over http; write https:// in backend.address, or remove it",
        ),
        (
            "type: vpc, access: notes, path: /b, §tls: internal",
            "backend.tls has no effect over http; write scheme: https, or remove it",
        ),
        (
            "type: http, address: §127.0.0.1:9000, path: /b, tls: internal",
            'the address "127.0.0.1:9000" does not start with http:// or https://; '
            "write scheme://host:port, for example http://127.0.0.1:9000",
        ),
    ],
    ids=["http", "vpc", "no address"],
)
def test_a_tls_profile_is_for_https(written: Written, backend: str, message: str) -> None:
    written.write(BACKEND_TLS, "name: internal\nserver_name: b.test\n")
    problems = written.write("definitions/weather/test.yaml", api(backend=backend)).problems()
    assert problems == written.expected(message)
