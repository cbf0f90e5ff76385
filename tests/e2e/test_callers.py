"""Callers of every kind, each request built by hand, against a real gateway and real backends."""

import contextlib
import http.client
import json
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from e2e.running import (
    HOST,
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Gateway,
    Project,
    Reply,
    backend,
    gateway,
    until,
)
from e2e.test_command import run

from apigateway.model.api import SignatureMethod
from apigateway.signature import SignableRequest, content_md5, sign, signing_headers, string_to_sign
from apigateway.wire import Headers

Fields = list[tuple[str, str]]

PAGE = "https://app.example.com"
CODE = "TheAppCode-0123456789"
UPPER_UUID = r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"
MINUTE_MS = 60_000
FORM = ("Content-Type", "application/x-www-form-urlencoded")


# --- a backend that answers anything


@dataclass
class Strange:
    """Answers /<status> with that status and fields that only a gateway should set."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def strange_backend() -> Iterator[Strange]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            found.asked.append(self.command)
            status = int(self.path.rpartition("/")[2])
            body = b"" if status in (204, 304) else b"from the backend"
            self.send_response(status)
            self.send_header("X-Ca-Error-Code", "A403IS")
            self.send_header("X-Ca-Error-Message", "Invalid Signature")
            self.send_header("X-Ca-Request-Id", "the-backends-own")
            self.send_header("Access-Control-Allow-Origin", "https://backend.example.com")
            self.send_header("X-Own", "kept")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_OPTIONS = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Strange(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- the project


def an_api(
    name: str,
    path: str,
    port: int,
    *,
    method: str = "GET",
    auth: str = "{type: app}",
    backend_path: str = "/v3",
    mode: str = "passthrough",
) -> str:
    declared = "[{name: status, in: path}]" if "[status]" in path else "[]"
    return (
        f"name: {name}\nvisibility: private\nauth: {auth}\n"
        f"request: {{method: {method}, path: '{path}', mode: {mode}, parameters: {declared}}}\n"
        f"backend: {{type: http, address: 'http://127.0.0.1:{port}', path: '{backend_path}'}}\n"
    )


ANYONE = "{type: anonymous}"


def make_project(folder: Path, echo: int, strange: int, *, classic: bool = False) -> Project:
    project = Project(folder, echo)
    weather = folder / "definitions/weather"
    apis = {
        "EchoGet": an_api("EchoGet", "/echo", echo),
        "EchoPost": an_api("EchoPost", "/echo", echo, method="POST"),
        "ByCode": an_api("ByCode", "/by-code", echo, auth="{app_code: header_or_query}"),
        "ByField": an_api("ByField", "/by-field", echo, auth="{app_code: header}"),
        "ForcedNonce": an_api("ForcedNonce", "/forced", echo, auth="{force_nonce: true}"),
        "Limited": an_api("Limited", "/limited", echo, auth=ANYONE),
        "Guarded": an_api("Guarded", "/guarded", echo, auth=ANYONE),
        "OnlyHttps": an_api("OnlyHttps", "/only-https", echo, auth=ANYONE).replace(
            "request: {", "request: {protocols: [https], "
        ),
    }
    for method in ("GET", "HEAD"):
        apis[f"Own{method}"] = an_api(
            f"Own{method}",
            "/own/[status]",
            strange,
            method=method,
            auth=ANYONE,
            backend_path="/[status]",
        )
    for name, text in apis.items():
        (weather / f"{name}.yaml").write_text(text)
    for group, cors in {
        "listed": f"{{origins: ['{PAGE}', 'null'], credentials: true, max_age_s: 60}}",
        "silent": "{enabled: false}",
    }.items():
        (folder / "definitions" / group).mkdir()
        (folder / "definitions" / group / "group.yaml").write_text(
            f"name: {group}\nsubdomain: {group}.apigw.localhost\n"
            f"domains: [{group}.localhost]\ncors: {cors}\n"
        )
        (folder / "definitions" / group / "own.yaml").write_text(
            an_api("OwnGet", "/own/[status]", strange, auth=ANYONE, backend_path="/[status]")
        )
    project.edit("definitions/apps/demo.yaml", "secret:", "code: file:demo.code\nsecret:")
    (folder / "definitions/apps/demo.code").write_text(CODE)
    settings = folder / "definitions/gateway.yaml"
    settings.write_text(
        settings.read_text()
        + "trusted_proxies: [127.0.0.1, 10.0.0.0/8, '2001:db8:ffff::/48']\n"
        + "blacklist: [198.51.100.0/24]\n"
    )
    if classic:
        project.edit("definitions/gateway.yaml", "errors: coded", "errors: classic")
    project.edit(
        "policies/grants.yaml",
        "apis: [",
        "apis: [EchoGet, EchoPost, ByCode, ByField, ForcedNonce, ",
    )
    (folder / "policies/throttling/six-a-day.yaml").write_text(
        "name: six-a-day\nunit: day\napi: 6\n"
    )
    (folder / "policies/ip-control").mkdir(exist_ok=True)
    (folder / "policies/ip-control/office.yaml").write_text(
        "name: office\nallow: [127.0.0.1, 203.0.113.0/24, '2001:db8:1::/48']\ndeny: [203.0.113.9]\n"
    )
    bindings = folder / "policies/bindings.yaml"
    bindings.write_text(
        bindings.read_text().replace(
            "throttling:\n",
            "throttling:\n  - {policy: six-a-day, group: weather, apis: [Limited]}\n",
        )
        + "ip_control:\n  - {policy: office, group: weather, apis: [Guarded]}\n"
    )
    return project


@dataclass
class Lab:
    gateway: Gateway
    echo: Backend
    strange: Strange

    @contextlib.contextmanager
    def no_backend_is_asked(self) -> Iterator[None]:
        before = self.echo.hits, len(self.strange.asked)
        yield
        assert (self.echo.hits, len(self.strange.asked)) == before

    def send(
        self,
        method: str,
        target: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        host: str = HOST,
    ) -> Reply:
        """One request, its fields as they are and no others. Every answer has one request id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in fields:
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
            found = [(name.lower(), value) for name, value in response.getheaders()]
        ids = [value for name, value in found if name == "x-ca-request-id"]
        assert len(ids) == 1, found
        assert re.fullmatch(UPPER_UUID, ids[0])
        return Reply(response.status, dict(found), content)

    def call(
        self,
        method: str = "GET",
        target: str = "/echo",
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        change: Any = lambda fields: fields,
        sent_target: str | None = None,
        sent_body: bytes | None = None,
        **options: Any,
    ) -> Reply:
        """A signed request; `change` and `sent_...` are what happens to it after signing."""
        headers = signed(method, target, fields, body, **options)
        return self.send(
            method,
            target if sent_target is None else sent_target,
            change(headers),
            body if sent_body is None else sent_body,
        )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def signed(
    method: str,
    target: str,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **options: Any,
) -> Fields:
    path, _, query = target.partition("?")
    request = SignableRequest(method, path, query, Headers(fields), body)
    known = {"key": KEY, "secret": SECRET, "timestamp_ms": now_ms(), "nonce": str(uuid.uuid4())}
    return [*request.headers.fields, *signing_headers(request, **{**known, **options})]


