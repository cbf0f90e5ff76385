"""What is wrong in a definition: where it stands, what it is, how to mend it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from apigateway.definition.stamps import Stamp, stamp_at

if TYPE_CHECKING:
    from apigateway.definition.document import Document, Key


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend. `file` is relative to the project; `line` and `column` count from 1.

    `line` is 0 for a document that came from no file (a release in the store).
    """

    file: str
    line: int
    column: int
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return _one_line(f"{place}: {self.what}; {self.mend}")


def _one_line(text: str) -> str:
    """Names come from files: no line breaks, no terminal controls, nothing endless."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


_LONGEST = 1000


class DefinitionError(Exception):
    """Every problem of one run, in the order of the files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Report:
    """Collects the errors and warnings of a run. An error stops the load, a warning does not."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @staticmethod
    def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
        """Each problem once, by file and line."""
        return tuple(sorted(set(problems)))

    def on(self, document: "Document") -> "DocumentReport":
        return DocumentReport(self, document)


@dataclass(slots=True)
class DocumentReport:
    """The report of one document. `keys` lead to the value at fault, as in `data[k1][k2]`.

    With `at_key` the problem points at the last key itself and not at its value. `beside` are the
    other files that were read for the document, each as it was before.
    """

    report: Report
    document: "Document"
    failed: bool = False
    beside: dict[Path, Stamp | None] = field(default_factory=dict)

    def error(self, what: str, mend: str, *keys: "Key", at_key: bool = False) -> None:
        self.failed = True
        self.report.errors.append(self._problem(what, mend, keys, at_key))

    def warn(self, what: str, mend: str, *keys: "Key", at_key: bool = False) -> None:
        self.report.warnings.append(self._problem(what, mend, keys, at_key))

    def note(self, path: Path) -> None:
        """What is said of the document depends on this file too; to be called before it is read."""
        if path not in self.beside:
            self.beside[path] = stamp_at(path)

    def _problem(self, what: str, mend: str, keys: "tuple[Key, ...]", at_key: bool) -> Problem:
        mark = self.document.key_mark if at_key else self.document.mark
        line, column = mark(*keys)
        return Problem(self.document.path, line, column, what, mend)
