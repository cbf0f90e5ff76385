"""`apigateway history`: every version of an API, and what was done with it."""

import json
from pathlib import Path
from typing import Any

import click

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.project import project_options
from apigateway.commands.served import meant, moment
from apigateway.commands.tables import print_table
from apigateway.lifecycle.serving import Named, named, served_now
from apigateway.model.group import Environment
from apigateway.model.release import Release


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_apis)
@click.option(
    "--env",
    "environment",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    help="In this environment only.",
)
@click.option("--last", type=click.IntRange(min=1), help="The last so many of each API.")
@json_option
@project_options
def history(
    names: tuple[str, ...],
    environment: str | None,
    last: int | None,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Show the release history: version, environment, note, time and who.

    NAME is an API, group/API or a group; without one, every API. What is served now has a mark.

    \b
    Examples:
      apigateway history GetForecast
      apigateway history weather --env TEST --last 3
    """
    with open_desk(definitions, policies) as desk:
        served = served_now(desk.store.releases.current())
        rows: list[tuple[Named, Release, bool]] = []
        every = [str(one) for one in named(desk.project.apis, served.values())]
        for one in meant(desk, names or every):
            found = desk.store.releases.history(
                one.api_id, Environment(environment) if environment else None
            )
            for release in found[:last]:
                now = served.get((one.api_id, release.environment))
                rows.append((one, release, now is not None and now.version == release.version))
    if as_json:
        click.echo(json.dumps([_plain(*row) for row in rows], ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("never released")
    else:
        _print_table(rows)


def _plain(one: Named, release: Release, is_served: bool) -> dict[str, Any]:
    return {
        "group": one.group,
        "api": one.api,
        "environment": release.environment.value,
        "version": release.version,
        "served": is_served,
        "note": release.note,
        "released_by": release.released_by,
        "released_ms": release.released_ms,
    }


def _print_table(rows: list[tuple[Named, Release, bool]]) -> None:
    print_table(
        ("API", "environment", "version", "served", "released (UTC)", "by", "note"),
        [
            (
                str(one),
                release.environment.value,
                release.version,
                "now" if is_served else "",
                moment(release.released_ms),
                release.released_by,
                release.note,
            )
            for one, release, is_served in rows
        ],
        bold=[number for number, (_, _, is_served) in enumerate(rows) if is_served],
    )
