"""pytest's side: options, and the fixture `apigateway`.

pytest loads this wherever the package is installed, so everything else is imported when a test
asks for the fixture.
"""

import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apigateway.testing.gateway import OfflineGateway

_DEFINITIONS, _POLICIES = "apigateway_definitions", "apigateway_policies"
_ENVIRONMENTS = "apigateway_environments"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("apigateway", "definitions of an API gateway under test")
    folders = {
        _DEFINITIONS: "folder of gateway.yaml, groups and apps",
        _POLICIES: "folder of policies, grants and bindings",
    }
    for name, what in folders.items():
        group.addoption(f"--{name.replace('_', '-')}", dest=name, metavar="DIR", help=what)
        parser.addini(name, f"{what}; from the folder of this file", default="")
    parser.addini(
        _ENVIRONMENTS,
        "what the definitions are tested in: TEST, PRE, RELEASE; else releases.environments",
        type="args",
        default=[],
    )


@pytest.fixture(scope="session")
def apigateway_folders(pytestconfig: pytest.Config) -> tuple[Path, Path | None]:
    """The folders of definitions and policies (None: beside the definitions) that the fixture
    `apigateway` reads. Tests of other folders give a fixture of this name of their own."""
    definitions = _folder(pytestconfig, _DEFINITIONS, "APIGATEWAY_DEFINITIONS")
    policies = _folder(pytestconfig, _POLICIES, "APIGATEWAY_POLICIES")
    return definitions or pytestconfig.rootpath / "definitions", policies


def _folder(config: pytest.Config, name: str, variable: str) -> Path | None:
    """From the command line, pytest's own settings or the environment, in this order."""
    if given := config.getoption(name):
        return Path(config.invocation_params.dir / given)
    if given := config.getini(name):
        of_settings = config.inipath.parent if config.inipath else config.rootpath
        return of_settings / str(given)
    if given := os.environ.get(variable):
        return Path(config.invocation_params.dir / given)
    return None


@pytest.fixture
def apigateway(
    request: pytest.FixtureRequest, apigateway_folders: tuple[Path, Path | None]
) -> "OfflineGateway":
    """The definitions as a gateway that judges calls and sends none.

    Limits and nonces are new in each test; the definitions are read once.
    """
    with warnings.catch_warnings():  # mitmproxy's own, which no test can mend
        warnings.simplefilter("ignore", DeprecationWarning)
        from apigateway.definition.problems import DefinitionError
        from apigateway.testing.gateway import OfflineGateway
        from apigateway.testing.loading import load, named_environments

    config = request.config
    try:
        environments = named_environments(config.getini(_ENVIRONMENTS))
        loaded = load(*apigateway_folders, environments)
    except DefinitionError as error:
        pytest.fail(f"the definitions cannot be served:\n{error}", pytrace=False)
    except ValueError as problem:
        pytest.fail(str(problem), pytrace=False)
    return OfflineGateway(
        loaded,
        captures=(request.path.parent, config.rootpath),
        now_ms=time.time_ns() // 60_000_000_000 * 60_000,  # in no minute's middle
    )