def with_value(name: str, value: str) -> Any:
    return lambda fields: [(found, value if found == name else old) for found, old in fields]


def error_of(reply: Reply) -> tuple[int, str, str]:
    """Status, code and message; the body says the same."""
    message = reply.headers["x-ca-error-message"]
    document = reply.json
    assert document["code"] == reply.code
    assert document["requestId"] == reply.headers["x-ca-request-id"]
    assert document["message"] == message.encode("latin-1").decode("utf-8")
    return reply.status, reply.code, message


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Strange]]:
    with backend(tmp_path_factory.mktemp("echo")) as echo, strange_backend() as strange:
        yield echo, strange


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]) -> Iterator[Lab]:
    echo, strange = parts
    project = make_project(tmp_path_factory.mktemp("lab") / "p", echo.port, strange.port)
    with gateway(project) as running:
        yield Lab(running, echo, strange)


@pytest.fixture(scope="module")
def classic(
    tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]
) -> Iterator[Lab]:
    echo, strange = parts
    folder = tmp_path_factory.mktemp("classic") / "p"
    project = make_project(folder, echo.port, strange.port, classic=True)
    with gateway(project) as running:
        yield Lab(running, echo, strange)


# --- signatures


def test_a_valid_signature_is_served(lab: Lab) -> None:
    reply = lab.call(fields=[("Accept", "a/b"), ("X-Ca-Note", "中"), ("Date", "Mon")])
    assert reply.status == 200, reply
    assert "x-ca-error-code" not in reply.headers
    assert "x-ca-error-message" not in reply.headers


