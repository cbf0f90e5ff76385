"""`apigateway audit`: who changed what, and when."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.project import project_options
from apigateway.commands.served import moment
from apigateway.commands.tables import print_table
from apigateway.model.audit import AuditEntry


@click.command()
@click.argument("subject", required=False, default="")
@click.option("--action", default="", help="Of this kind only, such as release or grant.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, metavar="N")
@json_option
@project_options
def audit(
    subject: str,
    action: str,
    last: int,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Show the audit log, newest first: who, when, what, before and after.

    SUBJECT is what was changed: group/API, a group, an app, a domain, a key.

    \b
    Examples:
      apigateway audit
      apigateway audit weather/GetForecast --last 5
      apigateway audit --action grant --json
    """
    with open_desk(definitions, policies) as desk:
        entries = desk.store.audit.entries(subject=subject, action=action, limit=last)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in entries], ensure_ascii=False, indent=2))
    elif not entries:
        click.echo("nothing")
    else:
        _print_table(entries)


def _print_table(entries: Sequence[AuditEntry]) -> None:
    print_table(
        ("when (UTC)", "who", "what", "to", "environment", "before", "after", "note"),
        [
            (
                moment(entry.at_ms),
                entry.by,
                entry.action,
                entry.subject,
                entry.environment,
                _short(entry.before),
                _short(entry.after),
                entry.note,
            )
            for entry in entries
        ],
    )


def _short(value: Any) -> str:
    """A value as one reads it: `{"version": "2026..."}` is that version."""
    if value is None:
        return "-"
    if isinstance(value, dict) and set(value) == {"version"}:
        return str(value["version"])
    return json.dumps(value, ensure_ascii=False)
