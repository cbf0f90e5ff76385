"""What a wheel holds besides Python: everything that the package reads of itself."""

import tomllib
from collections.abc import Iterator, Set
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


CONSTRAINTS = sorted((ROOT / "constraints").glob("py*.txt"))


def pins_of(constraints: Path) -> dict[str, str]:
    lines = constraints.read_text(encoding="utf-8").splitlines()
    return {plain(name): pin for name, equals, pin in (x.partition("==") for x in lines) if equals}


def requirements_of(name: str, python: str) -> Iterator[Requirement]:
    """What a package that is installed here asks of others under another Python."""
    world: dict[str, str | Set[str]] = {"extra": "", "python_version": python}
    world["python_full_version"] = f"{python}.0"
    for line in requires(name) or ():
        found = Requirement(line)
        if found.marker is None or found.marker.evaluate(world):
            yield found


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=lambda path: path.stem)
def test_no_pin_is_what_another_one_does_not_take(constraints: Path) -> None:
    """As far as the same version is installed here, whose word that is."""
    pins, python = pins_of(constraints), f"3.{constraints.stem.removeprefix('py3')}"
    looked_at, faults = 0, []
    for name, pin in pins.items():
        try:
            if version(name) != pin:
                continue
        except PackageNotFoundError:
            continue
        looked_at += 1
        faults += [
            f"{name} {pin} takes {asked}, not {pins[plain(asked.name)]}"
            for asked in requirements_of(name, python)
            if not asked.specifier.contains(pins.get(plain(asked.name), ""), prereleases=True)
        ]
    assert looked_at > 50
    assert not faults


def test_every_dependency_is_pinned_for_every_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {plain(name.partition("==")[0].partition(">=")[0]) for name in wanted}
    assert len(CONSTRAINTS) == 3
    for constraints in CONSTRAINTS:
        assert not names - pins_of(constraints).keys(), constraints.name