def test_bodies_are_served_as_they_were_signed(lab: Lab) -> None:
    document = '{"a": "中"}'.encode()
    reply = lab.call("POST", body=document, fields=[("Content-Type", "application/json")])
    assert (reply.status, reply.json["body"]) == (200, document.decode())
    reply = lab.call("POST", "/echo?a=9", [FORM], b"b=x+y&a=1&c=")
    assert (reply.status, reply.json["form"]) == (200, [["b", "x y"], ["a", "1"], ["c", ""]])


@pytest.mark.parametrize("given", ["nonsense", "not base64 !", "中", "=" * 3000, "e30="])
def test_a_signature_that_is_none_is_an_invalid_signature(lab: Lab, given: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(fields=[("Accept", "a/b")], change=with_value("X-Ca-Signature", given))
    status, code, message = error_of(reply)
    assert (status, code) == (403, "A403IS")
    assert message.startswith("Invalid Signature, Server StringToSign:`GET#a/b####X-Ca-Key:")
    assert message.endswith("#/echo`")


@pytest.mark.parametrize("text", ["yesterday", "1.5e12", "-1", "２", "9" * 30, "0x10"])
def test_a_timestamp_that_is_no_number_is_invalid(lab: Lab, text: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(change=with_value("X-Ca-Timestamp", text))
    assert error_of(reply) == (
        400,
        "I400HD",
        "Invalid Header `X-Ca-Timestamp` is not milliseconds",
    )


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24 * 365])
def test_a_timestamp_more_than_15_minutes_off_is_expired(lab: Lab, minutes: int) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(timestamp_ms=now_ms() + minutes * MINUTE_MS)
    assert error_of(reply) == (403, "S403TS", "Timestamp Expired")


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_timestamp_within_15_minutes_is_good(lab: Lab, minutes: int) -> None:
    assert lab.call(timestamp_ms=now_ms() + minutes * MINUTE_MS).status == 200


def test_a_body_that_was_changed_while_its_md5_was_kept_is_refused(lab: Lab) -> None:
    kind = [("Content-Type", "application/json")]
    with lab.no_backend_is_asked():
        reply = lab.call("POST", body=b'{"pay": 1}', fields=kind, sent_body=b'{"pay": 9}')
        assert error_of(reply) == (400, "I400I5", "Invalid Content-MD5 does not match the body")
        changed = with_value("Content-MD5", content_md5(b'{"pay": 9}'))
        reply = lab.call(
            "POST", body=b'{"pay": 1}', fields=kind, sent_body=b'{"pay": 9}', change=changed
        )
        assert error_of(reply)[:2] == (403, "A403IS")
        reply = lab.call("POST", body=b"a=1", fields=[FORM], sent_body=b"a=2")
        assert error_of(reply)[:2] == (403, "A403IS")


@pytest.mark.parametrize("target", ["/echo?a=1&b=2", "/echo?a=2", "/echo", "/echo?a=1&&%20"])
def test_a_query_that_was_changed_after_signing_is_refused(lab: Lab, target: str) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(target="/echo?a=1", sent_target=target)
    assert error_of(reply)[:2] == (403, "A403IS")


def test_of_a_repeated_query_key_both_values_reach_the_backend(lab: Lab) -> None:
    """Only the first value is signed, as in the product."""
    reply = lab.call(target="/echo?a=1&a=2")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["a", "2"]])
    reply = lab.call(target="/echo?a=1&a=2", sent_target="/echo?a=1&a=3")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["a", "3"]])
    assert lab.call(target="/echo?a=1&a=2", sent_target="/echo?a=2&a=1").code == "A403IS"


