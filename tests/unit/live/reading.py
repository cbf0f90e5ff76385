"""A reader without files, and a store, for the tests of a load."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from unit.definition.sample import sample_project

from apigateway.definition.problems import DefinitionError, Problem
from apigateway.definition.project import Project

NOW_MS = 1_700_000_000_000

SAMPLE = sample_project()
BROKEN = DefinitionError((Problem("definitions/gateway.yaml", 3, 1, "wrong", "mend it"),))


def edited(old: str = "3, minimum: 1", new: str = "4, minimum: 1") -> Project:
    """The sample with another GetForecast, read at the same place."""
    return replace(sample_project(edit=(old, new)), settings=SAMPLE.settings)


@dataclass
class Written:
    """A reader that gives `project`, or the problems `broken`. It counts."""

    project: Project = SAMPLE
    broken: DefinitionError | None = None
    reads: int = 0
    kept: int = 0
    files: frozenset[Path] = field(default_factory=frozenset)

    def read(self) -> Project:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return self.project

    def keep(self) -> None:
        self.kept += 1
