"""`apigateway apps`: the callers, and what they may call."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from apigateway.commands.completion import complete_apps
from apigateway.commands.desk import Desk, desk_options, json_option, open_desk
from apigateway.commands.edits import found_app, open_workshop, put_down
from apigateway.commands.exits import REFUSED
from apigateway.commands.grants import Granted, all_granted, environments_of
from apigateway.commands.project import project_options
from apigateway.commands.tables import print_table
from apigateway.definition.ids import numeric_id
from apigateway.definition.project import Project
from apigateway.editing.apps import create_app, removal_of_app
from apigateway.editing.editor import Editor
from apigateway.editing.files import Edit, carry_out, content_at
from apigateway.editing.secret_values import new_app_key, new_app_secret
from apigateway.model.app import App
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment


class ListedByDefault(click.Group):
    """A group that means its command `list` where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ListedByDefault)
def apps() -> None:
    """Show, create and delete apps: who calls your APIs."""


@apps.command("list")
@json_option
@project_options
def list_apps(as_json: bool, definitions: Path | None, policies: Path | None) -> None:
    """Show every app, with how many APIs it may call in each environment.

    \b
    Example:
      apigateway apps list --json
    """
    with open_desk(definitions, policies) as desk:
        project = desk.project
    counts = _counts(project)
    if as_json:
        rows = [{**_plain(app), "grants": counts[app.name]} for app in project.apps]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not project.apps:
        click.echo("no app; apigateway apps create NAME makes one")
    else:
        print_table(
            ("app", "AppId", "AppKey", "owner", *Environment, "description"),
            [
                (
                    app.name,
                    app.id,
                    app.key,
                    app.owner,
                    *(str(counts[app.name][one.value]) for one in Environment),
                    app.description,
                )
                for app in project.apps
            ],
        )


def _counts(project: Project) -> dict[str, dict[str, int]]:
    counts = {app.name: {one.value: 0 for one in Environment} for app in project.apps}
    for grant in project.grants:
        counts[grant.app][grant.environment.value] += 1
    return counts


def _plain(app: App) -> dict[str, Any]:
    return {
        "name": app.name,
        "app_id": app.id,
        "app_key": app.key,
        "owner": app.owner,
        "description": app.description,
        "app_code": app.code is not None,
        "extend_info": app.extend_info,
        "market_instance_id": app.market_instance_id,
    }


@apps.command()
@click.argument("name", metavar="NAME", shell_complete=complete_apps)
@json_option
@project_options
def show(name: str, as_json: bool, definitions: Path | None, policies: Path | None) -> None:
    """Show one app and what it may call. NAME may be its AppId or AppKey too.

    \b
    Example:
      apigateway apps show demo
    """
    with open_desk(definitions, policies) as desk:
        app = found_app(desk.project, name)
        rows = [
            row
            for row in all_granted(desk.project, desk.store.releases.current())
            if row.app == app
        ]
    if as_json:
        granted = [_plain_grant(row, one) for row in rows for one in row.environments]
        click.echo(json.dumps({**_plain(app), "grants": granted}, ensure_ascii=False, indent=2))
        return
    for title, value in (
        ("name", app.name),
        ("description", app.description),
        ("AppId", app.id),
        ("AppKey", app.key),
        ("owner", app.owner),
        ("AppCode", "yes" if app.code is not None else "no"),
        ("extended information", app.extend_info),
    ):
        if value:
            click.echo(f"{title:22}{value}")
    if rows:
        print_table(
            ("API", "environments"),
            [(f"{row.api.group}/{row.api.name}", environments_of(row)) for row in rows],
        )
    else:
        click.echo("it may call nothing; apigateway grant lets it")


def _plain_grant(row: Granted, environment: Environment) -> dict[str, Any]:
    return {
        "group": row.api.group,
        "api": row.api.name,
        "environment": environment.value,
        "released": environment in row.released,
    }


