"""Where a command finds the project it works on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from apigateway.definition.places import policies_beside
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.definition.reader import ProjectReader

F = TypeVar("F", bound=Callable[..., Any])

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder that holds `addons/`, where the package runs from a checkout."""


def project_options(command: F) -> F:
    """`--definitions` and `--policies`, as every command about a project takes them."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    command = click.option(
        "--policies",
        type=folder,
        envvar="APIGATEWAY_POLICIES",
        show_envvar=True,
        help="Folder of policies, grants and bindings.  [default: beside the definitions]",
    )(command)
    return click.option(
        "--definitions",
        type=folder,
        envvar="APIGATEWAY_DEFINITIONS",
        show_envvar=True,
        help="Folder of gateway.yaml, groups and apps.  "
        "[default: ./definitions, else those of the checkout]",
    )(command)


def project_folders(definitions: Path | None, policies: Path | None) -> tuple[Path, Path]:
    if definitions is None:
        here = Path.cwd() / "definitions"
        definitions = here if here.is_dir() else CHECKOUT / "definitions"
    return definitions, policies or policies_beside(definitions)


def read_project(definitions: Path | None, policies: Path | None) -> Project:
    """The project, or the end of the command: every problem on stderr, exit 1.
    A certificate that has expired, which the gateway may be showing, is none here."""
    try:
        return ProjectReader(*project_folders(definitions, policies), resumes=True).read()
    except DefinitionError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(1) from None
