"""docs/tour.md, typed as it stands: what it shows is what a user sees."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.running import PATIENCE_S, ROOT, Project, backend, gateway

TOUR = ROOT / "docs" / "tour.md"
SHELL = """\
cd {folder}
exec 2>&1
scripts/apigateway() {{ {python} -m apigateway.cli "$@"; }}
"""


def commands() -> list[tuple[str, str]]:
    """Each command of the page with the output that the page shows below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", TOUR.read_text(), re.DOTALL):
        for piece in block.split("$ ")[1:] if block.startswith("$ ") else []:
            lines = piece.rstrip("\n").split("\n")
            end = next(i for i, line in enumerate(lines) if not line.endswith("\\")) + 1
            found.append(("\n".join(lines[:end]), "\n".join(lines[end:])))
    return found


def is_shown(page: str, output: str) -> bool:
    """`...` stands for anything, and so does a whole line of it."""
    pattern = ".*?".join(re.escape(part) for part in page.split("..."))
    return re.fullmatch(pattern + r"\s*", output, re.DOTALL) is not None


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="the tour uses curl")
def test_the_tour_shows_what_happens(tmp_path: Path) -> None:
    with backend(tmp_path, "--tls-port", "0") as behind:
        project = Project(tmp_path / "project", behind.port, behind.tls_port)
        with gateway(project) as running:
            script = SHELL.format(folder=tmp_path, python=sys.executable)
            for number, (command, _) in enumerate(commands()):
                typed = command.replace(":8080", f":{running.port}")
                script += f"echo; echo '=== {number}'\n{typed}\n"
            done = subprocess.run(
                ["bash", "-c", script],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT / "addons"),
                    "APIGATEWAY_DEFINITIONS": str(project.folder / "definitions"),
                },
                capture_output=True,
                text=True,
                timeout=5 * PATIENCE_S,
                check=False,
            )
    outputs = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    shown = commands()
    assert len(shown) > 15
    assert len(outputs) == len(shown), done.stdout + done.stderr
    for (command, page), output in zip(shown, outputs, strict=True):
        assert is_shown(page, output), f"{command}\n--- the page\n{page}\n--- seen\n{output}"
