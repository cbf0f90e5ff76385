"""`apigateway revoke`: let apps call APIs no more."""

from collections.abc import Sequence
from pathlib import Path

import click

from apigateway.commands.desk import desk_options, json_option
from apigateway.commands.edits import environments_option, open_workshop
from apigateway.commands.granting import (
    Wish,
    apps_option,
    change_grants,
    declared_apis,
    print_json,
    print_rows,
    wishes_of,
    words_argument,
)
from apigateway.editing.entries import Entry
from apigateway.editing.grants import revoked
from apigateway.model.group import Environment


@click.command()
@words_argument
@apps_option
@environments_option
@json_option
@desk_options
def revoke(
    words: tuple[str, ...],
    apps: tuple[str, ...],
    environments: tuple[Environment, ...],
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Let apps call APIs no more, from the next call on.

    APP and NAME are those of `grant`. Of a grant for a whole group one API can be taken too: the
    others are then listed by their names, and APIs to come are not granted.

    \b
    Examples:
      apigateway revoke demo weather/GetForecast
      apigateway revoke --app demo --app other weather --env all
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        wishes = wishes_of(desk.project, words, apps)
        declared = declared_apis(desk.project)

        def revoking(
            entries: Sequence[Entry], wish: Wish, where: Sequence[Environment]
        ) -> list[Entry]:
            names = declared[wish.group]
            return revoked(entries, wish.app.name, wish.group, wish.apis, where, names)

        done = change_grants(desk, editor, "revoke", wishes, environments, revoking)
    notices = [
        f"the grant of the group {row.group} to {row.app} in {row.environment} is now one of the "
        "APIs it has today"
        for row in done.listed
    ]
    if as_json:
        print_json("revoked", done, notices)
        return
    print_rows(done.changed, "may no longer call")
    print_rows(done.unchanged, "could not call it:")
    for notice in notices:
        click.echo(notice, err=True)