def test_an_algorithm_that_the_api_does_not_allow_is_refused(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        reply = lab.call(change=sha1)
    assert error_of(reply) == (
        400,
        "I400HD",
        "Invalid Header `X-Ca-Signature-Method` is not allowed by the API",
    )


def sha1(fields: Fields) -> Fields:
    """The same request signed again with HmacSHA1."""
    left = [one for one in fields if one[0] != "X-Ca-Signature"]
    left = with_value("X-Ca-Signature-Method", "HmacSHA1")(left)
    text = string_to_sign(SignableRequest("GET", "/echo", "", Headers(left)))
    return [*left, ("X-Ca-Signature", sign(SECRET, text, SignatureMethod.HMAC_SHA1))]


def test_hmac_sha1_is_served_where_the_api_allows_it(lab: Lab) -> None:
    fields = signed("GET", "/forecast/hangzhou")
    left = with_value("X-Ca-Signature-Method", "HmacSHA1")(fields[:-1])
    text = string_to_sign(SignableRequest("GET", "/forecast/hangzhou", "", Headers(left)))
    signature = ("X-Ca-Signature", sign(SECRET, text, SignatureMethod.HMAC_SHA1))
    assert lab.send("GET", "/forecast/hangzhou", [*left, signature]).status == 200


def test_the_secret_reference_is_not_the_secret(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for text in ("file:demo.secret", "", "MySuperAppSecret-42\n"):
            assert lab.call(secret=text).code == "A403IS"


def test_a_key_or_a_signature_that_is_missing_is_said(lab: Lab) -> None:
    def without(name: str) -> Any:
        return lambda fields: [one for one in fields if one[0] != name]

    with lab.no_backend_is_asked():
        assert error_of(lab.send("GET", "/echo")) == (
            400,
            "I400MH",
            "Header `X-Ca-Key` is Required",
        )
        assert error_of(lab.call(change=without("X-Ca-Signature"))) == (
            400,
            "I400MH",
            "Header `X-Ca-Signature` is Required",
        )
        assert error_of(lab.call(key="999")) == (400, "A400IK", "Invalid AppKey")


def test_a_field_of_the_signature_that_stands_twice_is_refused(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for name in ("X-Ca-Signature", "x-ca-timestamp", "X-CA-NONCE", "Content-MD5"):
            reply = lab.call(fields=[("Content-MD5", "")], change=lambda f, n=name: [*f, (n, "1")])
            assert (reply.status, reply.code) == (400, "I400HD")
            assert "is repeated" in reply.headers["x-ca-error-message"]


# --- nonces


def test_a_nonce_is_good_for_one_call(lab: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert lab.call(nonce=nonce).status == 200
    with lab.no_backend_is_asked():
        for _ in range(2):
            assert error_of(lab.call(nonce=nonce)) == (403, "S403NU", "Nonce Used")


def test_of_concurrent_copies_of_a_call_exactly_one_passes(lab: Lab) -> None:
    for _ in range(5):
        fields = signed("GET", "/echo")
        before = lab.echo.hits
        gate = threading.Barrier(2)

        def one(fields: Fields = fields, gate: threading.Barrier = gate) -> int:
            gate.wait(PATIENCE_S)
            return lab.send("GET", "/echo", fields).status

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(one) for _ in range(2)]
            assert sorted(future.result() for future in futures) == [200, 403]
        assert lab.echo.hits == before + 1


def test_a_bad_signature_does_not_spend_the_nonce(lab: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert lab.call(nonce=nonce, secret="wrong").code == "A403IS"
    assert lab.call(nonce=nonce, timestamp_ms=1).code == "S403TS"
    assert lab.call(nonce=nonce).status == 200


def test_a_nonce_is_asked_for_where_the_api_forces_one(lab: Lab) -> None:
    reply = lab.call(target="/forced", nonce="")
    assert error_of(reply) == (400, "I400NC", "X-Ca-Nonce is required")
    assert lab.call(target="/forced").status == 200
    assert lab.call(target="/echo", nonce="").status == 200


# --- AppCode


@pytest.mark.parametrize("scheme", ["APPCODE", "appcode", "AppCode "])
def test_an_app_code_in_its_field_stands_in_for_a_signature(lab: Lab, scheme: str) -> None:
    for target in ("/by-code?a=1", "/by-field?a=1"):
        reply = lab.send("GET", target, [("Authorization", f"{scheme} {CODE}")])
        assert reply.status == 200, reply
        assert CODE not in reply.body.decode()
        assert "authorization" not in {name.lower() for name, _ in reply.json["headers"]}


@pytest.mark.parametrize("name", ["AppCode", "appcode", "APPCODE", "%41ppCode"])
def test_an_app_code_in_the_query_does_not_reach_the_backend(lab: Lab, name: str) -> None:
    reply = lab.send("GET", f"/by-code?a=1&{name}={CODE}&b=2")
    assert (reply.status, reply.json["query"]) == (200, [["a", "1"], ["b", "2"]])
    assert CODE not in reply.body.decode()


def test_an_app_code_is_refused_where_it_is_wrong_or_not_permitted(lab: Lab) -> None:
    right, wrong = ("Authorization", f"APPCODE {CODE}"), ("Authorization", "APPCODE x")
    with lab.no_backend_is_asked():
        assert error_of(lab.send("GET", "/by-code", [wrong])) == (
            400,
            "A400AC",
            "Invalid AppCode `not exists`",
        )
        assert error_of(lab.send("GET", "/by-code?AppCode=x"))[1] == "A400AC"
        assert error_of(lab.send("GET", f"/by-field?AppCode={CODE}"))[1] == "A400MA"
        assert error_of(lab.send("GET", "/echo", [right]))[1] == "I400MH"
        assert error_of(lab.send("GET", f"/echo?AppCode={CODE}"))[1] == "I400MH"


# --- every answer


def test_debug_mode_says_how_long_it_took(lab: Lab) -> None:
    shape = r'\{"ServiceLatency":\d+,"TotalLatency":\d+\}'
    for mode in ("debug", "DEBUG"):
        text = lab.call(fields=[("X-Ca-Request-Mode", mode)]).headers["x-ca-debug-info"]
        assert re.fullmatch(shape, text)
        times = json.loads(text)
        assert 0 <= times["ServiceLatency"] <= times["TotalLatency"]
    reply = lab.call(fields=[("X-Ca-Request-Mode", "debug")], secret="wrong")
    assert json.loads(reply.headers["x-ca-debug-info"])["ServiceLatency"] == 0
    for other in ([], [("X-Ca-Request-Mode", "release")]):
        assert "x-ca-debug-info" not in lab.call(fields=other).headers


def test_a_refused_signature_in_debug_mode_shows_the_servers_string(lab: Lab) -> None:
    fields = [("X-Ca-Request-Mode", "debug"), ("X-Ca-Note", "中")]
    reply = lab.call(target="/echo?b=%E4%B8%AD&a", fields=fields, secret="wrong")
    message = reply.json["message"]
    assert "#X-Ca-Note:中#X-Ca-Request-Mode:debug#" in message
    assert message.endswith("#/echo?a&b=中`")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(lab: Lab, status: int) -> None:
    reply = lab.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"")
    assert "transfer-encoding" not in reply.headers
    if status == 204:
        assert "content-length" not in reply.headers


def test_a_head_has_the_fields_of_a_get_and_no_body(lab: Lab) -> None:
    reply = lab.send("HEAD", "/own/200")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == str(len(b"from the backend"))
    assert lab.strange.asked[-1] == "HEAD"
    refused = lab.send("HEAD", "/nowhere")
    assert (refused.status, refused.code, refused.body) == (404, "I404NF", b"")


def test_a_connection_can_be_used_again_after_answers_without_a_body(lab: Lab) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.gateway.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        for method, target, status in [
            ("HEAD", "/own/200", 200),
            ("GET", "/own/204", 204),
            ("GET", "/own/304", 304),
            ("HEAD", "/nowhere", 404),
            ("GET", "/own/200", 200),
        ]:
            connection.request(method, target, headers={"Host": HOST})
            response = connection.getresponse()
            response.read()
            assert response.status == status


@pytest.mark.parametrize("status", [200, 403, 404, 429, 500, 503])
def test_a_backends_status_never_looks_like_the_gateways_own(lab: Lab, status: int) -> None:
    reply = lab.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"from the backend")
    assert "x-ca-error-code" not in reply.headers
    assert "x-ca-error-message" not in reply.headers
    assert reply.headers["x-own"] == "kept"


def test_a_limit_counts_down_to_none_and_then_says_when_to_come_back(lab: Lab) -> None:
    before = lab.echo.hits
    replies = [lab.send("GET", "/limited") for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 6 + [429] * 2
    assert lab.echo.hits == before + 6
    for reply, left in zip(replies, (5, 4, 3, 2, 1, 0, 0, 0), strict=True):
        assert reply.headers["ratelimit-policy"] == '"api";q=6;w=86400'
        found = re.fullmatch(r'"api";r=(\d+);t=(\d+)', reply.headers["ratelimit"])
        assert found is not None
        assert int(found[1]) == left
        assert 1 <= int(found[2]) <= 86400
        assert ("retry-after" in reply.headers) is (reply.status == 429)
    assert error_of(replies[-1]) == (429, "T429PA", "Throttled by API Flow Control")
    last = replies[-1].headers
    assert last["ratelimit"].endswith(f";t={last['retry-after']}")


# --- browsers


def preflight(
    lab: Lab, target: str = "/echo", method: str = "GET", *, host: str = HOST, origin: str = PAGE
) -> Reply:
    asked = [("Access-Control-Request-Method", method), ("Origin", origin)]
    asked.append(("Access-Control-Request-Headers", "x-ca-key,x-ca-signature"))
    return lab.send("OPTIONS", target, asked, host=host)


def test_a_preflight_is_answered_without_authentication(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for method in ("GET", "POST"):
            reply = preflight(lab, method=method)
            assert (reply.status, reply.body) == (200, b"")
            found = reply.headers
            assert found["access-control-allow-origin"] == "*"
            assert found["access-control-allow-methods"] == (
                "GET,POST,PUT,DELETE,HEAD,OPTIONS,PATCH"
            )
            assert found["access-control-max-age"] == "172800"
            allowed = found["access-control-allow-headers"].split(",")
            assert {"X-Ca-Key", "X-Ca-Signature", "Content-MD5", "Accept"} <= set(allowed)
            assert "access-control-allow-credentials" not in found


def test_a_preflight_for_no_api_is_not_found(lab: Lab) -> None:
    reply = preflight(lab, "/nowhere", "PUT")
    message = "Cross origin resource not found PUT - /nowhere"
    assert error_of(reply) == (404, "I404CO", message)
    assert preflight(lab, "/echo", "DELETE").code == "I404CO"


def test_an_options_that_is_no_preflight_is_like_any_call(lab: Lab) -> None:
    assert lab.send("OPTIONS", "/echo", [("Origin", PAGE)]).code == "I404NF"


def test_served_and_refused_answers_can_be_read_by_pages(lab: Lab) -> None:
    origin = ("Origin", PAGE)
    for reply in (
        lab.call(fields=[origin]),
        lab.call(fields=[origin], secret="wrong"),
        lab.send("GET", "/nowhere", [origin]),
        lab.send("GET", "/own/404", [origin]),
    ):
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "X-Ca-Error-Code" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in lab.call().headers


def test_only_the_pages_on_the_list_are_let_in_and_with_credentials(lab: Lab) -> None:
    host = "listed.localhost"
    for origin in (PAGE, "null"):
        for reply in (
            preflight(lab, "/own/200", host=host, origin=origin),
            lab.send("GET", "/own/200", [("Origin", origin)], host=host),
            lab.send("GET", "/nowhere", [("Origin", origin)], host=host),
        ):
            assert reply.headers["access-control-allow-origin"] == origin
            assert reply.headers["access-control-allow-credentials"] == "true"
            assert reply.headers["vary"] == "Origin"
    assert preflight(lab, "/own/200", host=host).headers["access-control-max-age"] == "60"
    for origin in ("https://evil.example.com", PAGE.replace("https", "http"), f"{PAGE}.evil"):
        for reply in (
            preflight(lab, "/own/200", host=host, origin=origin),
            lab.send("GET", "/own/200", [("Origin", origin)], host=host),
        ):
            assert "access-control-allow-origin" not in reply.headers
            assert reply.headers["vary"] == "Origin"


def test_where_a_group_has_no_rules_the_backends_own_words_pass(lab: Lab) -> None:
    host = "silent.localhost"
    reply = lab.send("GET", "/own/200", [("Origin", PAGE)], host=host)
    assert reply.headers["access-control-allow-origin"] == "https://backend.example.com"
    assert preflight(lab, "/own/200", host=host).code == "I404NF"


# --- addresses


def client_ip(lab: Lab, *forwarded: str) -> str:
    """What the backend is told of the client."""
    fields = [("X-Forwarded-For", value) for value in forwarded]
    reply = lab.call(target="/forecast/hangzhou", fields=fields)
    assert reply.status == 200, reply
    told = [v for name, v in reply.json["headers"] if name.lower() == "x-forwarded-for"]
    found = dict(reply.json["headers"])["X-Client-Ip"]
    assert told == [found]
    return str(found)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["192.0.2.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (["192.0.2.1, 203.0.113.7", "10.1.2.3", "10.0.0.2"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8:1::7]:4711, 2001:db8:ffff::1"], "2001:db8:1::7"),
        (["2001:DB8:1::0007"], "2001:db8:1::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, nonsense"], "127.0.0.1"),
        (["203.0.113.7, 1.2.3.4.5, 10.0.0.2"], "10.0.0.2"),
        ([""], "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_hop_that_is_no_trusted_proxy(
    lab: Lab, forwarded: list[str], client: str
) -> None:
    assert client_ip(lab, *forwarded) == client


def test_what_a_peer_that_is_not_trusted_says_of_the_client_is_ignored(
    demo_gateway: Gateway, demo_backend: Backend
) -> None:
    untrusting = Lab(demo_gateway, demo_backend, Strange(0))
    assert client_ip(untrusting, "203.0.113.7") == "127.0.0.1"
    assert client_ip(untrusting, "203.0.113.7, 127.0.0.1") == "127.0.0.1"


def test_an_address_on_the_blacklist_calls_nothing(lab: Lab) -> None:
    denied = (403, "A403IP", "Access denied by IP Control Policy")
    with lab.no_backend_is_asked():
        for forwarded in ("198.51.100.7", "::ffff:198.51.100.7", "1.1.1.1, 198.51.100.7, 10.0.0.2"):
            fields = [("X-Forwarded-For", forwarded)]
            assert error_of(lab.call(fields=fields)) == denied
            assert error_of(lab.send("GET", "/own/200", fields)) == denied
            assert error_of(lab.send("GET", "/status", fields)) == denied
    assert lab.send("GET", "/own/200", [("X-Forwarded-For", "198.51.100.7, 1.1.1.1")]).status == 200


@pytest.mark.parametrize(
    ("forwarded", "may"),
    [
        ("127.0.0.1", True),
        ("203.0.113.8", True),
        ("203.0.113.9", False),
        ("::ffff:203.0.113.9", False),
        ("192.0.2.1", False),
        ("2001:db8:1::1", True),
        ("2001:db8:2::1", False),
        ("::ffff:127.0.0.1", True),
    ],
)
def test_ip_control_denies_before_it_allows(lab: Lab, forwarded: str, may: bool) -> None:
    before = lab.echo.hits
    reply = lab.send("GET", "/guarded", [("X-Forwarded-For", forwarded)])
    if may:
        assert (reply.status, lab.echo.hits) == (200, before + 1)
    else:
        assert error_of(reply) == (403, "A403IP", "Access denied by IP Control Policy")
        assert lab.echo.hits == before


def test_a_trusted_proxy_may_say_that_it_took_the_call_over_https(lab: Lab) -> None:
    assert lab.send("GET", "/only-https", [("X-Forwarded-Proto", "https")]).status == 200
    with lab.no_backend_is_asked():
        for fields in ([], [("X-Forwarded-Proto", "http")], [("X-Forwarded-Proto", "x")]):
            assert error_of(lab.send("GET", "/only-https", fields)) == (
                403,
                "I403PT",
                "Invalid protocol HTTP unsupported",
            )


def test_the_call_record_has_the_clients_address_and_not_the_proxys(lab: Lab) -> None:
    reply = lab.call(fields=[("X-Forwarded-For", "203.0.113.7")])
    request_id = reply.headers["x-ca-request-id"]

    def recorded() -> Any:
        with contextlib.closing(sqlite3.connect(lab.gateway.project.database)) as store:
            return store.execute(
                "select client_ip from calls where request_id = ?", (request_id,)
            ).fetchone()

    assert until(recorded, "the call is recorded") == ("203.0.113.7",)


# --- the classic generation


def classic_error(reply: Reply) -> tuple[int, str]:
    assert reply.body == b""
    assert reply.headers["content-length"] == "0"
    assert reply.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "x-ca-error-code" not in reply.headers
    return reply.status, reply.headers["x-ca-error-message"]


def test_classic_refusals_are_a_status_and_a_message_alone(classic: Lab) -> None:
    lab = classic
    code = ("Authorization", "APPCODE x")
    with lab.no_backend_is_asked():
        for reply, expected in [
            (lab.send("GET", "/echo"), (400, "Header `X-Ca-Key` is Required")),
            (lab.call(change=with_value("X-Ca-Signature", "")), (404, "Empty Signature")),
            (lab.call(key="999"), (400, "Invalid AppKey")),
            (lab.call(timestamp_ms=1), (400, "Timestamp Expired")),
            (lab.call(change=with_value("X-Ca-Timestamp", "x")), (400, "Invalid Timestamp")),
            (
                lab.call("POST", body=b"{}", sent_body=b"[]", fields=[("Content-Type", "a/b")]),
                (400, "Invalid Content-MD5"),
            ),
            (lab.send("GET", "/by-code", [code]), (400, "Invalid AppCode `not exists`")),
            (lab.send("GET", "/nowhere"), (400, "Invalid Url")),
            (
                lab.send("GET", "/guarded", [("X-Forwarded-For", "203.0.113.9")]),
                (403, "Access denied by IP Control Policy"),
            ),
            (preflight(lab, "/nowhere"), (400, "Invalid Url")),
        ]:
            assert classic_error(reply) == expected


def test_a_classic_invalid_signature_shows_the_string(classic: Lab) -> None:
    status, message = classic_error(classic.call(secret="wrong"))
    assert status == 400
    assert message.startswith("Invalid Signature, Server StringToSign:`GET#####X-Ca-Key:203753385#")


def test_a_classic_nonce_that_was_used_is_400(classic: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert classic.call(nonce=nonce).status == 200
    assert classic_error(classic.call(nonce=nonce)) == (400, "Nonce Used")


def test_classic_throttling_is_403(classic: Lab) -> None:
    replies = [classic.send("GET", "/limited") for _ in range(7)]
    assert [reply.status for reply in replies] == [200] * 6 + [403]
    assert classic_error(replies[-1]) == (403, "Throttled by API Flow Control")
    assert int(replies[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("status", "message"), [(200, "OK"), (404, "Not Found"), (503, "Service Unavailable")]
)
def test_a_classic_answer_of_a_backend_carries_its_reason(
    classic: Lab, status: int, message: str
) -> None:
    reply = classic.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"from the backend")
    assert reply.headers["x-ca-error-message"] == message
    assert "x-ca-error-code" not in reply.headers


# --- secrets that lead nowhere


def test_a_secret_reference_that_leads_nowhere_is_no_secret(
    project: Project, demo_backend: Backend
) -> None:
    project.edit("definitions/apps/demo.yaml", "file:demo.secret", "env:NO_SUCH_VARIABLE_HERE")
    done = run(project, "check", ok=False)
    assert "definitions/apps/demo.yaml:" in done.stdout
    assert "NO_SUCH_VARIABLE_HERE" in done.stdout
