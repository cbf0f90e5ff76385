"""`apigateway grants`: what is granted, from the side of the app or of the API."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from apigateway.commands.completion import complete_apis, complete_apps
from apigateway.commands.desk import chosen_apis, json_option, open_desk
from apigateway.commands.edits import found_app
from apigateway.commands.project import project_options
from apigateway.commands.tables import print_table
from apigateway.definition.project import Project
from apigateway.model.api import Api
from apigateway.model.app import App
from apigateway.model.group import Environment
from apigateway.model.release import Release


@dataclass(frozen=True, slots=True)
class Granted:
    """An app and an API that it may call, with the environments; `released` are those of them in
    which a version is served."""

    app: App
    api: Api
    environments: tuple[Environment, ...]
    released: frozenset[Environment]


@click.command()
@click.option("--app", "app_name", shell_complete=complete_apps, help="What this app may call.")
@click.option(
    "--api",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_apis,
    help="Who may call this API, group/API or group; may be repeated.",
)
@click.option(
    "--env",
    "environment",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    help="In this environment only.",
)
@json_option
@project_options
def grants(
    app_name: str | None,
    names: tuple[str, ...],
    environment: str | None,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Show which app may call which API, in which environments.

    An environment in brackets is one in which no version is served: the grant acts when it is.
    APIs that anyone may call (type: anonymous), or that take a token alone, need no grant.

    \b
    Examples:
      apigateway grants --app demo
      apigateway grants --api weather/GetForecast --env RELEASE
    """
    with open_desk(definitions, policies) as desk:
        app = None if app_name is None else found_app(desk.project, app_name)
        apis = chosen_apis(desk.project, names) if names else desk.project.apis
        rows = list(all_granted(desk.project, desk.store.releases.current()))
    wanted = {api.id for api in apis}
    only = frozenset(Environment) if environment is None else {Environment(environment)}
    rows = [
        row
        for row in rows
        if row.api.id in wanted and app in (None, row.app) and only.intersection(row.environments)
    ]
    if as_json:
        plain = [one for row in rows for one in _plain(row) if one["environment"] in only]
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("nothing is granted")
    else:
        _print(rows)


def all_granted(project: Project, current: Sequence[Release]) -> Iterator[Granted]:
    """By app and API, in the order of grants.yaml."""
    apps = {app.name: app for app in project.apps}
    apis = {(api.group, api.name): api for api in project.apis}
    served = {(release.api_id, release.environment) for release in current}
    found: dict[tuple[str, str, str], set[Environment]] = {}
    for one in project.grants:
        found.setdefault((one.app, one.group, one.api), set()).add(one.environment)
    for (app, group, name), environments in found.items():
        api = apis[group, name]
        yield Granted(
            app=apps[app],
            api=api,
            environments=tuple(one for one in Environment if one in environments),
            released=frozenset(one for one in environments if (api.id, one) in served),
        )


def _plain(row: Granted) -> Iterator[dict[str, Any]]:
    for environment in row.environments:
        yield {
            "app": row.app.name,
            "app_id": row.app.id,
            "group": row.api.group,
            "api": row.api.name,
            "environment": environment.value,
            "released": environment in row.released,
        }


def _print(rows: Sequence[Granted]) -> None:
    print_table(
        ("app", "AppId", "API", "environments"),
        [
            (row.app.name, row.app.id, f"{row.api.group}/{row.api.name}", environments_of(row))
            for row in rows
        ],
    )


def environments_of(row: Granted) -> Text:
    shown = [
        (one.value, "green") if one in row.released else (f"({one.value})", "yellow")
        for one in row.environments
    ]
    return Text(" ").join(Text(text, style) for text, style in shown)
