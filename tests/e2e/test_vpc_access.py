"""Where a gateway connects: to authorized instances and their one port, and to no address that no
backend has, whatever a name resolves to. What is taken back holds from the next load on.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.lab import error_of
from e2e.odd_backends import running
from e2e.recording import HOST, Definitions, Recorder
from e2e.running import GATEWAY, PATIENCE_S, ROOT, Gateway, Reply, gateway, put, until
from ports import free_port

ACCESS = """\
name: {name}
vpc_id: vpc-000001
instance_id: {instance}
port: {port}
host: {host}
"""
VPC_API = """\
name: {name}
auth: {{type: anonymous}}
request: {{method: ANY, path: '/{name}/[p]', parameters: [{{name: p, in: path}}]}}
backend: {{type: vpc, access: {access}, path: '/to/[p]', timeout_ms: 30000}}
"""
PLAIN_API = """\
name: {name}
auth: {{type: anonymous}}
request: {{method: GET, path: /{name}}}
backend: {{type: http, address: 'http://{host}:{port}', path: /to, timeout_ms: 30000}}
"""
NO_BACKENDS = {
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "other-metadata": "100.100.100.200",
    "unspecified": "0.0.0.0",
    "multicast": "224.0.0.1",
    "link-local-6": "[fe80::1]",
    "mapped": "[::ffff:169.254.169.254]",
    "sixtofour": "[2002:a9fe:a9fe::1]",
    "named": "link-local.test",
    "named-second": "both.test",
}
SOON_S = 15.0
"""Half of what a backend has for its answer, and so for a connection."""

NAMES = """\
loopback.test 127.0.0.1
both.test 169.254.169.254 127.0.0.1
link-local.test 169.254.1.1
nowhere.test
"""

# Before the script itself: names are looked up in a file, and asked for again by each call.
RESOLVING = """
import socket
from pathlib import Path

from apigateway.backends.resolver import SystemResolver

SystemResolver.__init__.__kwdefaults__["keep_s"] = 0.0
HERE = Path(__file__).parent
real = getattr(socket, "real_getaddrinfo", socket.getaddrinfo)
socket.real_getaddrinfo = real


def getaddrinfo(host, port, *more, **options):
    name = host.decode() if isinstance(host, bytes) else host
    if not name or not name.endswith(".test"):
        return real(host, port, *more, **options)
    with (HERE / "asked").open("a") as asked:
        asked.write(f"{name}\\n")
    known = dict(line.partition(" ")[::2] for line in (HERE / "names").read_text().splitlines())
    return [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
        for address in known.get(name, "").split()
    ]


