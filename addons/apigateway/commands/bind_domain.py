"""`apigateway domains bind` and `unbind`: which group a domain leads to."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from apigateway.commands.desk import Desk, desk_options, json_option, open_desk
from apigateway.commands.exits import REFUSED
from apigateway.definition.addresses import plain_host
from apigateway.definition.problems import DefinitionError
from apigateway.definition.wording import did_you_mean
from apigateway.domains.rules import (
    Holding,
    NotPermitted,
    holding_of,
    refuse_more,
    refuse_move,
    refuse_name,
)
from apigateway.domains.states import DomainStanding, DomainState, standings
from apigateway.domains.steps import after_finding
from apigateway.domains.verify import Finding, Question, verify_domain
from apigateway.editing.domains import (
    Item,
    carried,
    declared_as,
    file_of,
    item_of,
    with_domain,
    without_domain,
)
from apigateway.editing.editor import Editor, open_editor
from apigateway.editing.files import Edit, NotEdited, carry_out, content_at
from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Domain, DomainKind, Environment, Group
from apigateway.model.settings import DomainProof

ANY = "any"


@click.command()
@click.argument("group_name", metavar="GROUP")
@click.argument("name", metavar="DOMAIN")
@click.option(
    "--env",
    "environment",
    type=click.Choice([*(one.value for one in Environment), ANY], case_sensitive=False),
    help="Serve this environment only; any: that of X-Ca-Stage.  [default: as it is, or any]",
)
@click.option(
    "--move",
    is_flag=True,
    help="Take it from the group that has it, where DNS is not asked.",
)
@json_option
@desk_options
def bind(
    group_name: str,
    name: str,
    environment: str | None,
    move: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Bind a domain to a group: in the group's file, and at once in every worker.

    With `domains: {verify: cname}` DNS is asked first. A domain that does not lead to the group
    yet is served for a day, and withdrawn unless it is verified by then; one that another group
    has moves when it leads to the new one, and not before. Binding again begins anew.

    \b
    Examples:
      apigateway domains bind weather api.example.com
      apigateway domains bind weather test.example.com --env TEST
      apigateway domains bind accounts api.example.com --move
    """
    with open_desk(definitions, policies, by) as desk:
        try:
            row = _bind(desk, _group(desk, group_name), plain_host(name), environment, move)
        except (NotPermitted, NotEdited, DefinitionError) as reason:
            click.echo(str(reason), err=True)
            raise SystemExit(REFUSED) from None
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False, indent=2))
    else:
        click.echo(_told(row))


@click.command()
@click.argument("name", metavar="DOMAIN")
@json_option
@desk_options
def unbind(
    name: str, as_json: bool, by: str | None, definitions: Path | None, policies: Path | None
) -> None:
    """Unbind a domain from its group: its callers get "Invalid Domain" from now on.

    \b
    Example:
      apigateway domains unbind api.example.com
    """
    name = plain_host(name)
    with open_desk(definitions, policies, by) as desk:
        try:
            holding = holding_of(desk.project, name)
            if holding is None:
                known = sorted(one.name for group in desk.project.groups for one in group.domains)
                mend = did_you_mean(name, known, "apigateway domains list shows all")
                raise click.UsageError(f'no group has the domain "{name}"; {mend}')
            settings = desk.project.settings
            with open_editor(desk.definitions, desk.policies, settings, desk.by) as editor:
                path = file_of(editor, holding.group.name)
                editor.make(editor.edit(path, without_domain(editor.data(path), name)))
                recorded = {one.domain: one for one in desk.store.domain_bindings.all()}
                _record(desk, name, recorded.get(name), None)
        except (NotPermitted, NotEdited, DefinitionError) as reason:
            click.echo(str(reason), err=True)
            raise SystemExit(REFUSED) from None
        _write_down(desk, "unbind-domain", name, "", before=_plain(holding), after=None)
    row = {"domain": name, "group": holding.group.name}
    click.echo(
        json.dumps(row, ensure_ascii=False, indent=2)
        if as_json
        else f"{name}: no longer bound to the group {holding.group.name}"
    )


def _group(desk: Desk, name: str) -> Group:
    for group in desk.project.groups:
        if group.name == name:
            return group
    names = sorted(group.name for group in desk.project.groups)
    mend = did_you_mean(name, names, "apigateway check lists what is declared")
    raise click.UsageError(f'there is no group "{name}"; {mend}')


@dataclass(frozen=True, slots=True)
class _Wish:
    """The domain `name` for `group`; `before` is who declares it now."""

    desk: Desk
    group: Group
    name: str
    before: Holding | None

    @property
    def moves(self) -> bool:
        return self.before is not None and self.before.group.name != self.group.name


