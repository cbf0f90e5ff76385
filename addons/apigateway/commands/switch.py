"""`apigateway switch`, `rollback` and `abolish`: which version is served."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import Desk, desk_options, environment_option, json_option, open_desk
from apigateway.commands.exits import REFUSED
from apigateway.commands.served import carry_out, meant
from apigateway.lifecycle.serving import (
    NothingToDo,
    abolishing,
    served_now,
    switching,
    version_before,
)
from apigateway.model.group import Environment
from apigateway.model.release import Change, Release

note_option = click.option("--note", default="", help="Why, for the history; 200 characters.")

MOST_NOTE = 200


@click.command()
@click.argument("name", metavar="NAME", shell_complete=complete_apis)
@click.argument("version", metavar="VERSION")
@environment_option
@note_option
@json_option
@desk_options
def switch(
    name: str,
    version: str,
    environment: Environment,
    note: str,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Serve a version of the history, from now on.

    \b
    Example:
      apigateway switch GetForecast 20261125210000000 --env RELEASE --note "as it was on Monday"
    """
    _check_note(note)
    with open_desk(definitions, policies, by) as desk:
        served = served_now(desk.store.releases.current())
        changes = [
            change
            for one in meant(desk, [name])
            if (change := switching(one, environment, version, served)) is not None
        ]
        _carry_out(desk, changes, note, as_json, "is served already")


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_apis)
@environment_option
@note_option
@json_option
@desk_options
def rollback(
    names: tuple[str, ...],
    environment: Environment,
    note: str,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Serve what was served before the last change.

    For each API it is the version that the last release, switch or abolition replaced; a second
    rollback takes the first one back. Several APIs, or a group, go back in one step.

    \b
    Examples:
      apigateway rollback GetForecast
      apigateway rollback weather --env TEST --note "too strict"
    """
    _check_note(note)
    with open_desk(definitions, policies, by) as desk:
        served = served_now(desk.store.releases.current())
        changes, reasons = [], []
        for one in meant(desk, names):
            log = desk.store.audit.entries(subject=str(one), limit=1000)
            history = desk.store.releases.history(one.api_id, environment)
            try:
                version = version_before(one, environment, served, log, history)
            except NothingToDo as reason:
                reasons.append(str(reason))
                continue
            if change := switching(one, environment, version, served):
                changes.append(change)
        for line in reasons:
            click.echo(line, err=True)
        if not changes:
            raise SystemExit(REFUSED)
        _carry_out(desk, changes, note or "rollback", as_json, "")


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_apis)
@environment_option
@note_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@desk_options
def abolish(
    names: tuple[str, ...],
    environment: Environment,
    note: str,
    yes: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Take APIs out of service in an environment, from now on.

    Grants and bindings stay, and act again with the next release; the history stays too. Callers
    get "API not found".

    \b
    Example:
      apigateway abolish weather/GetForecast --env TEST
    """
    _check_note(note)
    with open_desk(definitions, policies, by) as desk:
        served = served_now(desk.store.releases.current())
        changes = [
            change
            for one in meant(desk, names)
            if (change := abolishing(one, environment, served)) is not None
        ]
        if changes and not yes and sys.stdin.isatty():
            listed = ", ".join(f"{change.group}/{change.api}" for change in changes)
            click.confirm(f"Serve {listed} no more in {environment}?", abort=True)
        _carry_out(desk, changes, note, as_json, f"is not served in {environment}")


def _check_note(note: str) -> None:
    if len(note) > MOST_NOTE:
        raise click.UsageError(f"--note has {len(note)} characters, at most {MOST_NOTE} are kept")


def _carry_out(
    desk: Desk, changes: Sequence[Change], note: str, as_json: bool, nothing: str
) -> None:
    made = carry_out(desk, changes, note) if changes else ()
    rows = [_plain(change, release) for change, release in zip(changes, made, strict=True)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo(f"nothing to do: it {nothing}")
    for row in rows:
        where = f"{row['group']}/{row['api']} in {row['environment']}"
        before = f" (before: {row['before'] or 'none'})"
        if row["version"] is None:
            click.echo(f"{where}: served no more{before}")
        else:
            click.echo(f"{where}: version {row['version']}{before}")


def _plain(change: Change, release: Release | None) -> dict[str, Any]:
    return {
        "group": change.group,
        "api": change.api,
        "environment": change.environment.value,
        "before": change.served or None,
        "version": None if release is None else release.version,
    }
