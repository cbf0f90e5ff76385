"""What a wheel holds besides Python: everything that the package reads of itself."""

import tomllib
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "addons" / "apigateway"


def test_every_file_of_the_package_that_is_not_python_is_packed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".py"]
    read = [path.name for path in files if "__pycache__" not in path.parts]
    assert {"gateway.json", "take.lua", "py.typed"} <= set(read)
    assert not [name for name in read if not any(fnmatch(name, glob) for glob in patterns)]


def plain(name: str) -> str:
    """The name of a package in its one form (PEP 503)."""
    return name.lower().replace("_", "-")


def test_every_dependency_is_pinned_for_every_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {plain(name.partition("==")[0].partition(">=")[0]) for name in wanted}
    for constraints in (ROOT / "constraints").glob("py*.txt"):
        lines = constraints.read_text(encoding="utf-8").splitlines()
        pinned = {plain(line.partition("==")[0]) for line in lines if "==" in line}
        assert not names - pinned, constraints.name
