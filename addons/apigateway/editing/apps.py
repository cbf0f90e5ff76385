"""The file of an app, and what it grows out of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apigateway.definition.shape import misfits
from apigateway.editing.editor import Editor
from apigateway.editing.files import Edit, NotEdited, content_at
from apigateway.editing.references import references_of
from apigateway.editing.secret_values import files_named, secret_edit


def file_of_app(editor: Editor, app: str) -> Path:
    """
    Raises: NotEdited, no file declares it.
    """
    for place in editor.places().apps:
        data = editor.data(place.path)
        if isinstance(data, dict) and data.get("name") == app:
            return place.path
    raise NotEdited(f'no file in {editor.shown(editor.definitions)}/apps declares the app "{app}"')


def create_app(editor: Editor, declared: Mapping[str, Any], secrets: Mapping[str, str]) -> Path:
    """Write a new app, and its `secrets` into files of their own: `<name>.secret`, `<name>.code`.

    Raises: DefinitionError, NotEdited.
    """
    name = declared["name"]
    document = {**declared, **{key: f"file:{name}.{key}" for key in secrets}}
    for misfit in misfits("app", document):
        raise NotEdited(f"{misfit.what}; {misfit.mend}")
    folder = editor.definitions / "apps"
    path = folder / f"{name}.yaml"
    beside = [secret_edit(folder / f"{name}.{key}", value) for key, value in secrets.items()]
    for place in (path, *(edit.path for edit in beside)):
        if place.exists():
            raise NotEdited(f"{editor.shown(place)} is there already; remove or rename it")
    editor.make(editor.edit(path, document), beside=beside)
    return path


def removal_of_app(editor: Editor, app: str) -> tuple[Edit, list[Path]]:
    """The edit after which nothing declares the app, and the files that only it names, which are
    to be removed behind it.

    Raises: NotEdited.
    """
    path = file_of_app(editor, app)
    own = [
        path.parent / reference.name
        for reference in references_of("app", editor.data(path))
        if reference.secret and "/" not in reference.name
    ]
    others = {named.resolve() for other, named in files_named(editor) if other != path}
    files = [file for file in own if file.resolve() not in others]
    return Edit(path=path, before=content_at(path), after=None), files
