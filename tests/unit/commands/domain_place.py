"""The samples in a folder of their own, with DNS, for the commands about domains."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from dns_server import DnsServer, dns_server

from apigateway.cli import main
from apigateway.definition.load import load_project
from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Group
from apigateway.store.door import StoreDoor

ROOT = Path(__file__).resolve().parents[3]
DOMAIN, SUBDOMAIN = "api.weather.localhost", "weather.apigw.localhost"
OTHER = "api.accounts.localhost"
DAY_MS = 86_400_000


@dataclass
class Place:
    """The samples in a folder of their own, and DNS."""

    folder: Path
    server: DnsServer

    def run(self, *words: str) -> Result:
        folder = str(self.folder / "definitions")
        arguments = ["domains", *words, "--definitions", folder]
        return CliRunner().invoke(main, arguments, color=False, env={"COLUMNS": "200"})

    def shown(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        return json.loads(done.stdout)

    def settings(self, **changes: Any) -> None:
        """Write `domains` of gateway.yaml; the DNS server is always the test's own."""
        path = self.folder / "definitions/gateway.yaml"
        head = path.read_text().partition("\ndomains:")[0].rstrip()
        said = {"resolvers": [self.server.text], "timeout_seconds": 40, **changes}
        path.write_text(f"{head}\ndomains: {json.dumps(said)}\n")

    def group(self, name: str = "weather") -> Group:
        project = load_project(self.folder / "definitions", self.folder / "policies")
        (group,) = (one for one in project.groups if one.name == name)
        return group

    @property
    def store(self) -> StoreDoor:
        door = StoreDoor()
        door.open(load_project(self.folder / "definitions", self.folder / "policies").settings)
        return door

    def recorded(self) -> dict[str, DomainBinding]:
        door = self.store
        try:
            return {binding.domain: binding for binding in door.domain_bindings.all()}
        finally:
            door.close()

    def record(self, *bindings: DomainBinding) -> None:
        door = self.store
        try:
            door.domain_bindings.record(bindings)
        finally:
            door.close()

    def audit(self) -> list[AuditEntry]:
        """Oldest first."""
        door = self.store
        try:
            return list(reversed(door.audit.entries()))
        finally:
            door.close()

    def certify(self) -> None:
        """Give DOMAIN a certificate, and the environment TEST."""
        made = CliRunner().invoke(
            main, ["cert", "dev", DOMAIN, "--out", str(self.folder / "certificates")]
        )
        assert made.exit_code == 0, made.output
        group = self.folder / "definitions/weather/group.yaml"
        certificate = {
            "name": "api_weather",
            "chain": f"file:../../certificates/{DOMAIN}.pem",
            "key": f"file:../../certificates/{DOMAIN}.key",
        }
        item = {"name": DOMAIN, "environment": "TEST", "certificate": certificate}
        text = group.read_text().partition("domains:")[0]
        group.write_text(f"{text}domains: {json.dumps([item])}\n")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """With `verify: cname`, and a DNS server that knows no name yet."""
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    with dns_server({}) as server:
        place = Place(folder, server)
        place.settings(verify="cname")
        yield place
