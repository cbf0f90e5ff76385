"""`apigateway domains`: which domain leads to which group, and whether DNS says so too."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from apigateway.commands.bind_domain import bind, duration, unbind
from apigateway.commands.desk import Desk, desk_options, json_option, open_desk
from apigateway.commands.exits import REFUSED
from apigateway.commands.project import project_options
from apigateway.definition.addresses import plain_host
from apigateway.definition.certificates import read_chain
from apigateway.definition.project import Project
from apigateway.definition.wording import did_you_mean
from apigateway.domains.record import on_record, put_on_record
from apigateway.domains.states import SERVED, DomainStanding, DomainState, standings
from apigateway.domains.steps import Record, after_finding
from apigateway.domains.verify import Finding, Lead, Question, leads_here, verify_domains
from apigateway.model.group import Certificate, Domain, Group
from apigateway.model.settings import DomainProof

_STYLES = {
    DomainState.BOUND: "green",
    DomainState.BINDING: "yellow",
    DomainState.LAPSED: "red",
    DomainState.TAKEN: "red",
}


@click.group()
def domains() -> None:
    """Show, verify, bind and unbind the domains of the API groups.

    A group has one second-level domain, which is fixed and for testing, and up to five independent
    ones, which it is called at.
    """


@domains.command("list")
@click.option("--group", "group_name", help="Of this group only.")
@json_option
@project_options
def list_domains(
    group_name: str | None, as_json: bool, definitions: Path | None, policies: Path | None
) -> None:
    """Show every domain, and how its binding stands. DNS is not asked: see `verify`.

    \b
    Examples:
      apigateway domains list
      apigateway domains list --group weather --json
    """
    with open_desk(definitions, policies) as desk:
        rows = list(_rows(desk.project, desk, group_name))
        limit = desk.project.settings.limits.subdomain_per_day
        proof = desk.project.settings.domains.verify
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=2))
        return
    _print_table(rows, limit)
    if proof is DomainProof.OFF:
        click.echo("domains are not verified: gateway.yaml does not say domains: {verify: cname}")


@domains.command()
@click.argument("names", metavar="[DOMAIN...]", nargs=-1)
@json_option
@desk_options
def verify(
    names: tuple[str, ...],
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Ask DNS now whether independent domains lead to their groups, and record the answer.

    All of them unless some are named. A binding that was withdrawn begins anew when its domain
    leads to the group. Exits 1 when one does not. With `domains: {verify: off}` the answer is
    shown and changes nothing.

    \b
    Examples:
      apigateway domains verify
      apigateway domains verify api.example.com --json
    """
    with open_desk(definitions, policies, by) as desk:
        before = on_record(desk.store.domain_bindings)
        chosen = _chosen(desk, before, names)
        settings = desk.project.settings.domains
        questions = [Question(one.domain.name, one.group.subdomain) for one in chosen]
        findings = asyncio.run(verify_domains(questions, settings))
        if settings.verify is DomainProof.CNAME:
            chosen = _record(desk, before, chosen, findings)
    rows = [_verified(*one) for one in zip(chosen, findings, strict=True)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            click.echo("{domain} of {group}: {state}; {finding}".format(**row))
        if not rows:
            click.echo("no group has an independent domain")
    if any(finding.lead is not Lead.HERE for finding in findings):
        raise SystemExit(REFUSED)


domains.add_command(bind)
domains.add_command(unbind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A domain as it is shown; `standing` is None for a second-level one."""

    domain: Domain
    group: Group
    standing: DomainStanding | None
    seconds_left: int | None = None

    @property
    def finding(self) -> str:
        return "" if self.standing is None else self.standing.finding


def _rows(project: Project, desk: Desk, group_name: str | None) -> Iterator[_Row]:
    names = [group.name for group in project.groups]
    if group_name is not None and group_name not in names:
        mend = did_you_mean(group_name, sorted(names), "apigateway check lists what is declared")
        raise click.UsageError(f'there is no group "{group_name}"; {mend}')
    now_ms = desk.now_ms
    found = standings(project, desk.store.domain_bindings.all(), now_ms)
    of_domain = {standing.domain.name: standing for standing in found}
    for group in project.groups:
        if group_name not in (None, group.name):
            continue
        for domain in group.hosts:
            standing = of_domain.get(domain.name)
            left_ms = standing.lapses_ms - now_ms if standing and standing.lapses_ms else None
            yield _Row(
                domain=domain,
                group=group,
                standing=standing,
                seconds_left=None if left_ms is None else -(-left_ms // 1000),
            )


def _plain(row: _Row) -> dict[str, Any]:
    standing = row.standing
    until = _until(row.domain.certificate)
    return {
        "domain": row.domain.name,
        "kind": row.domain.kind.value,
        "group": row.group.name,
        "environment": row.domain.environment.value if row.domain.environment else None,
        "certificate_until": None if until is None else until.isoformat(),
        "state": "bound" if standing is None else standing.state.value,
        "served": standing is None or standing.state in SERVED,
        "finding": row.finding,
        "seconds_left": row.seconds_left,
        "holder": standing.holder if standing and standing.holder else None,
    }


def _until(certificate: Certificate | None) -> datetime | None:
    """When the domain's own certificate ends."""
    if certificate is None:
        return None
    return read_chain(certificate.chain)[0].not_valid_after_utc


def _print_table(rows: Sequence[_Row], limit: int) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("domain", overflow="fold")
    for name in ("kind", "group", "env", "HTTPS until", "state"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        until = _until(row.domain.certificate)
        table.add_row(
            row.domain.name,
            row.domain.kind.value,
            row.group.name,
            row.domain.environment.value if row.domain.environment else "any",
            "no HTTPS" if until is None else f"{until:%Y-%m-%d}",
            _state(row, limit),
        )
    console = Console()
    console.print(table)
    for row in rows:
        if row.standing is not None and row.finding and not leads_here(row.finding):
            text = f"{row.domain.name}: {row.standing.advice}"
            console.print(text, style="yellow", soft_wrap=True, markup=False, highlight=False)


def _state(row: _Row, limit: int) -> Text:
    standing = row.standing
    if standing is None:
        return Text(f"{limit} calls a day")
    text = standing.state.value
    if standing.state is DomainState.TAKEN:
        text = f"taken by {standing.holder}"
    elif row.seconds_left is not None:
        text = f"binding, {duration(row.seconds_left)}"
    return Text(text, style=_STYLES[standing.state])


def _chosen(desk: Desk, recorded: Record, names: Sequence[str]) -> list[DomainStanding]:
    """The independent domains that are meant: all, when none are named.

    Raises:
        click.UsageError: a name that is none.
    """
    found = standings(desk.project, recorded.values(), desk.now_ms)
    known = {standing.domain.name: standing for standing in found}
    fixed = {group.subdomain for group in desk.project.groups}
    wanted = dict.fromkeys(map(plain_host, names))
    for name in wanted:
        if name in fixed:
            raise click.UsageError(
                f'"{name}" is a second-level domain: it belongs to its group without a CNAME'
            )
        if name not in known:
            mend = did_you_mean(name, sorted(known), "apigateway domains list shows all")
            raise click.UsageError(f'no group has the domain "{name}"; {mend}')
    return [known[name] for name in wanted or known]


def _record(
    desk: Desk, before: Record, chosen: Sequence[DomainStanding], findings: Sequence[Finding]
) -> list[DomainStanding]:
    """Put the findings on record; how the domains stand then."""
    now_ms, store = desk.now_ms, desk.store
    changes = {
        standing.domain.name: after_finding(standing, finding, now_ms)
        for standing, finding in zip(chosen, findings, strict=True)
    }
    put_on_record(
        store.domain_bindings,
        store.audit,
        desk.project,
        before,
        changes,
        by=desk.by,
        now_ms=now_ms,
    )
    found = standings(desk.project, store.domain_bindings.all(), now_ms)
    by_name = {standing.domain.name: standing for standing in found}
    return [by_name[standing.domain.name] for standing in chosen]


def _verified(standing: DomainStanding, finding: Finding) -> dict[str, Any]:
    return {
        "domain": standing.domain.name,
        "group": standing.group.name,
        "state": standing.state.value,
        "leads_here": finding.lead is Lead.HERE,
        "finding": finding.text,
    }
