"""The projects that are measured: the samples with their limits out of the way, or thousands of
APIs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from scripts.lib import many_apis

ROOT = Path(__file__).resolve().parents[2]
TLS_NAME = "api.weather.localhost"
SAMPLE_PORT = "9000"
NO_LIMIT = 1_000_000_000

POLICY = """\
name: forecast-standard
region: cn-hangzhou
unit: day
api: {ceiling}
user: {ceiling}
app: {ceiling}
"""

CERTIFICATE = """\
  - name: api.weather.localhost
    certificate:
      name: api_weather_localhost
      chain: file:../../certificates/api.weather.localhost.pem
      key: file:../../certificates/api.weather.localhost.key
"""


class Project(Enum):
    """Which definitions the gateway serves."""

    OPEN = "the samples, every API with a limit that is never reached"
    FULL = "the samples, with a limit of one call a day"
    MANY = "10,000 APIs in 50 groups"


def write_project(folder: Path, project: Project, backend_port: int, *, tls: bool) -> None:
    if project is Project.MANY:
        many_apis.write_project(folder, port=backend_port, auto="always")
        return
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    for path in folder.rglob("*.yaml"):
        path.write_text(path.read_text().replace(SAMPLE_PORT, str(backend_port)))
    _lift_limits(folder, ceiling=1 if project is Project.FULL else NO_LIMIT)
    if tls:
        _add_certificate(folder)


def _lift_limits(folder: Path, ceiling: int) -> None:
    settings = folder / "definitions" / "gateway.yaml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("limits")]
    lines.append(f"limits: {{client_ip_per_second: {NO_LIMIT}}}")
    settings.write_text("\n".join(lines) + "\n")
    for group in ("weather", "accounts"):
        path = folder / "definitions" / group / "group.yaml"
        text = re.sub(r"(?m)^traffic_limit:.*\n", "", path.read_text())
        path.write_text(f"{text}\ntraffic_limit: {NO_LIMIT}\n")
    policies = folder / "policies"
    (policies / "throttling" / "forecast-standard.yaml").write_text(POLICY.format(ceiling=ceiling))
    bindings = policies / "bindings.yaml"
    bound = "".join(
        f'  - {{policy: forecast-standard, group: {group}, apis: "*"}}\n'
        for group in ("weather", "accounts")
    )
    text = re.sub(r"(?m)^throttling:\n(  .*\n)*", f"throttling:\n{bound}", bindings.read_text())
    bindings.write_text(text)


def _add_certificate(folder: Path) -> None:
    words = [sys.executable, "-m", "apigateway.cli", "cert", "dev", TLS_NAME]
    words += ["--definitions", str(folder / "definitions"), "--out", str(folder / "certificates")]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"no certificate was made: {done.stderr or done.stdout}")
    group = folder / "definitions" / "weather" / "group.yaml"
    domain = rf"(?m)^  - {re.escape(TLS_NAME)}.*\n"
    group.write_text(re.sub(domain, CERTIFICATE, group.read_text()))


def project_options(folder: Path) -> Sequence[str]:
    """mitmdump's arguments for a project in a folder."""
    return [
        *("--set", f"gateway_definitions={folder / 'definitions'}"),
        *("--set", f"gateway_policies={folder / 'policies'}"),
        *("--set", f"confdir={folder / 'confdir'}"),
    ]
