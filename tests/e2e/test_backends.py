"""Backends of every kind behind one real gateway: what a caller gets of each fault, and when; HTTPS
and whom it believes; connections, shared and bounded; mocks.

A caller's connection stays usable whatever the backend does.
"""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from e2e.odd_backends import LARGEST, OddBackend
from e2e.odd_backends import running as serving
from e2e.running import PATIENCE_S, Gateway, Reply, Written, gateway, until
from ports import free_port
from unit.issued import client, leaf, pem, server_context

from apigateway.commands.cert import make_ca, make_leaf

HOST = "backends.localhost"
TIMEOUT_S = 1.0
TRIES = 8
CONNECTIONS = 4
TODAY = datetime.now(UTC)

GATEWAY_YAML = f"""\
account: "1001"
region: cn-hangzhou
limits: {{client_ip_per_second: 100000, subdomain_per_day: 100000}}
backends: {{connections: {CONNECTIONS}, answer_bytes: {LARGEST}}}
"""
MOCK = """\
backend:
  type: mock
  status: 203
  headers: {Content-Type: text/plain, X-List: [one, two]}
  body: from nowhere
"""
VPC = """\
name: billing
vpc_id: vpc-000001
instance_id: i-000001
port: %d
host: 127.0.0.1
tls: mutual
"""


class Backends(Written):
    def api(self, name: str, request: str, backend: str, *, declared: str = "") -> None:
        parameters = declared or "{name: what, in: path}"
        self.write(
            f"definitions/backends/{name}.yaml",
            f"name: {name}\nauth: {{type: anonymous}}\n"
            f"request: {{{request}, parameters: [{parameters}]}}\n"
            + (backend if backend.startswith("backend:") else f"backend: {{{backend}}}\n"),
        )


