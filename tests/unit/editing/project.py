"""A small project on disk with secrets in files, and an editor of it."""

from pathlib import Path

from unit.definition.written import APP, BINDINGS, GRANTS, KEY, Written

from apigateway.editing.editor import Editor

__all__ = ["APP", "BINDINGS", "GRANTS", "KEY", "make_project", "text_at"]

SECOND = "definitions/weather/get-status.yaml"


def make_project(root: Path) -> Editor:
    """An app `demo` with a secret, a signature key `backend` with one, two APIs of `weather`."""
    written = Written(root)
    written.write(
        APP, '# who calls\nname: demo\nkey: "203753385"  # AppKey\nsecret: file:demo.secret\n'
    )
    written.write("definitions/apps/demo.secret", "OldAppSecret-1\n")
    written.write(KEY, "name: backend\nkey: OldKey1\nsecret: file:backend.secret  # beside\n")
    written.write("policies/signature-keys/backend.secret", "OldSecret-1\n")
    written.write(
        SECOND,
        "name: GetStatus\nrequest: {method: GET, path: /status}\nbackend: {type: mock}\n",
    )
    written.write(
        GRANTS,
        """\
        # who may call what
        - {app: demo, group: weather, apis: [GetForecast]}  # one
        """,
    )
    written.write(
        BINDINGS,
        """\
        throttling:
          - {policy: standard, group: weather, apis: [GetForecast, GetStatus]}
        # how the gateway signs
        signature_keys:
          - {policy: backend, group: weather, apis: "*"}
        """,
    )
    return Editor(root / "definitions", root / "policies", environ={})


def text_at(root: Path, name: str) -> str:
    return (root / name).read_text()
