"""The samples in a folder of their own, with the commands that release them."""

import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from apigateway.cli import main
from apigateway.definition.load import load_project
from apigateway.lifecycle.plan import make_plan
from apigateway.lifecycle.release import carry_out
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.store.door import StoreDoor

ROOT = Path(__file__).resolve().parents[3]
NOW_MS = 1_700_000_000_000
FIRST = "20231114221320000"


class Samples:
    """The samples, edited and released by a test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("definitions", "policies"):
            shutil.copytree(ROOT / name, root / name)

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text in `definitions/<name>.yaml`."""
        path = self.root / "definitions" / f"{name}.yaml"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")

    def release(
        self,
        *names: str,
        by: str = "ann",
        now_ms: int = NOW_MS,
        environment: Environment = Environment.RELEASE,
    ) -> None:
        """Release these APIs, or all, as somebody else would."""
        project = load_project(self.root / "definitions", self.root / "policies")
        door = StoreDoor()
        door.open(project.settings)
        apis = [api for api in project.apis if not names or api.name in names]
        plan = make_plan(project, door.releases.current(), environment, apis)
        carry_out(plan, project, door.releases, note="why", by=by, now_ms=now_ms)
        door.close()

    def served(self, environment: Environment = Environment.RELEASE) -> dict[str, Release]:
        project = load_project(self.root / "definitions", self.root / "policies")
        door = StoreDoor()
        door.open(project.settings)
        current = door.releases.current()
        door.close()
        return {one.api: one for one in current if one.environment is environment}

    def run(self, command: str, *words: str, answer: str | None = None) -> Result:
        options = ["--definitions", str(self.root / "definitions")]
        return CliRunner().invoke(main, [command, *words, *options], input=answer)
