"""The sample definitions as a project, with one edit."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from apigateway.definition.load import load_project
from apigateway.definition.project import Project
from apigateway.model.settings import AutoRelease

ROOT = Path(__file__).resolve().parents[3]


def sample_project(
    *, auto_release: AutoRelease = AutoRelease.FIRST, edit: tuple[str, str] | None = None
) -> Project:
    """`edit` replaces text in get-forecast.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("definitions", "policies"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        if edit is not None:
            path = Path(folder) / "definitions" / "weather" / "get-forecast.yaml"
            text = path.read_text()
            assert edit[0] in text
            path.write_text(text.replace(*edit))
        project = load_project(Path(folder) / "definitions", Path(folder) / "policies")
    return replace(project, settings=replace(project.settings, auto_release=auto_release))
