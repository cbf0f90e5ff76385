"""What is released in one environment, as a project of its own that can be served elsewhere.

Its drafts are the released documents. Groups, apps, policies, grants and bindings are copied as
far as they are about those, with their comments; files that definitions name come along, secret
ones only when asked for.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apigateway.definition.load import load_project
from apigateway.definition.places import Place
from apigateway.definition.project import Project
from apigateway.editing.apis import api_edit
from apigateway.editing.editor import Editor
from apigateway.editing.entries import Entry
from apigateway.editing.files import NotEdited, content_at
from apigateway.editing.references import references_of, with_reference
from apigateway.editing.spans import Unsuited
from apigateway.editing.text import data_of, revised
from apigateway.model.group import Environment
from apigateway.model.release import Release


@dataclass(slots=True)
class Export:
    """Files by their place in the new project; `secret` ones are not part of it by themselves."""

    files: dict[Path, bytes] = field(default_factory=dict)
    secret: dict[Path, bytes] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def releases_to_export(
    project: Project, current: Iterable[Release], environment: Environment
) -> tuple[list[Release], list[str]]:
    """What is served in the environment, and what is released there but not served: an API that
    is no longer declared has no grants and no bindings."""
    declared = {api.id for api in project.apis}
    here = [release for release in current if release.environment is environment]
    gone = [release for release in here if release.api_id not in declared]
    return (
        [release for release in here if release.api_id in declared],
        [f"{one.group}/{one.api} is no longer declared, and left out" for one in gone],
    )


def make_export(
    editor: Editor, project: Project, releases: Sequence[Release], environment: Environment
) -> Export:
    """
    Raises: NotEdited.
    """
    return _Exporting(editor, project, releases, environment).run()


class _Exporting:
    def __init__(
        self,
        editor: Editor,
        project: Project,
        releases: Sequence[Release],
        environment: Environment,
    ) -> None:
        self._editor = editor
        self._drafts = {api.id: api for api in project.apis}
        self._releases = releases
        self._environment = environment
        self._names: dict[str, set[str]] = {}
        for release in releases:
            self._names.setdefault(release.group, set()).add(release.api)
        self._export = Export()

    def run(self) -> Export:
        places = self._editor.places()
        if places.gateway is not None:
            self._settings(places.gateway)
        for group in places.groups:
            if group.group is not None:
                data = self._editor.data(group.group.path)
                if data["name"] in self._names:
                    self._copy("group", group.group.path)
        for release in self._releases:
            self._api(release)
        for place in places.apps:
            self._copy("app", place.path)
        for kind, found in places.policies.items():
            for place in found:
                self._copy(kind, place.path)
        self._links(places.grants, self._grants)
        self._links(places.bindings, self._bindings)
        return self._export

    def _settings(self, place: Place) -> None:
        """A start of the new project is to release what this one has released."""
        data = self._editor.data(place.path)
        auto = data.get("releases", {}).get("auto", "first")
        wanted = {"auto": "first" if auto == "never" else auto}
        where = [self._environment.value]
        if where != ["RELEASE"] or data.get("releases", {}).get("environments", where) != where:
            wanted["environments"] = where
        old = data.get("releases", {})
        new = {**old, **wanted}
        if {"auto": "first", "environments": ["RELEASE"], **old} != {
            "auto": "first",
            "environments": ["RELEASE"],
            **new,
        }:
            data = {**data, "releases": new}
        store = data.get("store", "")
        shown = store.get("url", "") if isinstance(store, dict) else store
        if "://" in shown or os.path.isabs(shown):
            self._export.notices.append(
                f"gateway.yaml names the store {shown}, which this gateway uses too: name another "
                "one where the two must not share it"
            )
        self._put("gateway", place.path, content_at(place.path) or b"", data)

    def _api(self, release: Release) -> None:
        draft = self._drafts[release.api_id]
        edit = api_edit(self._editor, release.group, release.document, draft)
        assert edit.after is not None
        self._put("api", edit.path, edit.after, data_of(edit.after))

    def _copy(self, kind: str, path: Path) -> None:
        self._put(kind, path, content_at(path) or b"", self._editor.data(path))

    def _links(self, place: Place | None, left: Any) -> None:
        if place is not None:
            data = left(self._editor.data(place.path))
            self._put("links", place.path, content_at(place.path) or b"", data)

    def _grants(self, entries: Sequence[Entry]) -> list[Entry]:
        return list(self._known(entries))

    def _bindings(self, data: Mapping[str, Sequence[Entry]]) -> dict[str, list[Entry]]:
        return {kind: list(self._known(entries)) for kind, entries in data.items()}

    def _known(self, entries: Sequence[Entry]) -> Iterator[Entry]:
        """The entries about what is exported."""
        for entry in entries:
            names = self._names.get(entry["group"])
            if names is None:
                continue
            if entry["apis"] == "*":
                yield entry
            elif left := [name for name in entry["apis"] if name in names]:
                yield {**entry, "apis": left}

    def _put(self, kind: str, path: Path, content: bytes, data: Any) -> None:
        """The file at `path` in the new project, with all that it names."""
        place = self._place_of(path)
        for reference in references_of(kind, data):
            source = path.parent / reference.name
            found = content_at(source)
            if found is None:
                raise NotEdited(f"{self._editor.shown(path)}: {reference.name} is not there")
            target, name = self._target(place, reference.name, found)
            (self._export.secret if reference.secret else self._export.files)[target] = found
            if name != reference.name:
                data = with_reference(data, reference.keys, name)
        try:
            self._export.files[place] = revised(content, data)
        except Unsuited as unsuited:
            raise NotEdited(f"{self._editor.shown(path)}: {unsuited}") from None

    def _place_of(self, path: Path) -> Path:
        for folder, name in (
            (self._editor.definitions, "definitions"),
            (self._editor.policies, "policies"),
        ):
            if path.is_relative_to(folder):
                return Path(name, path.relative_to(folder))
        raise NotEdited(f"{path} lies outside of the project")

    def _target(self, place: Path, name: str, content: bytes) -> tuple[Path, str]:
        """Where a named file goes, and how it is named there: where it is, within the project;
        beside the definition, from outside of it."""
        target = Path(os.path.normpath(place.parent / name))
        taken = self._export.files.get(target, self._export.secret.get(target, content))
        if not target.is_absolute() and target.parts[0] != ".." and taken == content:
            return target, name
        target = place.parent / Path(name).name
        number = 1
        while {**self._export.files, **self._export.secret}.get(target, content) != content:
            number += 1
            target = place.parent / f"{number}-{Path(name).name}"
        return target, target.name


def prove(export: Export, releases: Sequence[Release], environ: Mapping[str, str] | None) -> None:
    """Load the export, with its secrets, from a folder that is gone afterwards.

    Raises:
        DefinitionError: it does not load.
        NotEdited: an API does not say what its release says.
    """
    with tempfile.TemporaryDirectory(prefix="apigateway-export-") as folder:
        _write(Path(folder), {**export.files, **export.secret}, export.secret)
        project = load_project(Path(folder) / "definitions", Path(folder) / "policies", environ)
    found = {(api.group, api.name): api.document for api in project.apis}
    for release in releases:
        if found.pop((release.group, release.api), None) != release.document:
            raise NotEdited(f"{release.group}/{release.api} could not be written as it is released")
    if found:
        raise NotEdited(f"more than what is released was written: {sorted(found)}")


def write_export(export: Export, folder: Path, *, with_secrets: bool) -> None:
    """Put the project into `folder`, which is not there yet, or is empty: all of it or nothing.

    Raises: NotEdited.
    """
    files = {**export.files, **export.secret} if with_secrets else export.files
    folder = Path(os.path.abspath(folder))
    part = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        _write(part, files, export.secret)
        part.chmod(0o777 & ~_umask())
        part.rename(folder)  # which fails where there is something in it
    except OSError as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        raise NotEdited(f"{folder} cannot be written: {error.strerror}") from None


def _write(folder: Path, files: Mapping[Path, bytes], secret: Mapping[Path, bytes]) -> None:
    for place, content in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600 if place in secret else 0o666)
        path.write_bytes(content)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
