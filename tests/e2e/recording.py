"""A backend that keeps every byte it hears, behind a gateway with definitions of its own."""

import contextlib
import http.client
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.lab import Fields, error_of
from e2e.odd_backends import OddBackend, Steps, answer, running
from e2e.running import KEY, PATIENCE_S, SECRET, Gateway, Reply, Written, gateway

HOST = "recorded.localhost"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")
OK = answer(b"ok")

GATEWAY_YAML = """\
account: "1001"
region: cn-hangzhou
instance_id: gateway-7
source_vpcs: [{vpc_id: vpc-000007, networks: [127.0.0.0/8]}]
limits: {client_ip_per_second: 100000, subdomain_per_day: 100000}
"""
GROUP_YAML = f"name: recorded\ndomains: [{HOST}]\ntraffic_limit: 100000\n"
APP_YAML = f"""\
name: demo
key: "{KEY}"
secret: file:demo.secret
extend_info: gold
market_instance_id: cmapi-1
"""


class Recorder(OddBackend):
    """`says` is the answer to every request."""

    says = OK

    def steps(self, target: bytes) -> Steps:
        return (self.says,)


@dataclass(frozen=True)
class Heard:
    """A request as it was on the wire. `fields` keep order, spelling and repetition."""

    raw: bytes

    @property
    def line(self) -> bytes:
        return self.raw.partition(b"\r\n")[0]

    @property
    def method(self) -> str:
        return self.line.split(b" ")[0].decode()

    @property
    def target(self) -> str:
        _, target, version = self.line.split(b" ")
        assert version == b"HTTP/1.1"
        return target.decode("ascii")

    @property
    def fields(self) -> Fields:
        lines = self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    @property
    def names(self) -> list[str]:
        return sorted(name.lower() for name, _ in self.fields)

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def values(self, name: str) -> list[str]:
        """Of every field that a careless backend takes for `name`."""
        plain = name.lower().replace("_", "-")
        return [value for key, value in self.fields if key.lower().replace("_", "-") == plain]


ALWAYS = ["host", "x-ca-request-id", "x-forwarded-for"]
"""The fields of every request at a backend, without those of a body."""


@dataclass
class Rig:
    gateway: Gateway
    backend: Recorder

    def send(
        self,
        method: str,
        target: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        chunked: bool = False,
    ) -> tuple[Reply, Fields]:
        """One request with these fields and no others; the answer and all its fields."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", HOST)
            for name, value in fields:
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None, encode_chunked=chunked)
            response = connection.getresponse()
            content, found = response.read(), response.getheaders()
        headers = {name.lower(): value for name, value in found}
        return Reply(response.status, headers, content), found

    def heard(
        self,
        method: str,
        target: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        chunked: bool = False,
    ) -> Heard:
        """What the backend got of a call that is served."""
        before = len(self.backend.heard)
        reply, _ = self.send(method, target, fields, body, chunked=chunked)
        assert (reply.status, reply.code) == (200, ""), reply
        assert len(self.backend.heard) == before + 1
        heard = Heard(self.backend.heard[-1])
        (request_id,) = heard.values("X-Ca-Request-Id")
        assert request_id == reply.headers["x-ca-request-id"]
        assert heard.values("Host") == [f"127.0.0.1:{self.backend.port}"]
        return heard

    def refused(
        self,
        method: str,
        target: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> tuple[int, str, str]:
        """Status, code and message of a call that the backend hears nothing of."""
        before = len(self.backend.heard)
        reply, _ = self.send(method, target, fields, body)
        assert reply.status >= 400, reply
        assert len(self.backend.heard) == before
        return error_of(reply)


class Definitions(Written):
    """APIs at one recording backend; each is anonymous unless told otherwise."""

    def begin(self) -> None:
        self.write("definitions/gateway.yaml", GATEWAY_YAML)
        self.write("definitions/recorded/group.yaml", GROUP_YAML)
        self.write("definitions/apps/demo.yaml", APP_YAML)
        self.write("definitions/apps/demo.secret", SECRET)
        self.write("policies/grants.yaml", "- {app: demo, group: recorded, apis: '*'}\n")

    def api(
        self,
        name: str,
        request: str,
        *parameters: str,
        path: str = "/to",
        backend: str = "",
        auth: str = "{type: anonymous}",
    ) -> None:
        """Flow mappings without their braces: the request, each parameter, more of the backend."""
        listed = ", ".join(f"{{{parameter}}}" for parameter in parameters)
        more = f", {backend}" if backend else ""
        address = f"address: 'http://127.0.0.1:{self.backend_port}'"
        self.write(
            f"definitions/recorded/{name.lower()}.yaml",
            f"name: {name}\nauth: {auth}\n"
            f"request: {{{request}, parameters: [{listed}]}}\n"
            f"backend: {{type: http, {address}, path: '{path}'{more}}}\n",
        )


@contextlib.contextmanager
def recording(folder: Path, define: Callable[[Definitions], None]) -> Iterator[Rig]:
    """A gateway with what `define` writes, the recording backend behind it."""
    backend = Recorder()
    with running(backend):
        project = Definitions(folder, backend.port)
        project.begin()
        define(project)
        with gateway(project) as started:
            yield Rig(started, backend)
