"""`apigateway delete`: an API is declared no more (guide, "API definitions", point 2)."""

import json
from pathlib import Path
from typing import Any

import click

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import Desk, chosen_apis, desk_options, json_option
from apigateway.commands.edits import open_workshop, put_down
from apigateway.commands.exits import REFUSED
from apigateway.editing.apis import removal_of_api
from apigateway.editing.bindings import bindings_naming, bindings_without_api
from apigateway.editing.editor import Editor
from apigateway.editing.entries import Entry, environments_of, naming_api, without_api
from apigateway.editing.files import Edit
from apigateway.model.api import Api
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment


@click.command()
@click.argument("name", metavar="NAME", shell_complete=complete_apis)
@click.option("--with-links", is_flag=True, help="Remove the grants and bindings that name it too.")
@json_option
@desk_options
def delete(
    name: str,
    with_links: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Delete the definition of an API, which must be abolished in every environment.

    What names it in grants.yaml and bindings.yaml goes first, with --with-links. Its release
    history stays in the store.

    \b
    Example:
      apigateway abolish weather/GetStatus --env RELEASE
      apigateway delete weather/GetStatus --with-links
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        api = _one(desk, name)
        _refuse_released(desk, api)
        links, edits = _links(editor, api)
        if links and not with_links:
            for link in links:
                click.echo(f"{link['file']}: {link['text']}", err=True)
            click.echo(
                f"{api.group}/{api.name} is named there; --with-links removes that too", err=True
            )
            raise SystemExit(REFUSED)
        removal = removal_of_api(editor, api.group, api.name)
        editor.make(*edits, removal)
        entry = AuditEntry(
            at_ms=desk.now_ms,
            by=desk.by,
            action="delete",
            subject=f"{api.group}/{api.name}",
            before={"definition": dict(api.document), "links": [one["entry"] for one in links]},
        )
        put_down(desk, [entry])
    file = editor.shown(removal.path)
    if as_json:
        plain = {"group": api.group, "api": api.name, "file": file, "links": links}
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    for link in links:
        click.echo(f"{link['file']}: removed {link['text']}")
    click.echo(f"{file}: removed; {api.group}/{api.name} is declared no more")


def _one(desk: Desk, name: str) -> Api:
    found = chosen_apis(desk.project, [name])
    if len(found) != 1 or name in {group.name for group in desk.project.groups}:
        raise click.UsageError(f'"{name}" is a group; name one API, such as {name}/GetForecast')
    return found[0]


def _refuse_released(desk: Desk, api: Api) -> None:
    where = [
        release.environment for release in desk.store.releases.current() if release.api_id == api.id
    ]
    if where:
        for environment in where:
            click.echo(
                f"{api.group}/{api.name} is released in {environment}; abolish it first: "
                f"apigateway abolish {api.group}/{api.name} --env {environment}",
                err=True,
            )
        raise SystemExit(REFUSED)


def _links(editor: Editor, api: Api) -> tuple[list[dict[str, Any]], list[Edit]]:
    """What names the API, for people and programs, and the edits after which nothing does."""
    links: list[dict[str, Any]] = []
    edits: list[Edit] = []
    grants, bindings = editor.policies / "grants.yaml", editor.policies / "bindings.yaml"
    entries = editor.data(grants) or []
    for entry in naming_api(entries, api.group, api.name):
        text = f"the grant to {entry['app']} in {_environments(entry)}"
        links.append({"file": editor.shown(grants), "text": text, "entry": entry})
    if links:
        edits.append(editor.edit(grants, without_api(entries, api.group, api.name)))
    bound = editor.data(bindings) or {}
    named = bindings_naming(bound, api.group, api.name)
    for kind, entry in named:
        text = f"the binding to {entry['policy']} ({kind}) in {_environments(entry)}"
        links.append({"file": editor.shown(bindings), "text": text, "entry": entry})
    if named:
        edits.append(editor.edit(bindings, bindings_without_api(bound, api.group, api.name)))
    return links, edits


def _environments(entry: Entry) -> str:
    found = environments_of(entry)
    return ", ".join(one.value for one in Environment if one in found)
