"""A process of its own for tests: `python killing.py VERB FOLDER`.

It does VERB on a fresh project again and again, in a child that is killed hard before its first
call of the system that may change a file, then before its second, and so on until one lives. For
each it prints what is left, and what is there when the same is done again, as a line of JSON.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unit.editing.project import APP, GRANTS, KEY, make_project

from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.editing.apis import removal_of_api
from apigateway.editing.apps import create_app
from apigateway.editing.bindings import bindings_without_api
from apigateway.editing.editor import Editor
from apigateway.editing.entries import EVERY, without_api
from apigateway.editing.files import NotEdited
from apigateway.editing.grants import with_grant
from apigateway.editing.secret_values import replace_values

CALLS = ("open", "write", "fsync", "fchmod", "replace", "unlink", "mkdir")


def grant(editor: Editor) -> None:
    path = editor.policies / "grants.yaml"
    editor.make(
        editor.edit(path, with_grant(editor.data(path), "demo", "weather", ["GetStatus"], EVERY))
    )


def reset(editor: Editor) -> None:
    path = editor.definitions.parent / APP
    replace_values(editor, path, {"key": "999999999"}, {"secret": "NewAppSecret-2", "code": "c0de"})


def replace_key(editor: Editor) -> None:
    path = editor.definitions.parent / KEY
    replace_values(editor, path, {"key": "NewKey2"}, {"secret": "NewSecret-2"})


def create(editor: Editor) -> None:
    create_app(editor, {"name": "phone", "key": "123456789"}, {"secret": "PhoneSecret-1"})


def delete(editor: Editor) -> None:
    grants, bindings = editor.policies / "grants.yaml", editor.policies / "bindings.yaml"
    editor.make(
        editor.edit(grants, without_api(editor.data(grants), "weather", "GetForecast")),
        editor.edit(
            bindings, bindings_without_api(editor.data(bindings), "weather", "GetForecast")
        ),
        removal_of_api(editor, "weather", "GetForecast"),
    )


VERBS: dict[str, Callable[[Editor], None]] = {
    "grant": grant,
    "reset": reset,
    "replace-key": replace_key,
    "create": create,
    "delete": delete,
}


def kill_before(number: int) -> None:
    """From now on the call of that number is the last thing that this process does."""
    left = [number]

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                if name == "write":  # half of it is in the file by then
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


def found(root: Path) -> dict[str, Any]:
    """What a gateway would read now."""
    try:
        project = load_project(root / "definitions", root / "policies", {})
    except DefinitionError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    (key,) = project.signature_keys
    return {
        "problems": [],
        "apps": {
            app.name: [app.key, app.secret.reveal(), app.code.reveal() if app.code else None]
            for app in project.apps
        },
        "signature_key": [key.key, key.secret.reveal()],
        "apis": [api.name for api in project.apis],
        "granted": sorted({grant.api for grant in project.grants}),
        "grants": (root / GRANTS).read_text(),
        "files": sorted(
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
        ),
    }


def main() -> None:
    verb, folder = sys.argv[1:]
    for number in range(1, 1000):
        root = Path(folder) / str(number)
        root.mkdir()
        editor = make_project(root)
        child = os.fork()
        if child == 0:
            kill_before(number)
            VERBS[verb](editor)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        lived = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        if not lived and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise SystemExit(f"the child ended with {status}")
        left, refused = found(root), ""
        try:
            VERBS[verb](editor)  # a person tries again
        except NotEdited as reason:
            refused = str(reason)
        print(json.dumps({"lived": lived, "left": left, "again": found(root), "refused": refused}))
        shutil.rmtree(root)
        if lived:
            return


if __name__ == "__main__":
    main()
