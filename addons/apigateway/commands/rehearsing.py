"""What `rehearse` and `release --rehearse` share: the two sides, the calls, and what is printed."""

import asyncio
import sys
from collections.abc import Collection, Iterable, Sequence

import click
from rich.console import Console
from rich.progress import track
from rich.text import Text

from apigateway.commands.desk import Desk
from apigateway.commands.diff import console_of_lines, visible
from apigateway.commands.judged import calls_of, with_time
from apigateway.definition.problems import DefinitionError
from apigateway.domains.states import withdrawn_domains
from apigateway.lifecycle.plan import Plan
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import Counters
from apigateway.rehearsal.causes import accepts, given_names
from apigateway.rehearsal.rehearsal import EXAMPLES, Group, Report, rehearse
from apigateway.rehearsal.report import Title, apps_phrase, calls_phrase, change_phrase, sums
from apigateway.rehearsal.sides import Sides, drafts_released, sides_of, version_switched_to
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.offline import OfflineChain
from apigateway.replay.unspent import NoCounters
from apigateway.store.memory import MemoryStore

THE_DRAFTS = "the drafts"

_FOR_PROGRESS = 500
"""So many calls take long enough for somebody to wonder."""

_SHOWN = 3


def sides_of_drafts(
    desk: Desk, environment: Environment, apis: Iterable[Api], *, with_removed: bool
) -> Sides:
    """What is live, and what a release of these drafts would make of it.

    Raises:
        click.ClickException: a release that this version cannot read.
    """
    current = desk.store.releases.current()
    chosen = {api.id for api in apis}
    changes = drafts_released(desk.project, current, environment, chosen)
    return _sides(desk, current, changes, environment, with_removed=with_removed)


def sides_of_version(
    desk: Desk, environment: Environment, apis: Iterable[Api], version: str
) -> Sides:
    """What is live, and what a switch of these APIs to a version would make of it.

    Raises:
        click.ClickException: no API has it, or a release that this version cannot read.
    """
    changes = version_switched_to(desk.store.releases, apis, environment, version)
    if not changes:
        raise click.ClickException(
            f"no API has a version {version} in {environment}; apigateway history lists them"
        )
    current = desk.store.releases.current()
    return _sides(desk, current, changes, environment, with_removed=False)


def _sides(
    desk: Desk,
    current: Sequence[Release],
    changes: Sequence[Release],
    environment: Environment,
    *,
    with_removed: bool,
) -> Sides:
    withdrawn = withdrawn_domains(desk.project, desk.store.domain_bindings.all(), desk.now_ms)
    try:
        return sides_of(
            desk.project,
            current,
            changes,
            environment,
            withdrawn=withdrawn,
            with_removed=with_removed,
        )
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None


def run(
    sides: Sides,
    calls: Iterable[CapturedCall],
    *,
    with_limits: bool = True,
    examples: int = EXAMPLES,
    quiet: bool,
) -> Report:
    """The calls through both sides, with counters and nonces of its own on each."""
    ordered: Sequence[CapturedCall] = in_order(map(with_time, calls))
    shown: Iterable[CapturedCall] = ordered
    if len(ordered) >= _FOR_PROGRESS and sys.stderr.isatty() and not quiet:
        shown = track(ordered, description="rehearse", console=Console(stderr=True))
    chains = []
    for catalog in (sides.live, sides.candidate):
        store = MemoryStore()
        counters: Counters = store.counters if with_limits else NoCounters()
        chains.append(OfflineChain(catalog, counters=counters, nonces=store.nonces))
    live, candidate = chains
    return asyncio.run(rehearse(sides, live, candidate, shown, examples=examples))


def rehearse_plan(desk: Desk, made: Plan, capture: str, *, quiet: bool) -> Report:
    """What a plan would do to the calls of a capture.

    Raises:
        click.ClickException: the capture, or what is released, cannot be read.
    """
    chosen = {one.api_id for one in made.due}
    apis = [api for api in desk.project.apis if api.id in chosen]
    sides = sides_of_drafts(desk, made.environment, apis, with_removed=False)
    return run(sides, calls_of(capture), quiet=quiet)


def refusal_of(report: Report, accepted: Collection[str]) -> str:
    """Why a release is not made, with what to type; "" where every cause is accepted."""
    causes = [group.cause for group in report.breaking]
    left = [
        group
        for group in report.breaking
        if not any(accepts(name, group.cause, causes) for name in accepted)
    ]
    if not left:
        return ""
    given = given_names(causes)
    lines = []
    for name in accepted:
        if not any(accepts(name, cause, causes) for cause in causes):
            several = [cause.full_name for cause in causes if cause.name == name]
            mend = f"say which: {', '.join(several)}" if several else "no call differs for that"
            lines.append(f"--accept {name}: {mend}")
    are = "1 cause is" if len(left) == 1 else f"{len(left)} causes are"
    options = " ".join(f"--accept {given(group.cause)}" for group in left)
    lines.append(
        f"calls of the capture would end otherwise, and {are} not accepted: nothing was released"
    )
    lines.append(f"to accept, add: {options}")
    return "\n".join(map(visible, lines))


def print_report(report: Report, title: Title) -> None:
    console = console_of_lines()
    console.print(Text(f"{visible(title.capture)}: {title.against(report)}", style="bold"))
    changed = ", ".join(report.sides.changed) or "nothing"
    console.print(Text(f"changes {visible(changed)}", style="dim"))
    if report.sides.removed:
        removed = visible(", ".join(report.sides.removed))
        told = "is released and not declared any more; taken to be live, granted to every app"
        console.print(Text(f"{removed} {told}", style="dim"))
    given = given_names(group.cause for group in report.groups)
    for group in report.groups:
        _print_group(console, group)
        if title.is_release and not group.cause.breaks_nobody:
            accept = f"  a release accepts it with --accept {visible(given(group.cause))}"
            console.print(Text(accept, style="dim"))
    if report.groups:
        click.echo()
    for number, why in report.not_judged:
        click.echo(f"#{number} was not judged: {visible(why)}", err=True)
    click.echo(sums(report))
    if report.sides.changed and report.calls == report.not_touched + len(report.not_judged):
        click.echo(
            "no call was taken through both sides: this says nothing of what changes", err=True
        )


def _print_group(console: Console, group: Group) -> None:
    before, after, alike = change_phrase(group)
    apps = apps_phrase(group)
    style = "cyan" if group.cause.breaks_nobody else "red"
    console.print()
    console.print(
        Text.assemble(
            (visible(group.cause.api or "no API"), "bold"),
            f"  {visible(group.cause.words)} - ",
            (calls_phrase(group), style),
            (f" ({visible(apps)})" if apps else "", "dim"),
        )
    )
    such = "" if alike else "such as "
    console.print(Text(f"  {such}{visible(before)} -> {visible(after)}"))
    for example, _ in group.examples[:_SHOWN]:
        identity = f" {example.request_id}" if example.request_id else ""
        console.print(Text(f"  #{example.number}{visible(identity)}  {visible(example.line)}"))
    if len(group.calls) > _SHOWN:
        console.print(Text(f"  and {len(group.calls) - _SHOWN:,} more", style="dim"))
