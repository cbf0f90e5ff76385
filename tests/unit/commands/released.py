"""A copy of the samples with a store, and the command on it."""

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from apigateway.cli import main
from apigateway.definition.load import load_project
from apigateway.definition.project import Project
from apigateway.lifecycle.start import publishing, release_at_start
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.store.door import StoreDoor

ROOT = Path(__file__).resolve().parents[3]
RELEASE, TEST = Environment.RELEASE, Environment.TEST


class Released:
    """The samples in `folder`, released to RELEASE."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("definitions", "policies"):
            shutil.copytree(ROOT / name, folder / name)
        door = self.open()
        release_at_start(door.releases, self.project, now_ms())
        door.close()

    @property
    def project(self) -> Project:
        return load_project(self.folder / "definitions", self.folder / "policies")

    def open(self) -> StoreDoor:
        door = StoreDoor()
        door.open(self.project.settings)
        return door

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new))

    def release(self, api: str, environment: Environment = RELEASE) -> str:
        """Release a draft beside the command; returns its version."""
        door = self.open()
        draft = next(one for one in self.project.apis if one.name == api)
        (made,) = door.releases.apply(
            [publishing(draft, environment)], note="by hand", by="someone", now_ms=now_ms()
        )
        door.close()
        assert made is not None
        return made.version

    def served(self) -> dict[tuple[str, str], Release]:
        door = self.open()
        found = {(one.api, one.environment.value): one for one in door.releases.current()}
        door.close()
        return found

    def audit(self, **only: Any) -> Sequence[AuditEntry]:
        door = self.open()
        found = door.audit.entries(**only)
        door.close()
        return found

    def run(self, *words: str, by: str | None = "me", answer: str | None = None) -> Result:
        folder = str(self.folder / "definitions")
        given = [*words, "--definitions", folder, *(["--by", by] if by else [])]
        return CliRunner().invoke(main, given, color=False, input=answer)

    def json(self, *words: str, by: str | None = "me", exit_code: int = 0) -> Any:
        done = self.run(*words, "--json", by=by)
        assert done.exit_code == exit_code, done.output
        return json.loads(done.stdout)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
