"""`apigateway grant`: let apps call APIs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from apigateway.commands.desk import Desk, desk_options, json_option
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
from apigateway.editing.grants import with_grant
from apigateway.model.group import Environment


@click.command()
@words_argument
@apps_option
@environments_option
@json_option
@desk_options
def grant(
    words: tuple[str, ...],
    apps: tuple[str, ...],
    environments: tuple[Environment, ...],
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Let apps call APIs, from the next call on.

    APP is a name, an AppId, an AppKey, or an account that has one app. NAME is an API, group/API,
    or a group: all its APIs, also those to come. What is granted already stays as it is.

    \b
    Examples:
      apigateway grant demo weather/GetForecast
      apigateway grant demo GetForecast SaveNote --env TEST --env RELEASE
      apigateway grant --app demo --app other weather accounts --env all
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        wishes = wishes_of(desk.project, words, apps)
        done = change_grants(desk, editor, "grant", wishes, environments, _granting)
        notices = list(_not_released(desk, wishes, environments))
    if as_json:
        print_json("granted", done, notices)
        return
    print_rows(done.changed, "may now call")
    print_rows(done.unchanged, "could call it already:")
    for notice in notices:
        click.echo(notice, err=True)


def _granting(
    entries: Sequence[Entry], wish: Wish, environments: Sequence[Environment]
) -> list[Entry]:
    return with_grant(entries, wish.app.name, wish.group, wish.apis, environments)


def _not_released(
    desk: Desk, wishes: Sequence[Wish], environments: Sequence[Environment]
) -> Iterator[str]:
    """A grant acts from the next call on; where no version is served, there is none."""
    served = {(one.group, one.api, one.environment) for one in desk.store.releases.current()}
    declared = declared_apis(desk.project)
    for group, apis in {wish.group: wish.apis for wish in wishes}.items():
        for api in declared[group] if apis is None else apis:
            where = [one for one in environments if (group, api, one) not in served]
            if where:
                shown = ", ".join(where)
                yield f"{group}/{api} is not released in {shown}: the grant acts when it is"