@apps.command()
@click.argument("name", metavar="NAME")
@click.option("--owner", help="The account it belongs to.  [default: that of gateway.yaml]")
@click.option("--description", default="", help="What it is for; 180 characters.")
@click.option("--with-code", is_flag=True, help="Give it an AppCode too.")
@json_option
@desk_options
def create(
    name: str,
    owner: str | None,
    description: str,
    with_code: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Declare a new app, with an AppKey and a secret of its own.

    NAME has 4 to 26 letters, digits, Chinese characters, `_` or `-`, a letter first. The secret is
    in a file beside the definition, for its owner alone: keep it out of version control.

    \b
    Example:
      apigateway apps create phone --owner 1234567890123456 --description "The app for phones"
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        project = desk.project
        key = new_app_key({app.key for app in project.apps})
        declared = {
            "name": name,
            **({"description": description} if description else {}),
            **({"owner": owner} if owner else {}),
            "key": key,
        }
        secrets = {"secret": new_app_secret(), **({"code": new_app_secret()} if with_code else {})}
        path = create_app(editor, declared, secrets)
        app_id = numeric_id("app", project.settings.account, project.settings.region, name)
        entry = AuditEntry(
            at_ms=desk.now_ms, by=desk.by, action="create", subject=name, after=declared
        )
        put_down(desk, [entry])
    files = {key: editor.shown(path.with_name(f"{name}.{key}")) for key in secrets}
    if as_json:
        plain = {
            "name": name,
            "app_id": app_id,
            "app_key": key,
            "file": editor.shown(path),
            **{f"{key}_file": file for key, file in files.items()},
        }
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    click.echo(f"{editor.shown(path)}: the app {name}, AppId {app_id}, AppKey {key}")
    for key, file in files.items():
        click.echo(f"{file}: its App{key.capitalize()}; keep it out of version control")
    click.echo(f"it may call nothing yet: apigateway grant {name} NAME...")


@apps.command()
@click.argument("name", metavar="NAME", shell_complete=complete_apps)
@click.option("--with-grants", is_flag=True, help="Revoke all that it is granted, too.")
@json_option
@desk_options
def delete(
    name: str,
    with_grants: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Delete an app: its key is unknown from the next call on.

    Its grants go first, with --with-grants. Files of secrets that only it names go with it.

    \b
    Example:
      apigateway apps delete phone --with-grants
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        app = found_app(desk.project, name)
        grants = _edit_of_grants(editor, app)
        if grants is not None and not with_grants:
            _refuse_granted(desk, app)
        removal, files = removal_of_app(editor, app.name)
        editor.make(*([grants] if grants else []), removal)
        for file in files:
            carry_out(Edit(path=file, before=content_at(file), after=None))
        granted = [
            f"{one.group}/{one.api} {one.environment}"
            for one in desk.project.grants
            if one.app == app.name
        ]
        entry = AuditEntry(
            at_ms=desk.now_ms,
            by=desk.by,
            action="delete",
            subject=app.name,
            before={**_plain(app), "grants": granted},
        )
        put_down(desk, [entry])
    removed = [editor.shown(path) for path in (removal.path, *files)]
    if as_json:
        plain = {"name": app.name, "app_id": app.id, "files": removed, "grants": granted}
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    if granted:
        click.echo(f"policies/grants.yaml: all that {app.name} was granted")
    click.echo(f"removed: {', '.join(removed)}")


def _edit_of_grants(editor: Editor, app: App) -> Edit | None:
    """The edit after which nothing is granted to the app; None where nothing is."""
    path = editor.policies / "grants.yaml"
    entries: Sequence[dict[str, Any]] = editor.data(path) or []
    left = [entry for entry in entries if entry["app"] != app.name]
    return editor.edit(path, left) if len(left) < len(entries) else None


def _refuse_granted(desk: Desk, app: App) -> None:
    for row in all_granted(desk.project, desk.store.releases.current()):
        if row.app == app:
            shown = ", ".join(row.environments)
            click.echo(f"{app.name} may call {row.api.group}/{row.api.name} in {shown}", err=True)
    click.echo(f"{app.name} has grants; --with-grants revokes them too", err=True)
    raise SystemExit(REFUSED)
