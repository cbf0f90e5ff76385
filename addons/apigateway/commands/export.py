"""`apigateway export`: what is released in an environment, to be served elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from apigateway.commands.desk import json_option
from apigateway.commands.edits import open_workshop
from apigateway.commands.exits import REFUSED
from apigateway.commands.project import project_options
from apigateway.commands.served import moment
from apigateway.commands.tables import print_table
from apigateway.definition.project import Project
from apigateway.editing.export import (
    Export,
    make_export,
    prove,
    releases_to_export,
    write_export,
)
from apigateway.model.group import Environment
from apigateway.model.release import Release


@click.command()
@click.argument(
    "environment",
    metavar="[ENV]",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    default=Environment.RELEASE.value,
    callback=lambda _, __, value: Environment(value),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a project into this folder, which must be new or empty.",
)
@click.option("--with-secrets", is_flag=True, help="Copy the files of secrets and keys too.")
@json_option
@project_options
def export(
    environment: Environment,
    out: Path | None,
    with_secrets: bool,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Write what is released in ENV (RELEASE) as definitions that can be served elsewhere.

    The released documents become the drafts of the new project, which a start of it releases to
    ENV. Apps, policies, grants and bindings are copied; secrets stay references. It is loaded and
    compared with the releases before it is put in place. Without --out what would be written is
    listed; with --json the documents are printed.

    \b
    Examples:
      apigateway export
      apigateway export TEST --out ../at-noon
      apigateway export --json > released.json
    """
    if out is not None and out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty; name a new folder, nothing is overwritten")
    with open_workshop(definitions, policies, None) as (desk, editor):
        current = desk.store.releases.current()
        releases, notices = releases_to_export(desk.project, current, environment)
        if not releases:
            click.echo(f"nothing is released in {environment}", err=True)
            raise SystemExit(REFUSED)
        made = make_export(editor, desk.project, releases, environment)
        prove(made, releases, None)
        if out is not None:
            write_export(made, out, with_secrets=with_secrets)
    notices += made.notices
    if as_json:
        document = _plain(desk.project, releases, environment, made)
        click.echo(json.dumps({**document, "notices": notices}, ensure_ascii=False, indent=2))
        return
    _print(releases)
    if out is not None:
        click.echo(f"{_count(len(releases), 'API')} as a project in {out}, which loads")
        if made.secret and not with_secrets:
            click.echo("secrets are not in it; where it is to be served, write these files:")
            for place in sorted(made.secret):
                click.echo(f"  {out / place}")
    for notice in notices:
        click.echo(notice, err=True)


def _plain(
    project: Project, releases: Sequence[Release], environment: Environment, made: Export
) -> dict[str, Any]:
    groups = {release.group for release in releases}
    return {
        "environment": environment.value,
        "groups": [
            {"id": group.id, "name": group.name, "region": group.region}
            for group in project.groups
            if group.name in groups
        ],
        "apis": [
            {
                "id": release.api_id,
                "group": release.group,
                "name": release.api,
                "version": release.version,
                "document": dict(release.document),
            }
            for release in releases
        ],
        "files": sorted(str(place) for place in made.files),
        "secret_files": sorted(str(place) for place in made.secret),
    }


def _print(releases: Sequence[Release]) -> None:
    print_table(
        ("API", "version", "released (UTC)", "by", "note"),
        [
            (
                f"{release.group}/{release.api}",
                release.version,
                moment(release.released_ms),
                release.released_by,
                release.note,
            )
            for release in releases
        ],
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
