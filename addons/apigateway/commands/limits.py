"""`apigateway limits`: what each limit has used, without spending anything."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from apigateway.commands.project import project_options, read_project
from apigateway.definition.compile import compile_catalog
from apigateway.definition.problems import DefinitionError
from apigateway.definition.wording import did_you_mean
from apigateway.model.app import App
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.ports import Dimension, Limit, Standing, StoreUnavailable
from apigateway.stages.throttling import limits_of
from apigateway.store.door import StoreDoor

_FEW = 0.2
"""The part of a limit below which what is left is shown in yellow."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A limit, and of which API and whose calls it is."""

    served: ServedApi
    subject: str
    limit: Limit


@click.command()
@click.option("--app", "app_name", help="Of this app only.  [default: every app with a grant]")
@click.option("--api", "api_name", help="Of this API only: its name, or group/name.")
@click.option(
    "--env",
    "environment",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    help="In this environment only.",
)
@click.option("--ip", "client_ip", help="Of this client address too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@project_options
def limits(
    app_name: str | None,
    api_name: str | None,
    environment: str | None,
    client_ip: str | None,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Show what each limit has used, what is left and when it resets. Nothing is spent.

    \b
    Examples:
      apigateway limits
      apigateway limits --app demo --api GetForecast
      apigateway limits --api weather/GetForecast --ip 127.0.0.1 --json
    """
    project = read_project(definitions, policies)
    address = _address(client_ip)
    door = StoreDoor()
    try:
        door.open(project.settings)
        try:
            catalog = compile_catalog(project, door.releases.current())
            chosen = list(counted(catalog, app_name, api_name, environment, address))
            standings = asyncio.run(_standings(door, chosen))
        finally:
            door.close()
    except StoreUnavailable as problem:
        raise click.ClickException(f"the store cannot be read: {problem}") from None
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None
    rows = list(zip(chosen, standings, strict=True))
    if as_json:
        click.echo(json.dumps([_plain(*row) for row in rows], ensure_ascii=False, indent=2))
    else:
        _print_table(rows, catalog)


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        raise click.UsageError(f"--ip {text} is not an address") from None


def counted(
    catalog: Catalog,
    app_name: str | None,
    api_name: str | None,
    environment: str | None,
    client_ip: str | None,
) -> Iterator[Counted]:
    """Each limit once, API by API."""
    apps = {app.name: app for app in catalog.apps.values()}
    if app_name is not None and app_name not in apps:
        raise click.UsageError(f'no app "{app_name}"; {did_you_mean(app_name, sorted(apps), "")}')
    chosen = [
        one
        for one in catalog.served
        if api_name in (None, one.api.name, f"{one.group.name}/{one.api.name}")
        and environment in (None, one.environment.value)
    ]
    if not chosen and api_name is not None:
        names = sorted({one.api.name for one in catalog.served})
        mend = did_you_mean(api_name, names, "release it first")
        raise click.UsageError(f'no released API "{api_name}"; {mend}')
    seen: set[str] = set()
    for served in chosen:
        granted = [app for app in apps.values() if app.id in served.granted]
        callers: Sequence[App | None] = granted if app_name is None else [apps[app_name]]
        for app in (None, *callers):
            for limit in _limits(catalog, served, app, client_ip):
                if limit.key not in seen:
                    seen.add(limit.key)
                    yield Counted(served, _subject(limit, served, app, client_ip), limit)


def _limits(
    catalog: Catalog, served: ServedApi, app: App | None, client_ip: str | None
) -> Iterator[Limit]:
    domain = catalog.domains[served.group.subdomain].domain
    return limits_of(catalog.settings, served, app=app, client_ip=client_ip, domain=domain)


def _subject(limit: Limit, served: ServedApi, app: App | None, client_ip: str | None) -> str:
    if limit.dimension is Dimension.GROUP:
        return f"group {served.group.name}"
    if limit.dimension is Dimension.DOMAIN:
        return served.group.subdomain
    if limit.dimension is Dimension.CLIENT_IP:
        return str(client_ip)
    if limit.dimension is Dimension.API or app is None:
        return "all callers"
    return f"app {app.name}" if limit.dimension is Dimension.APP else f"user {app.owner}"


async def _standings(door: StoreDoor, chosen: Sequence[Counted]) -> Sequence[Standing]:
    now_ms = time.time_ns() // 1_000_000
    found: list[Standing] = []
    for one in chosen:
        found.extend((await door.look([one.limit], now_ms)).standings)
    return found


def where(one: Counted) -> str:
    """What of the catalog a limit is for; the limits of a group or a domain are for all of it."""
    if one.limit.dimension in (Dimension.GROUP, Dimension.DOMAIN):
        return f"{one.served.group.name}/*"
    return f"{one.served.group.name}/{one.served.api.name} {one.served.environment}"


def _plain(one: Counted, standing: Standing) -> dict[str, Any]:
    limit = one.limit
    shared = limit.dimension in (Dimension.GROUP, Dimension.DOMAIN)
    return {
        "group": one.served.group.name,
        "api": None if shared else one.served.api.name,
        "environment": None if shared else one.served.environment.value,
        "dimension": limit.dimension.value,
        "subject": one.subject,
        "unit": limit.unit.value,
        "kind": "window" if limit.queue is None else "bucket",
        "queue": limit.queue,
        "limit": limit.ceiling,
        "used": standing.used,
        "remaining": standing.remaining,
        "resets_ms": standing.resets_ms,
    }


def _print_table(rows: Sequence[tuple[Counted, Standing]], catalog: Catalog) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("API", "of", "used"):
        table.add_column(name, overflow="fold")
    for name in ("left", "resets in"):
        table.add_column(name, justify="right", no_wrap=True)
    now_ms = time.time_ns() // 1_000_000
    for one, standing in rows:
        limit, left = one.limit, standing.remaining
        style = "red" if not left else "yellow" if left <= limit.ceiling * _FEW else "green"
        table.add_row(
            where(one),
            one.subject,
            f"{standing.used} of {limit.ceiling} a {limit.unit}",
            Text(str(left), style=style),
            duration(standing.resets_ms - now_ms),
        )
    Console().print(table)
    moment = datetime.now(UTC)
    click.echo(f"{moment:%Y-%m-%d %H:%M:%S} UTC; days and hours of {catalog.settings.zone.name}")


def duration(ms: int) -> str:
    seconds = max(0, -(-ms // 1000))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
