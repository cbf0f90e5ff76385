"""`apigateway checkout`: a released definition over the draft."""

import json
from pathlib import Path
from typing import Any

import click

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import Desk, desk_options, environment_option, json_option
from apigateway.commands.edits import open_workshop, put_down
from apigateway.commands.exits import REFUSED
from apigateway.commands.served import meant
from apigateway.editing.apis import api_edit
from apigateway.lifecycle.serving import Named, served_now
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.model.release import Release


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_apis)
@environment_option
@click.option("--version", help="This version of the history.  [default: the one that is served]")
@json_option
@desk_options
def checkout(
    names: tuple[str, ...],
    environment: Environment,
    version: str | None,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Copy the released definition of an environment over the draft, to go on from there.

    In the draft's file only what is another changes: comments stay. What is served is not touched.
    An API that is no longer declared is declared again.

    \b
    Examples:
      apigateway checkout GetForecast
      apigateway checkout weather --env TEST
      apigateway checkout GetForecast --version 20261125213752602
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        drafts = {api.id: api for api in desk.project.apis}
        found = [(one, _release(desk, one, environment, version)) for one in meant(desk, names)]
        chosen = [(one, release) for one, release in found if release is not None]
        if not chosen:
            what = f"version {version} of it" if version else "it"
            click.echo(f"nothing to copy: {what} is not served in {environment}", err=True)
            raise SystemExit(REFUSED)
        due = [
            (one, release)
            for one, release in chosen
            if one.api_id not in drafts or drafts[one.api_id].document != release.document
        ]
        edits = [
            api_edit(editor, one.group, release.document, drafts.get(one.api_id))
            for one, release in due
        ]
        editor.make(*edits)
        put_down(
            desk,
            [
                AuditEntry(
                    at_ms=desk.now_ms,
                    by=desk.by,
                    action="checkout",
                    subject=str(one),
                    environment=environment.value,
                    note=f"version {release.version}",
                    before=_draft(drafts.get(one.api_id)),
                    after=dict(release.document),
                )
                for one, release in due
            ],
        )
        rows = [
            {
                "group": one.group,
                "api": one.api,
                "environment": environment.value,
                "version": release.version,
                "file": editor.shown(edit.path),
            }
            for (one, release), edit in zip(due, edits, strict=True)
        ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        where = f"{row['group']}/{row['api']}"
        click.echo(f"{row['file']}: the draft of {where} is version {row['version']}")
    if not rows:
        click.echo("nothing to do: the draft is what is served")


def _release(
    desk: Desk, one: Named, environment: Environment, version: str | None
) -> Release | None:
    if version is not None:
        return desk.store.releases.at(one.api_id, environment, version)
    return served_now(desk.store.releases.current()).get((one.api_id, environment))


def _draft(api: Any) -> Any:
    return None if api is None else dict(api.document)
