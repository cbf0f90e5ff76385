"""Reading a project again and again beside commands that edit it."""

from pathlib import Path

from apigateway.definition.project import Project
from apigateway.definition.reader import ProjectReader
from apigateway.editing.lock import lock_of, no_editor


class UndisturbedReader:
    """A reader that never sees one file of an edit without the others (a domain that moves stands
    in two files). The first read finds out where the lock is, and waits for nobody."""

    def __init__(self, reader: ProjectReader) -> None:
        self._reader = reader
        self._lock: Path | None = None

    def read(self) -> Project:
        """Raises: DefinitionError."""
        if self._lock is None:
            project = self._reader.read()
        else:
            with no_editor(self._lock):
                project = self._reader.read()
        self._lock = lock_of(project.settings)
        return project

    def keep(self) -> None:
        self._reader.keep()

    @property
    def files(self) -> frozenset[Path]:
        return self._reader.files

    @property
    def folders(self) -> tuple[Path, Path]:
        return self._reader.folders
