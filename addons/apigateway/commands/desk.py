"""What the commands that change something share: the project, its store, who asks and when."""

import contextlib
import getpass
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from apigateway.commands.project import project_folders, project_options, read_project
from apigateway.definition.project import Project
from apigateway.definition.wording import did_you_mean
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.settings import GatewaySettings
from apigateway.ports import StoreUnavailable
from apigateway.store.door import StoreDoor

F = TypeVar("F", bound=Callable[..., Any])

environment_option = click.option(
    "--env",
    "environment",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    default=Environment.RELEASE.value,
    show_default=True,
    callback=lambda _, __, value: Environment(value),
    help="The environment.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def desk_options(command: F) -> F:
    """`--by`, `--definitions` and `--policies`, for commands that change something."""
    command = click.option(
        "--by",
        envvar="APIGATEWAY_USER",
        show_envvar=True,
        help="Who does it, for the audit log.  [default: the user of this session]",
    )(command)
    return project_options(command)


@dataclass(frozen=True)
class Desk:
    """An open store and the project it belongs to."""

    definitions: Path
    policies: Path
    project: Project
    store: StoreDoor
    by: str

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


def who(given: str | None = None) -> str:
    """The name that stands in the audit log."""
    if given:
        return given
    for variable in ("APIGATEWAY_USER", "SUDO_USER"):
        if name := os.environ.get(variable):
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"


@contextlib.contextmanager
def open_desk(
    definitions: Path | None, policies: Path | None, by: str | None = None
) -> Iterator[Desk]:
    """The project with its open store; what stands against it ends the command with a reason."""
    project = read_project(definitions, policies)
    folders = project_folders(definitions, policies)
    with open_store(project.settings) as store:
        yield Desk(*folders, project, store, who(by))


@contextlib.contextmanager
def open_store(settings: GatewaySettings) -> Iterator[StoreDoor]:
    """The store of these settings; what stands against it ends the command with a reason."""
    door = StoreDoor()
    try:
        door.open(settings)
        try:
            yield door
        finally:
            door.close()
    except StoreUnavailable as problem:
        raise click.ClickException(f"the store cannot be used: {problem}") from None


def chosen_apis(project: Project, names: Sequence[str]) -> list[Api]:
    """The declared APIs that `names` mean, in the order of the files.

    A name is `group/API`, the name of a group (all its APIs), or that of an API which only one
    group has.

    Raises:
        click.UsageError: a name that means nothing, or two APIs.
    """
    chosen: set[str] = set()
    for name in names:
        found = _meant(project, name)
        if not found:
            known = sorted(
                {group.name for group in project.groups}
                | {api.name for api in project.apis}
                | {f"{api.group}/{api.name}" for api in project.apis}
            )
            mend = did_you_mean(name, known, "apigateway check lists what is declared")
            raise click.UsageError(f'there is no API or group "{name}"; {mend}')
        chosen.update(api.id for api in found)
    return [api for api in project.apis if api.id in chosen]


def _meant(project: Project, name: str) -> list[Api]:
    whole = [api for api in project.apis if f"{api.group}/{api.name}" == name]
    if whole:
        return whole
    of_group = [api for api in project.apis if api.group == name]
    of_name = [api for api in project.apis if api.name == name]
    if of_group and of_name:
        raise click.UsageError(
            f'"{name}" is a group and an API; write {name}/{name} for the API, or rename one'
        )
    if len(of_name) > 1:
        groups = ", ".join(f"{api.group}/{api.name}" for api in of_name)
        raise click.UsageError(f'several groups have an API "{name}"; say which: {groups}')
    return of_group or of_name