socket.getaddrinfo = getaddrinfo
"""


@dataclass
class Site:
    """`first` is the authorized port, `second` another one of the same host."""

    project: Definitions
    gateway: Gateway
    first: Recorder
    second: Recorder

    def ask(self, target: str, method: str = "GET") -> Reply:
        return self.gateway.ask(method, target, host=HOST)

    def heard(self) -> tuple[int, int]:
        """How many requests each of the two backends ever got."""
        return len(self.first.heard), len(self.second.heard)

    def connections(self) -> tuple[int, int]:
        return self.first.connections, self.second.connections

    def authorize(self, port: int, name: str = "inner") -> None:
        text = ACCESS.format(name=name, instance=f"i-{name}", port=port, host="127.0.0.1")
        self.project.write(f"policies/vpc-access/{name}.yaml", text)

    def take_back(self, name: str = "inner") -> None:
        (self.project.folder / f"policies/vpc-access/{name}.yaml").unlink()

    def load_again(self) -> None:
        """Touch the script, and wait until what is on disk now is what is served."""
        loads = self.loads()
        script = self.project.folder / "gateway.py"
        put(script, script.read_text() + "\n")
        until(lambda: self.loads() > loads and self.ask("/plain").status == 200, "loaded again")

    def loads(self) -> int:
        return self.gateway.process.text.count("gateway: APIs served:")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    first, second = Recorder(), Recorder()
    with running(first, second):
        project = Definitions(tmp_path_factory.mktemp("vpc"), first.port)
        project.begin()
        define(project, first.port)
        script = project.folder / "gateway.py"
        script.write_text(RESOLVING + GATEWAY.read_text())
        project.write("names", NAMES)
        project.write("asked", "")
        with gateway(project, script=script) as started:
            yield Site(project, started, first, second)


def define(project: Definitions, port: int) -> None:
    def api(name: str, text: str, **parts: object) -> None:
        project.write(f"definitions/recorded/{name}.yaml", text.format(name=name, **parts))

    for name in ("inner", "other"):
        text = ACCESS.format(name=name, instance=f"i-{name}", port=port, host="127.0.0.1")
        if name == "other":
            text = text.replace("127.0.0.1", "loopback.test")
        project.write(f"policies/vpc-access/{name}.yaml", text)
        api(f"vpc-{name}", VPC_API, access=name)
    project.write(
        "policies/vpc-access/metadata.yaml",
        ACCESS.format(name="metadata", instance="i-metadata", port=port, host="link-local.test"),
    )
    api("vpc-metadata", VPC_API, access="metadata")
    api("plain", PLAIN_API, host="127.0.0.1", port=port)
    api("rebinding", PLAIN_API, host="rebinding.test", port=port)
    api("nowhere", PLAIN_API, host="nowhere.test", port=port)
    for name, host in NO_BACKENDS.items():
        api(name, PLAIN_API, host=host, port=port)


def assert_refused(reply: Reply, code: str, message: str) -> None:
    assert error_of(reply) == (504, code, message)


def denied(reply: Reply) -> None:
    assert_refused(reply, "X504VE", "Backend service vpc mapped failed")


def record_of(site: Site, reply: Reply) -> dict[str, object]:
    """The call record, which is written soon after the answer."""

    def find() -> dict[str, object] | None:
        with closing(sqlite3.connect(site.project.database)) as database:
            database.row_factory = sqlite3.Row
            row = database.execute(
                "SELECT * FROM calls WHERE request_id = ?", [reply.headers["x-ca-request-id"]]
            ).fetchone()
        return dict(row) if row is not None else None

    found: dict[str, object] = until(find, "the call record")
    return found


# --- authorizations


def test_a_call_reaches_the_authorized_port_and_no_other(site: Site) -> None:
    before, connections = site.heard(), site.connections()
    for value in ("a", "@127.0.0.1:22", f"@127.0.0.1:{site.second.port}%2F", "..%2f..%2f"):
        assert site.ask(f"/vpc-inner/{value}").status == 200
    assert site.heard() == (before[0] + 4, before[1])
    assert site.connections()[1] == connections[1]
    for raw in site.first.heard[-4:]:
        assert f"\r\nHost: 127.0.0.1:{site.first.port}\r\n".encode() in raw
        assert raw.startswith(b"GET /to/")


def test_an_authorization_that_is_taken_back_stops_the_next_call(site: Site) -> None:
    assert site.ask("/vpc-inner/a").status == 200
    site.take_back()
    site.load_again()
    before, connections = site.heard(), site.connections()
    refused = [site.ask("/vpc-inner/a", method) for method in ("GET", "POST", "DELETE")]
    for reply in refused:
        denied(reply)
    assert (site.heard(), site.connections()) == (before, connections)
    record = record_of(site, refused[0])
    assert (record["status"], record["error_code"]) == (504, "X504VE")
    assert (record["refused_by"], record["api_name"]) == ("Resolution", "vpc-inner")
    assert record["error_message"] == "Backend service vpc mapped failed"
    assert "inner" in str(record["detail"])
    assert (record["backend_status"], record["backend_ms"]) == (0, 0.0)
    assert site.ask("/vpc-other/a").status == 200
    assert site.ask("/plain").status == 200
    site.authorize(site.first.port)
    site.load_again()
    assert site.ask("/vpc-inner/a").status == 200


def test_an_authorization_for_another_port_leads_the_next_call_there(site: Site) -> None:
    assert site.ask("/vpc-inner/a").status == 200
    site.authorize(site.second.port)
    site.load_again()
    before = site.heard()
    for method in ("GET", "POST"):
        assert site.ask("/vpc-inner/a", method).status == 200
    assert site.heard() == (before[0], before[1] + 2)
    assert f"Host: 127.0.0.1:{site.second.port}".encode() in site.second.heard[-1]
    site.authorize(site.first.port)
    site.load_again()
    assert site.ask("/vpc-inner/a").status == 200
    assert site.heard()[1] == before[1] + 2


def test_an_authorization_under_another_name_is_none(site: Site) -> None:
    site.take_back()
    site.authorize(site.first.port, "inner2")
    site.load_again()
    before = site.heard()
    denied(site.ask("/vpc-inner/a"))
    assert site.heard() == before
    site.take_back("inner2")
    site.authorize(site.first.port)
    site.load_again()
    assert site.ask("/vpc-inner/a").status == 200


def test_an_instance_that_leads_to_no_backend_is_refused(site: Site) -> None:
    before = site.connections()
    began = time.perf_counter()
    reply = site.ask("/vpc-metadata/a")
    denied(reply)
    assert time.perf_counter() - began < SOON_S
    assert site.connections() == before
    assert record_of(site, reply)["refused_by"] == "VpcAllowList"


# --- names and addresses


@pytest.mark.parametrize("name", NO_BACKENDS)
def test_an_address_of_no_backend_is_refused_and_not_connected_to(site: Site, name: str) -> None:
    before = site.connections()
    began = time.perf_counter()
    reply = site.ask(f"/{name}")
    assert_refused(reply, "D504IL", "Backend service invalid address")
    assert time.perf_counter() - began < SOON_S
    assert site.connections() == before
    assert record_of(site, reply)["refused_by"] == "VpcAllowList"


def test_a_name_without_an_address_is_refused(site: Site) -> None:
    assert_refused(site.ask("/nowhere"), "D504IL", "Backend service invalid address")


def test_a_name_is_resolved_once_a_call_and_its_checked_address_connected_to(site: Site) -> None:
    """DNS rebinding: what a name resolves to a moment later leads nowhere."""
    names, asked = site.project.folder / "names", site.project.folder / "asked"
    before = site.heard()
    names.write_text(NAMES + "rebinding.test 127.0.0.1\n")
    asked.write_text("")
    assert site.ask("/rebinding").status == 200
    assert asked.read_text() == "rebinding.test\n"
    names.write_text(NAMES + "rebinding.test 169.254.169.254\n")
    assert_refused(site.ask("/rebinding"), "D504IL", "Backend service invalid address")
    assert asked.read_text() == "rebinding.test\n" * 2
    assert site.heard() == (before[0] + 1, before[1])


def test_where_networks_are_named_only_accesses_lead_beyond_them(site: Site) -> None:
    settings = site.project.folder / "definitions/gateway.yaml"
    text = settings.read_text()
    settings.write_text(text + "backends: {networks: [10.0.0.0/8, '::1/128']}\n")
    loads = site.loads()
    script = site.project.folder / "gateway.py"
    put(script, script.read_text() + "\n")
    until(lambda: site.loads() > loads, "loaded again")
    until(lambda: site.ask("/vpc-inner/a").status == 200, "served again")
    before = site.heard()
    assert_refused(site.ask("/plain"), "D504IL", "Backend service invalid address")
    assert site.heard() == before
    settings.write_text(text + "backends: {networks: [127.0.0.1/32]}\n")
    site.load_again()
    settings.write_text(text)
    site.load_again()


# --- what an authorization may hold


def test_check_tells_where_an_authorization_is_wrong(tmp_path: Path) -> None:
    project = Definitions(tmp_path / "project", free_port())
    project.begin()
    define(project, free_port())
    for number, (name, vpc, instance, port, host) in enumerate(
        (
            ("1st-instance", "vpc-000001", "i-000001", "80", "a.test"),
            ("abc", "vpc-000001", "i-000002", "80", "a.test"),
            ("good-one", "1vpc-00001", "i-000003", "80", "a.test"),
            ("good-two", "vpc-0", "i-000004", "80", "a.test"),
            ("good-three", "vpc-000001", "i" * 31, "80", "a.test"),
            ("good-four", "vpc-000001", "i 00005", "0", "a.test"),
            ("good-five", "vpc-000001", "i-000006", "65536", "a.test"),
            ('"good-six\\n"', '"vpc-000001\\n"', "i-000007", '"80"', "a.test"),
            ("good-seven", "vpc-000001", "i-000008", "80", "http://a.test"),
            ("good-eight", "vpc-000001", "i-000009", "80", "a.test:80"),
        )
    ):
        project.write(
            f"policies/vpc-access/bad{number}.yaml",
            f"name: {name}\nvpc_id: {vpc}\ninstance_id: {instance}\nport: {port}\nhost: {host}\n",
        )
    done = subprocess.run(
        [sys.executable, "-m", "apigateway.cli", "check"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "addons"),
            "APIGATEWAY_DEFINITIONS": str(project.folder / "definitions"),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    output = done.stdout + done.stderr
    places = [
        line.split(": ")[0].removeprefix("policies/vpc-access/")
        for line in output.splitlines()
        if line.startswith("policies/vpc-access/")
    ]
    assert done.returncode == 1
    assert places == [
        "bad0.yaml:1:7",
        "bad1.yaml:1:7",
        "bad2.yaml:2:9",
        "bad3.yaml:2:9",
        "bad4.yaml:3:14",
        "bad5.yaml:3:14",
        "bad5.yaml:4:7",
        "bad6.yaml:4:7",
        "bad7.yaml:1:7",
        "bad7.yaml:2:9",
        "bad7.yaml:4:7",
        "bad8.yaml:5:7",
        "bad9.yaml:5:7",
    ], output
