"""Edits of a project: first what they would make of it, then the edits, one file at a time."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apigateway.definition.places import Places, find_files
from apigateway.definition.problems import DefinitionError, Problem, Report
from apigateway.definition.reader import ProjectReader
from apigateway.editing.files import Edit, NotEdited, carry_out, content_at
from apigateway.editing.lock import PATIENCE_S, lock_of, only_editor
from apigateway.editing.spans import Unsuited
from apigateway.editing.text import data_of, revised, written
from apigateway.model.settings import GatewaySettings


class Editor:
    """The folders of one project, in the hands of whoever holds its lock (`open_editor`)."""

    def __init__(
        self, definitions: Path, policies: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.definitions = Path(os.path.abspath(definitions))
        self.policies = Path(os.path.abspath(policies))
        self._edited: dict[Path, bytes | None] = {}
        self._reader = ProjectReader(
            self.definitions, self.policies, cached=True, environ=environ, edited=self._edited
        )

    def places(self) -> Places:
        """Every file by its kind, as it is now."""
        return find_files(self.definitions, self.policies, Report())

    def shown(self, path: Path) -> str:
        """A file as problems name it: `definitions/apps/demo.yaml`."""
        for folder in (self.definitions, self.policies):
            if path.is_relative_to(folder):
                return str(Path(folder.name, path.relative_to(folder)))
        return str(path)

    def data(self, path: Path) -> Any:
        """What a YAML file holds; None where there is none.

        Raises: NotEdited.
        """
        content = content_at(path)
        try:
            return None if content is None else data_of(content)
        except Unsuited as unsuited:
            raise NotEdited(f"{self.shown(path)}: {unsuited}") from None

    def edit(self, path: Path, data: Any) -> Edit:
        """The edit after which the YAML file holds `data`, a list or mapping; a file that is not
        there is made.

        Raises: NotEdited.
        """
        before = content_at(path)
        if before is None:  # a folder that is not there is not looked into
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            after = written(data) if before is None else revised(before, data)
        except Unsuited as unsuited:
            raise NotEdited(
                f"{self.shown(path)} cannot be changed by a command: {unsuited}; change it by hand"
            ) from None
        return Edit(path=path, before=before, after=after)

    def check(self, *edits: Edit) -> None:
        """
        Raises: DefinitionError with the problems that the edits would bring, if there are any.
        """
        try:
            self._read({edit.path: edit.after for edit in edits})
        except DefinitionError as error:
            if new := self._new_ones(error.problems):
                raise DefinitionError(new) from None

    def make(self, *edits: Edit, beside: Sequence[Edit] = ()) -> None:
        """Make the edits one after the other; each state between them must be a good one too.

        What is `beside`, such as the file of a new secret, is named by nothing that is there yet:
        it comes first, so that the edits can be checked, and goes when they are refused.

        Raises:
            DefinitionError: the problems that an edit would bring; nothing was changed.
            NotEdited: those before the one that failed have been made.
        """
        wanted = [edit for edit in edits if edit.before != edit.after]
        done: list[Edit] = []
        try:
            for edit in beside:
                carry_out(edit)
                done.append(edit)
            for number in range(1, len(wanted) + 1):
                self.check(*wanted[:number])
        except (DefinitionError, NotEdited):
            for edit in reversed(done):
                carry_out(Edit(path=edit.path, before=edit.after, after=edit.before))
            raise
        for edit in wanted:
            carry_out(edit)

    def _read(self, edited: Mapping[Path, bytes | None]) -> None:
        self._edited.clear()
        self._edited.update(edited)
        self._reader.read()

    def _new_ones(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Those that are not there without the edits."""
        try:
            self._read({})
        except DefinitionError as error:
            known = {(problem.file, problem.what) for problem in error.problems}
            return tuple(one for one in problems if (one.file, one.what) not in known)
        return problems


@contextlib.contextmanager
def open_editor(
    definitions: Path,
    policies: Path,
    settings: GatewaySettings,
    by: str,
    *,
    environ: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> Iterator[Editor]:
    """The project in the hands of `by` alone, who waits at most `patience_s` for somebody else.

    Raises: NotEdited.
    """
    with only_editor(lock_of(settings), by, patience_s):
        yield Editor(definitions, policies, environ)
