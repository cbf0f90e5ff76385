"""A small good project in a folder, to be made worse by a test.

`§` in a text marks where a problem is expected and is taken out before the text is written.
"""

from pathlib import Path
from textwrap import dedent

from apigateway.definition.load import Project, load_project
from apigateway.definition.problems import DefinitionError

GATEWAY = "definitions/gateway.yaml"
GROUP = "definitions/weather/group.yaml"
API = "definitions/weather/get-forecast.yaml"
APP = "definitions/apps/demo.yaml"
THROTTLING = "policies/throttling/standard.yaml"
KEY = "policies/signature-keys/backend.yaml"
VPC = "policies/vpc-access/notes.yaml"
IP_CONTROL = "policies/ip-control/office.yaml"
BACKEND_TLS = "policies/backend-tls/internal.yaml"
GRANTS = "policies/grants.yaml"
BINDINGS = "policies/bindings.yaml"

GOOD = {
    GATEWAY: 'account: "1001"\nregion: cn-hangzhou\n',
    GROUP: "name: weather\nsubdomain: weather.test\n",
    API: """\
        name: GetForecast
        request:
          method: GET
          path: /forecast/[city]
          parameters:
            - {name: city, in: path}
            - {name: days, in: query, type: Int, default: 3}
        backend: {type: http, address: "http://127.0.0.1:9000", path: "/v3/[city]"}
        """,
    APP: 'name: demo\nkey: "203753385"\nsecret: env:DEMO_SECRET\n',
    THROTTLING: "name: standard\nunit: minute\napi: 600\n",
    KEY: "name: backend\nkey: BackendKey\nsecret: env:BACKEND_SECRET\n",
    VPC: "{name: notes, vpc_id: vpc-000001, instance_id: i-000001, port: 9000, host: 127.0.0.1}\n",
    IP_CONTROL: "name: office\nallow: [10.0.0.0/8]\n",
    GRANTS: "- {app: demo, group: weather, apis: [GetForecast]}\n",
    BINDINGS: "throttling:\n  - {policy: standard, group: weather, apis: '*'}\n",
}
ENVIRON = {"DEMO_SECRET": "MySuperAppSecret-42", "BACKEND_SECRET": "BackendSecret-1"}

SIMPLE_API = """\
name: {name}
request: {{method: {method}, path: {path}}}
backend: {{type: mock}}
"""


class Written:
    """The project on disk. Expected problems collect from the marks of what is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = dict(ENVIRON)
        self.marks: list[str] = []
        for path, text in GOOD.items():
            self.write(path, text)

    def write(self, path: str, marked: str) -> "Written":
        text = dedent(marked)
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            while "§" in line:
                self.marks.append(f"{path}:{number}:{line.index('§') + 1}")
                line = line.replace("§", "", 1)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("§", ""), "utf-8")
        return self

    def remove(self, path: str) -> "Written":
        (self.root / path).unlink()
        return self

    def load(self) -> Project:
        return load_project(self.root / "definitions", self.root / "policies", self.environ)

    def problems(self) -> list[str]:
        """What is wrong, one line each; nothing when it loads."""
        try:
            self.load()
        except DefinitionError as error:
            return [str(problem) for problem in error.problems]
        return []

    def warnings(self) -> list[str]:
        return [str(problem) for problem in self.load().warnings]

    def expected(self, *messages: str) -> list[str]:
        """The marks, in the order of writing, each with its message."""
        return [f"{mark}: {message}" for mark, message in zip(self.marks, messages, strict=True)]


def api(
    *,
    parameters: str = "",
    request: str = "method: POST, path: /a",
    backend: str = "type: http, address: 'http://127.0.0.1:9000', path: /b",
    more: str = "",
) -> str:
    """An API in few lines: its request and backend as flow mappings, parameters one a line."""
    listed = "".join(f"\n    - {{{line.strip()}}}" for line in parameters.strip().splitlines())
    return (
        "name: TestApi\n"
        "request:\n"
        + "".join(f"  {part.strip()}\n" for part in request.split(", "))
        + (f"  parameters:{listed}\n" if listed else "")
        + "backend:\n"
        + "".join(f"  {part.strip()}\n" for part in backend.split(", "))
        + more
    )
