"""A gateway for callers of every kind: each request built by hand, real backends behind it."""

import contextlib
import http.client
import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from e2e.running import HOST, KEY, PATIENCE_S, SECRET, Backend, Gateway, Project, Reply

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

Fields = list[tuple[str, str]]

PAGE = "https://app.example.com"
CODE = "TheAppCode-0123456789"
UPPER_UUID = r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


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
            status = int(self.path.partition("?")[0].rpartition("/")[2])
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
    app = folder / "definitions/apps/demo.yaml"
    lines = [line for line in app.read_text().splitlines() if not line.startswith("code:")]
    app.write_text("\n".join([*lines, "code: file:demo.code\n"]))
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


def preflight(
    lab: Lab, target: str = "/echo", method: str = "GET", *, host: str = HOST, origin: str = PAGE
) -> Reply:
    asked = [("Access-Control-Request-Method", method), ("Origin", origin)]
    asked.append(("Access-Control-Request-Headers", "x-ca-key,x-ca-signature"))
    return lab.send("OPTIONS", target, asked, host=host)
