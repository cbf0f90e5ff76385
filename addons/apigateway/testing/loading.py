"""The definitions of two folders, as a gateway that starts with them would serve them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apigateway.definition.compile import compile_catalog
from apigateway.definition.load import load_project
from apigateway.definition.places import policies_beside
from apigateway.model.app import App
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """`definitions` is the folder that was read; `apps` are by name."""

    definitions: Path
    catalog: Catalog
    apps: dict[str, App]


def named_environments(names: Iterable[str]) -> tuple[Environment, ...]:
    """
    Raises:
        ValueError: a name of none.
    """
    found = []
    for name in names:
        try:
            found.append(Environment(name.upper()))
        except ValueError:
            known = ", ".join(Environment)
            raise ValueError(
                f"apigateway_environments: there is no environment {name!r}; write one of {known}"
            ) from None
    return tuple(found)


@cache
def load(
    definitions: Path, policies: Path | None, environments: tuple[Environment, ...] = ()
) -> Loaded:
    """Every draft, served in `environments`; without any in those of `releases.environments`.

    Read once in a process. What a store holds (releases by hand, verified domains) is not asked.

    Raises:
        DefinitionError: every problem of the files.
        ValueError: there is no such folder.
    """
    for folder in filter(None, (definitions, policies)):
        if not folder.is_dir():
            raise ValueError(
                f"there is no folder {folder}: name the one of gateway.yaml, groups and apps with "
                "--apigateway-definitions DIR or apigateway_definitions in pytest's settings, and "
                "the one of policies, where it is not beside it, with --apigateway-policies DIR"
            )
    project = load_project(definitions, policies or policies_beside(definitions))
    releases = [
        Release.of_draft(api, environment)
        for environment in environments or project.settings.auto_release_to
        for api in project.apis
    ]
    return Loaded(
        definitions=definitions,
        catalog=compile_catalog(project, releases),
        apps={app.name: app for app in project.apps},
    )
