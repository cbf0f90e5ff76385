"""A project whose every version shows in many places of what the backend gets, and what a provider
does with it while it is called."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from e2e.constant_load import Target, now_ms
from e2e.running import HOST, PATIENCE_S, ROOT, Written, zone_at_noon
from ports import free_port

from apigateway.commands.cert import make_ca, make_leaf

ALPHA, BETA, MOVING, NEW = HOST, "beta.localhost", "moving.localhost", "new.localhost"
APP = ("100001", "the-secret-of-the-caller")

API = """\
name: {name}
visibility: public
auth: {{type: {auth}}}
request:
  protocols: [http, https]
  method: GET
  path: /{path}/[city]
  mode: mapping
  parameters:
    - {{name: city, in: path, type: String, required: true}}
    - {{name: d, in: query, type: String, default: {version}}}
backend:
  type: http
  address: http://127.0.0.1:{port}
  path: /{group}/{version}/[c]
  parameters:
    - {{from: city, name: c, in: path}}
    - {{from: d, name: of-{version}, in: query}}
  constants:
    - {{name: X-Version, in: header, value: {version}}}
    - {{name: {version}, in: query, value: {version}}}
"""
MARKS = 6
"""How often a version shows in one call."""

GATEWAY = """\
account: "1234567890123456"
region: cn-hangzhou
store: state/gateway.db
time_zone: {zone}
metrics: 127.0.0.1:{metrics}
limits: {{client_ip_per_second: 1000000}}
"""

POLICY = "name: a-limit\nunit: day\napi: {calls}\n"


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str
    began_ms: int
    ended_ms: int

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def target(host: str, name: str) -> Target:
    return Target(host, f"/{name}/hangzhou", APP if name == "signed" else None)


class Living(Written):
    """Two groups of APIs, an app, a limit and a certificate."""

    metrics = 0
    """The port at which metrics are."""

    def found(self) -> None:
        """Write all of it, as version v1."""
        self.metrics = free_port()
        settings = GATEWAY.format(metrics=self.metrics, zone=zone_at_noon())
        self.write("definitions/gateway.yaml", settings)
        files = "chain: file:../../tls/leaf.pem, key: file:../../tls/leaf.key"
        self.group("alpha", f"{{name: {ALPHA}, certificate: {{name: ours, {files}}}}}", MOVING)
        self.group("beta", BETA)
        for name in ("north", "south", "east", "signed", "limited"):
            self.api("alpha", name, "v1")
        self.api("beta", "north", "v1")
        self.write(
            "definitions/apps/caller.yaml",
            f'name: caller\nowner: "1"\nkey: "{APP[0]}"\nsecret: {APP[1]}\n',
        )
        self.write("policies/throttling/a-limit.yaml", POLICY.format(calls=10_000_000))
        self.write(
            "policies/bindings.yaml",
            "throttling:\n  - {policy: a-limit, group: alpha, apis: [Limited]}\n",
        )
        self.authority = make_ca(datetime.now(UTC))
        self.write("tls/ca.pem", self.authority.pem.decode())
        self.certify()

    def group(self, name: str, *domains: str) -> None:
        lines = "".join(f"  - {domain}\n" for domain in domains)
        self.write(
            f"definitions/{name}/group.yaml",
            f"name: {name}\nsubdomain: {name}.apigw.localhost\ntraffic_limit: 1000000\n"
            f"domains:\n{lines}",
        )

    def api(self, group: str, name: str, version: str) -> None:
        self.write(
            f"definitions/{group}/{name}.yaml",
            API.format(
                name=name.title(),
                auth="app" if name == "signed" else "anonymous",
                path=name,
                group=group,
                version=version,
                port=self.backend_port,
            ),
        )

    def certify(self, pause_s: float = 0.0) -> int:
        """A new certificate, its two files one after the other; returns its serial number."""
        leaf = make_leaf(self.authority, ALPHA, datetime.now(UTC), 30)
        self.write("tls/leaf.pem", leaf.pem.decode())
        time.sleep(pause_s)
        self.write("tls/leaf.key", leaf.key_pem.decode())
        (self.folder / "tls" / "leaf.key").chmod(0o600)
        return leaf.certificate.serial_number


def command(project: Written, *words: str) -> Done:
    """The command as a program of its own, which ends by itself."""
    folder = str(project.folder / "definitions")
    began_ms = now_ms()
    done = subprocess.run(
        [sys.executable, "-m", "apigateway.cli", *words, "--definitions", folder],
        cwd=ROOT / "addons",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr, began_ms, now_ms())


def released_versions(done: Done) -> dict[str, str]:
    """By name of the API, of `apigateway release --json`."""
    return {one["api"]: one["version"] for one in done.json["released"]}