@dataclass
class Rig:
    """`stranger` has a certificate of a CA that nobody named, `late` one that is over."""

    gateway: Gateway
    plain: OddBackend
    pooled: OddBackend
    secure: OddBackend
    mutual: OddBackend
    stranger: OddBackend
    late: OddBackend

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        with self.connected() as connection:
            return ask(connection, target, method, body, headers)

    @contextlib.contextmanager
    def connected(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            yield connection

    @contextlib.contextmanager
    def no_backend_hears_anything(self) -> Iterator[None]:
        everyone = (
            self.plain, self.pooled, self.secure, self.mutual, self.stranger, self.late
        )  # fmt: skip
        before = [len(backend.heard) for backend in everyone]
        yield
        assert [len(backend.heard) for backend in everyone] == before


def ask(
    connection: http.client.HTTPConnection,
    target: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    connection.request(method, target, body, {"Host": HOST, **(headers or {})})
    response = connection.getresponse()
    content = response.read()
    fields = {name.lower(): value for name, value in response.getheaders()}
    fields["all"] = "\n".join(f"{name.lower()}: {value}" for name, value in response.getheaders())
    return Reply(response.status, fields, content)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    ca, other_ca, clients_ca = make_ca(TODAY), make_ca(TODAY), make_ca(TODAY)
    over = make_leaf(ca, "localhost", TODAY - timedelta(days=9), 5)
    parts = (
        OddBackend(),
        OddBackend(),
        OddBackend(server_context(leaf("secure.localhost", now=TODAY, ca=ca))),
        OddBackend(
            server_context(leaf("billing.internal", now=TODAY, ca=ca), clients_of=clients_ca)
        ),
        OddBackend(server_context(leaf("localhost", now=TODAY, ca=other_ca))),
        OddBackend(server_context(over)),
    )
    with serving(*parts):
        project = Backends(tmp_path_factory.mktemp("backends"))
        chain, key = client(clients_ca, TODAY)
        for name, text in (("ca.pem", pem(ca)), ("gateway.pem", chain), ("gateway.key", key)):
            project.write(f"policies/backend-tls/{name}", text)
        define(project, *(backend.port for backend in parts))
        with gateway(project) as running:
            yield Rig(running, *parts)


def define(
    project: Backends, plain: int, pooled: int, secure: int, mutual: int, stranger: int, late: int
) -> None:
    project.write("definitions/gateway.yaml", GATEWAY_YAML)
    project.write("definitions/backends/group.yaml", f"name: backends\ndomains: [{HOST}]\n")
    tls = "policies/backend-tls"
    project.write(f"{tls}/ours.yaml", "name: ours\nca: file:ca.pem\n")
    named = "ca: file:ca.pem\nserver_name: billing.internal\n"
    project.write(f"{tls}/named.yaml", f"name: named\n{named}")
    shown = "certificate: {chain: file:gateway.pem, key: file:gateway.key}\n"
    project.write(f"{tls}/mutual.yaml", f"name: mutual\n{named}{shown}")
    project.write("policies/vpc-access/billing.yaml", VPC % mutual)

    def at(address: str, *more: str, path: str = "/[what]") -> str:
        return f"type: http, address: '{address}', path: '{path}'" + "".join(
            f", {one}" for one in more
        )

    def any_method(path: str, mode: str = "passthrough") -> str:
        return f"method: ANY, path: '{path}/[what]', mode: {mode}"

    here = f"http://127.0.0.1:{plain}"
    short, long = "timeout_ms: 1000", "timeout_ms: 30000"
    project.api("Plain", any_method("/plain"), at(here, long))
    project.api("Slow", any_method("/slow"), at(here, short))
    project.api("Gone", any_method("/gone"), at(f"http://127.0.0.1:{free_port()}", long))
    project.api("Pooled", any_method("/pooled"), at(f"http://127.0.0.1:{pooled}", long))
    project.api("Hasty", any_method("/hasty"), at(f"http://127.0.0.1:{pooled}", short))
    for name, address, profile in (
        ("secure", f"https://secure.localhost:{secure}", "tls: ours"),
        ("system", f"https://secure.localhost:{secure}", long),
        ("misnamed", f"https://127.0.0.1:{secure}", "tls: ours"),
        ("mutual", f"https://127.0.0.1:{mutual}", "tls: mutual"),
        ("unshown", f"https://127.0.0.1:{mutual}", "tls: named"),
        ("stranger", f"https://localhost:{stranger}", "tls: ours"),
        ("late", f"https://localhost:{late}", "tls: ours"),
        ("no-tls", f"https://127.0.0.1:{plain}", "tls: named"),
    ):
        project.api(f"Tls-{name}", any_method(f"/tls/{name}"), at(address, profile))
    vpc = "type: vpc, access: billing, scheme: https, path: '/[what]'"
    project.api("BehindVpc", any_method("/vpc"), vpc)
    project.api(
        "AsPost",
        "method: GET, path: /as-post",
        at(here, "method: POST", "parameters: [{from: q, name: field, in: body}]", path="/ok"),
        declared="{name: q, in: query}",
    )
    project.api(
        "AsGet",
        "method: POST, path: /as-get",
        at(here, "method: GET", "parameters: [{from: field, name: q, in: query}]", path="/ok"),
        declared="{name: field, in: body}",
    )
    project.api(
        "AsPut",
        "method: POST, path: '/as-put/[what]', body: {format: stream}",
        at(here, "method: PUT"),
    )
    for method, other in (("GET", "HEAD"), ("HEAD", "GET"), ("GET", "DELETE")):
        name = f"{method}-as-{other}".lower()
        project.api(name, f"method: {method}, path: '/{name}/[what]'", at(here, f"method: {other}"))
    project.api("Mock", "method: ANY, path: /mock", MOCK, declared="{name: any, in: query}")


# --- each way to fail


TIMEOUT, FAILED, CONNECT, TLS = "D504TO", "D504RE", "D504CO", "D504CS"
MESSAGES = {
    TIMEOUT: "Backend service request timeout",
    FAILED: "Backend service request failed",
    CONNECT: "Backend service connect failed",
    TLS: "Backend http ssl connect failed",
}


def assert_fault(reply: Reply, code: str) -> None:
    assert (reply.status, reply.code) == (504, code), reply
    assert reply.json == {
        "requestId": reply.headers["x-ca-request-id"],
        "code": code,
        "message": MESSAGES[code],
    }
    assert reply.headers["x-ca-error-message"] == MESSAGES[code]


BROKEN = (
    "closed",
    "reset",
    "reset-in-the-head",
    "reset-in-the-body",
    "closed-in-the-body",
    "closed-in-a-chunk",
    "no-http",
    "no-status",
    "bad-field",
    "bad-length",
    "bad-chunk",
    "upgrade",
    "larger",
    "larger-by-chunks",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_answer_is_a_failed_request_and_the_caller_goes_on(
    rig: Rig, what: str, method: str
) -> None:
    with rig.connected() as connection:
        assert ask(connection, "/plain/ok").body == b"ok"
        link = connection.sock
        assert_fault(ask(connection, f"/plain/{what}", method, b"x=1"), FAILED)
        assert ask(connection, "/plain/ok").body == b"ok"
        assert connection.sock is link


def test_a_port_where_nobody_listens_is_a_failed_connection(rig: Rig) -> None:
    with rig.connected() as connection, rig.no_backend_hears_anything():
        assert_fault(ask(connection, "/gone/ok"), CONNECT)
        link = connection.sock
        assert_fault(ask(connection, "/gone/ok", "POST", b"x" * 100_000), CONNECT)
        assert connection.sock is link


def in_time(once: Callable[[], float]) -> bool:
    """Never before the timeout, and soon after it; this machine may stand still in some tries."""
    for _ in range(TRIES):
        took_s = once()
        assert took_s >= TIMEOUT_S
        if took_s <= TIMEOUT_S * 1.2:
            return True
    return False


def test_whatever_is_late_ends_at_its_timeout_and_the_caller_goes_on(rig: Rig) -> None:
    def one(what: str) -> float:
        with rig.connected() as connection:
            assert ask(connection, "/plain/ok").status == 200
            link, began = connection.sock, time.perf_counter()
            assert_fault(ask(connection, f"/slow/{what}"), TIMEOUT)
            took = time.perf_counter() - began
            assert ask(connection, "/plain/ok").body == b"ok"
            assert connection.sock is link
            return took

    late = ("never", "head-only", "drip", "drip-chunks")
    with ThreadPoolExecutor(len(late)) as pool:
        assert all(pool.map(lambda what: in_time(lambda: one(what)), late))


def test_a_head_of_a_fault_has_its_fields_and_no_body(rig: Rig) -> None:
    with rig.connected() as connection:
        reply = ask(connection, "/plain/closed", "HEAD")
        assert (reply.status, reply.code, reply.body) == (504, FAILED, b"")
        assert ask(connection, "/plain/ok").body == b"ok"


# --- what is whole


@pytest.mark.parametrize(
    ("what", "status", "body"),
    [
        ("until-close", 200, b"all of it"),
        ("trailers", 200, b"ok"),
        ("interim", 200, b"ok"),
        ("no-content", 204, b""),
        ("not-modified", 304, b""),
        ("redirect", 302, b""),
        ("teapot", 418, b"short"),
        ("largest", 200, b"x" * LARGEST),
    ],
)
def test_an_answer_comes_whole_and_the_caller_goes_on(
    rig: Rig, what: str, status: int, body: bytes
) -> None:
    with rig.connected() as connection:
        reply = ask(connection, f"/plain/{what}")
        assert (reply.status, reply.body, reply.code) == (status, body, "")
        link = connection.sock
        assert ask(connection, "/plain/ok").body == b"ok"
        assert connection.sock is link


def test_a_redirect_is_passed_back_and_not_followed(rig: Rig) -> None:
    before = len(rig.plain.heard)
    reply = rig.ask("/plain/redirect")
    assert reply.headers["location"] == "http://127.0.0.1:1/elsewhere"
    assert len(rig.plain.heard) == before + 1


def test_repeated_fields_of_a_backend_stay_repeated(rig: Rig) -> None:
    fields = rig.ask("/plain/teapot").headers["all"]
    assert fields.count("set-cookie: ") == 2


def test_the_answer_to_a_head_names_the_length_of_a_body_that_does_not_come(rig: Rig) -> None:
    with rig.connected() as connection:
        for what, length in (("largest", LARGEST), ("larger", LARGEST + 1), ("ok", 2)):
            reply = ask(connection, f"/plain/{what}", "HEAD")
            assert (reply.status, reply.body) == (200, b"")
            assert reply.headers["content-length"] == str(length)
        assert ask(connection, "/plain/ok").body == b"ok"
    assert rig.plain.heard[-2].startswith(b"HEAD /ok HTTP/1.1\r\n")


# --- another method than the caller's


def test_a_get_becomes_a_post_with_a_form(rig: Rig) -> None:
    assert rig.ask("/as-post?q=%E4%B8%AD+b").status == 200
    head, _, body = rig.plain.heard[-1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ok HTTP/1.1\r\n")
    assert body == b"field=%E4%B8%AD+b"
    assert b"\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8" in head
    assert rig.ask("/as-post").status == 200
    head = rig.plain.heard[-1]
    assert head.endswith(b"\r\n\r\n") and b"\r\nContent-Length: 0\r\n" in head


def test_a_post_of_a_form_becomes_a_get_without_a_body(rig: Rig) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert rig.ask("/as-get", "POST", b"field=a+b&other=c", form).status == 200
    head = rig.plain.heard[-1]
    assert head.startswith(b"GET /ok?q=a%20b HTTP/1.1\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"content-length" not in head.lower() and b"content-type" not in head.lower()


def test_a_post_of_a_document_becomes_a_put_of_the_same(rig: Rig) -> None:
    document = {"Content-Type": "application/json"}
    assert rig.ask("/as-put/ok", "POST", b'{"a": 1}', document).status == 200
    head, _, body = rig.plain.heard[-1].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /ok HTTP/1.1\r\n")
    assert (body, b"\r\nContent-Type: application/json" in head) == (b'{"a": 1}', True)
    assert rig.ask("/as-put/ok", "POST").status == 200
    assert b"\r\nContent-Length: 0\r\n" in rig.plain.heard[-1]


def test_the_callers_method_says_whether_the_answer_has_a_body(rig: Rig) -> None:
    reply = rig.ask("/get-as-head/ok")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
    assert rig.plain.heard[-1].startswith(b"HEAD ")
    reply = rig.ask("/head-as-get/ok", "HEAD")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "2")
    assert rig.plain.heard[-1].startswith(b"GET ")
    assert rig.ask("/get-as-delete/ok").body == b"ok"
    assert rig.plain.heard[-1].startswith(b"DELETE ")


# --- HTTPS


def test_a_backend_of_a_ca_that_a_profile_names_is_called(rig: Rig) -> None:
    before = len(rig.secure.names)
    assert rig.ask("/tls/secure/ok").body == b"ok"
    assert rig.secure.names[before:] in ([], ["secure.localhost"])
    assert f"\r\nHost: secure.localhost:{rig.secure.port}\r\n".encode() in rig.secure.heard[-1]


def test_a_backend_that_asks_is_shown_the_certificate_and_called_by_the_server_name(
    rig: Rig,
) -> None:
    assert rig.ask("/tls/mutual/ok").body == b"ok"
    assert rig.mutual.names[-1] == "billing.internal"
    assert f"\r\nHost: 127.0.0.1:{rig.mutual.port}\r\n".encode() in rig.mutual.heard[-1]


def test_behind_a_vpc_access_https_is_done_with_its_profile(rig: Rig) -> None:
    assert rig.ask("/vpc/ok").body == b"ok"
    assert rig.mutual.names[-1] == "billing.internal"


@pytest.mark.parametrize("name", ["system", "misnamed", "stranger", "late", "no-tls"])
def test_who_is_not_believed_gets_no_byte_of_a_request(rig: Rig, name: str) -> None:
    with rig.connected() as connection, rig.no_backend_hears_anything():
        assert_fault(ask(connection, f"/tls/{name}/ok", "POST", b"x" * 100_000), TLS)
        link = connection.sock
        assert_fault(ask(connection, f"/tls/{name}/ok"), TLS)
        assert connection.sock is link


def test_a_backend_that_misses_the_certificate_hears_nothing(rig: Rig) -> None:
    with rig.no_backend_hears_anything():
        reply = rig.ask("/tls/unshown/ok")
    assert (reply.status, reply.code in (TLS, FAILED)) == (504, True)


def test_faults_over_tls_are_those_over_tcp(rig: Rig) -> None:
    with rig.connected() as connection:
        assert_fault(ask(connection, "/tls/secure/closed-in-the-body"), FAILED)
        assert_fault(ask(connection, "/tls/secure/larger"), FAILED)
        assert ask(connection, "/tls/secure/until-close").body == b"all of it"
        assert ask(connection, "/tls/secure/redirect").status == 302
        assert ask(connection, "/tls/secure/ok").body == b"ok"


# --- connections


def test_callers_share_the_connections_to_a_backend_one_after_the_other(rig: Rig) -> None:
    def share() -> bool:
        """Unless this machine stood still, and a connection was idle for too long."""
        for _ in range(3):
            rig.ask("/tls/mutual/ok")
        before = rig.mutual.connections
        for method in ("GET", "POST", "DELETE", "GET"):
            assert rig.ask("/tls/mutual/ok", method).status == 200
        assert rig.ask("/vpc/ok").status == 200
        return rig.mutual.connections == before

    assert any(share() for _ in range(TRIES))


def test_a_backend_has_at_most_its_connections_and_the_other_calls_wait(rig: Rig) -> None:
    def one(number: int) -> int:
        return rig.ask("/pooled/moment", ("GET", "POST", "PUT")[number % 3]).status

    until(lambda: not rig.pooled.open, "idle connections are closed")
    before, rig.pooled.most = rig.pooled.connections, 0
    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(one, range(48))) == {200}
    assert rig.pooled.most == CONNECTIONS
    # An idle one is closed in the end, which a machine that stands still may bring about.
    assert CONNECTIONS <= rig.pooled.connections - before <= 2 * CONNECTIONS


def test_a_call_that_waits_for_a_connection_ends_within_its_own_timeout(rig: Rig) -> None:
    def once() -> float:
        began = time.perf_counter()
        with rig.no_backend_hears_anything():
            assert_fault(rig.ask("/hasty/ok"), TIMEOUT)
        return time.perf_counter() - began

    def are_held() -> bool:
        return sum(b" /held " in head for head in rig.pooled.heard) == CONNECTIONS

    rig.pooled.holds = True
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            held = [pool.submit(rig.ask, "/pooled/held") for _ in range(CONNECTIONS)]
            until(are_held, "each connection has a call")
            assert in_time(once)
            assert rig.ask("/plain/ok").status == 200
        finally:
            rig.pooled.holds = False
        assert {one.result().status for one in held} == {200}
    until(lambda: rig.ask("/hasty/ok").status == 200, "a connection is free")


# --- mocks


def test_a_mock_is_the_definitions_own_answer(rig: Rig) -> None:
    with rig.no_backend_hears_anything():
        for method in ("GET", "POST", "DELETE"):
            reply = rig.ask("/mock", method)
            assert (reply.status, reply.body) == (203, b"from nowhere")
            assert reply.headers["content-type"] == "text/plain"
            fields = reply.headers["all"].split("\n")
            assert [line for line in fields if line.startswith("x-list")] == [
                "x-list: one",
                "x-list: two",
            ]


def test_a_head_of_a_mock_has_no_body(rig: Rig) -> None:
    with rig.connected() as connection:
        reply = ask(connection, "/mock", "HEAD")
        assert (reply.status, reply.body) == (203, b"")
        assert ask(connection, "/mock").body == b"from nowhere"


# --- another start


def test_other_limits_act_from_the_next_start_on(tmp_path: Path) -> None:
    backend = OddBackend()
    with serving(backend):
        project = Backends(tmp_path)
        define(project, *[backend.port] * 6)
        for name in ("ours", "named", "mutual"):
            (tmp_path / f"policies/backend-tls/{name}.yaml").write_text(
                f"name: {name}\nserver_name: a.test\n"
            )
        project.edit("definitions/gateway.yaml", f"bytes: {LARGEST}", f"bytes: {LARGEST + 1}")
        project.edit("definitions/gateway.yaml", f"connections: {CONNECTIONS}", "connections: 1")
        with gateway(project) as started, ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(started.ask, target="/pooled/moment", host=HOST) for _ in range(8)]
            assert {one.result().status for one in asked} == {200}
            assert started.ask(target="/plain/larger", host=HOST).status == 200
    assert backend.most == 1