def _bind(
    desk: Desk, group: Group, name: str, environment: str | None, move: bool
) -> dict[str, Any]:
    """What was done.

    Raises: NotPermitted, NotEdited, DefinitionError; then nothing was.
    """
    wish = _Wish(desk, group, name, holding_of(desk.project, name))
    refuse_name(name)
    if wish.before is None or wish.moves:
        refuse_more(group)
    recorded = {one.domain: one for one in desk.store.domain_bindings.all()}
    standing = _standing(wish, recorded.values())
    finding = _asked(wish)
    if wish.before is not None and wish.moves:
        refuse_move(wish.before.group.name, name, group, finding, move)
    elif standing.state is DomainState.TAKEN:
        refuse_move(standing.holder, name, group, finding, move)
    now_ms = desk.now_ms
    binding = None if finding is None else after_finding(standing, finding, now_ms)
    with open_editor(desk.definitions, desk.policies, desk.project.settings, desk.by) as editor:
        item, edits = _edits(editor, wish, environment)
        _make(editor, edits)
        is_recorded = _record(desk, name, recorded.get(name), binding)
    after = {
        "group": group.name,
        "environment": None if isinstance(item, str) else item.get("environment"),
        "verified": bool(binding and binding.verified_ms),
    }
    if edits or is_recorded:
        said = "" if finding is None else finding.text
        _write_down(desk, "bind-domain", name, said, before=_plain(wish.before), after=after)
    lapses_ms = desk.project.settings.domains.lapse_ms
    pending = binding is not None and not binding.verified_ms
    return {
        "domain": name,
        **after,
        "moved_from": wish.before.group.name if wish.before and wish.moves else None,
        "state": DomainState.BINDING.value if pending else DomainState.BOUND.value,
        "seconds_left": (
            -(-(binding.bound_ms + lapses_ms - now_ms) // 1000) if binding and pending else None
        ),
        "finding": "" if finding is None else finding.text,
    }


def _edits(editor: Editor, wish: _Wish, environment: str | None) -> tuple[Item, list[Edit]]:
    """How the group is to declare the domain, and the edits, in their order: between two of them
    nobody has the domain, and not two groups.

    Raises: NotEdited.
    """
    target = file_of(editor, wish.group.name)
    source = target if wish.before is None else file_of(editor, wish.before.group.name)
    documents = {path: editor.data(path) for path in (source, target)}
    item = item_of(documents[source], wish.name) or wish.name
    if wish.moves:
        documents[source] = without_domain(documents[source], wish.name)
        item = carried(item, source.resolve().parent, target.resolve().parent)
    if environment is not None:
        item = declared_as(item, None if environment == ANY else Environment(environment))
    documents[target] = with_domain(documents[target], item)
    edits = [editor.edit(path, document) for path, document in documents.items()]
    return item, [edit for edit in edits if edit.before != edit.after]


def _make(editor: Editor, edits: Sequence[Edit]) -> None:
    """Make all of the edits or none.

    Raises: NotEdited, DefinitionError.
    """
    try:
        editor.make(*edits)
    except NotEdited:
        for edit in edits[:1]:
            if len(edits) > 1 and content_at(edit.path) == edit.after:
                carry_out(replace(edit, before=edit.after, after=edit.before))
        raise


def _standing(wish: _Wish, recorded: Iterable[DomainBinding]) -> DomainStanding:
    """How the binding stands that is asked for: a new one, unless the group has the domain and it
    was not withdrawn."""
    if wish.before is not None and not wish.moves:
        for standing in standings(wish.desk.project, recorded, wish.desk.now_ms):
            if standing.domain.name == wish.name and standing.state is not DomainState.LAPSED:
                return standing
    domain = Domain(name=wish.name, kind=DomainKind.INDEPENDENT)
    return DomainStanding(domain=domain, group=wish.group, state=DomainState.BINDING)


def _asked(wish: _Wish) -> Finding | None:
    """What DNS says; None where it is not asked."""
    settings = wish.desk.project.settings.domains
    if settings.verify is DomainProof.OFF:
        return None
    return asyncio.run(verify_domain(Question(wish.name, wish.group.subdomain), settings))


def _record(
    desk: Desk, name: str, before: DomainBinding | None, after: DomainBinding | None
) -> bool:
    """Put the binding on record, and tell every worker; whether that changed the record."""
    if after is not None and after != before:
        desk.store.domain_bindings.record([after])
    elif after is None and before is not None:
        desk.store.domain_bindings.forget([name])
    else:
        desk.store.releases.announce()
    return after != before


def _write_down(desk: Desk, action: str, name: str, note: str, *, before: Any, after: Any) -> None:
    environment = (after or before)["environment"] or ""
    entry = AuditEntry(
        at_ms=desk.now_ms,
        by=desk.by,
        action=action,
        subject=name,
        environment=environment,
        note=note,
        before=before,
        after=after,
    )
    desk.store.audit.write([entry])


def _plain(holding: Holding | None) -> dict[str, Any] | None:
    if holding is None:
        return None
    environment = holding.domain.environment
    return {
        "group": holding.group.name,
        "environment": environment.value if environment else None,
    }


def _told(row: Mapping[str, Any]) -> str:
    text = f"{row['domain']}: bound to the group {row['group']}"
    if row["environment"]:
        text += f", for {row['environment']}"
    if row["moved_from"]:
        text += f", no longer to {row['moved_from']}"
    if row["seconds_left"] is not None:
        text += f"; withdrawn in {duration(row['seconds_left'])} unless it is verified by then"
    return f"{text}; {row['finding']}" if row["finding"] else text


def duration(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
