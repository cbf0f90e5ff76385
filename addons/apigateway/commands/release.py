"""`apigateway release`: drafts are served from now on."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import (
    Desk,
    chosen_apis,
    desk_options,
    environment_option,
    json_option,
    open_desk,
)
from apigateway.commands.diff import visible
from apigateway.commands.exits import OVERTAKEN, REFUSED
from apigateway.commands.plan import print_plan
from apigateway.lifecycle.breaking.finding import Finding, Severity
from apigateway.lifecycle.plan import (
    DraftChanged,
    NotAPlan,
    Plan,
    make_plan,
    plain_finding,
    plan_from_json,
)
from apigateway.lifecycle.release import (
    Obstructed,
    carry_out,
    fault_of_note,
    refuse_overtaken,
    who_overtook,
)
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import ReleasedMeanwhile


def _note(_: click.Context, __: click.Parameter, note: str) -> str:
    if fault := fault_of_note(note):
        raise click.BadParameter(fault)
    return note


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_apis)
@click.option("--all", "every", is_flag=True, help="Every draft.")
@environment_option
@click.option(
    "--note", required=True, callback=_note, help="What changes, for the history; 180 characters."
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Carry out this plan (of apigateway plan --out), exactly or not at all.",
)
@click.option(
    "--rehearse",
    "capture",
    metavar="CAPTURE",
    help="Refuse when calls of this capture would end otherwise.",
)
@click.option(
    "--accept",
    "accepted",
    metavar="CAUSE",
    multiple=True,
    help="A cause of the rehearsal, by its name, that may be; repeat it for more.",
)
@click.option("--yes", is_flag=True, help="Do not ask, and accept what breaks.")
@json_option
@desk_options
@click.pass_context
def release(
    context: click.Context,
    names: tuple[str, ...],
    every: bool,
    environment: Environment,
    note: str,
    plan_file: Path | None,
    capture: str | None,
    accepted: tuple[str, ...],
    yes: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Release drafts: all of them at once, or none.

    NAME is an API, group/API or a group (all its APIs). The plan is shown first; on a terminal it
    is asked whether to go on. Elsewhere a release that would break callers needs --yes.

    When somebody else released meanwhile what was planned on, or a draft was edited since the
    plan, nothing is changed and the exit code is 4.

    With --rehearse, the calls of a capture are tried first (see apigateway rehearse): nothing is
    released while one would end otherwise for a cause that --accept does not name. --yes accepts
    none.

    \b
    Examples:
      apigateway release GetForecast --note "seven days at most"
      apigateway release weather --note "..." --rehearse calls.mitm --accept days-greater-than-7
      apigateway release weather --env TEST --note "the new stations"
      apigateway release --plan release.plan --note "as reviewed" --yes
    """
    if sum((bool(names), every, plan_file is not None)) != 1:
        raise click.UsageError("say what to release: NAME..., --all, or --plan FILE")
    if accepted and capture is None:
        raise click.UsageError("--accept is for the causes of a rehearsal: give --rehearse CAPTURE")
    saved = None if plan_file is None else _read(plan_file)
    if saved is not None:
        given = context.get_parameter_source("environment") is not ParameterSource.DEFAULT
        if given and environment is not saved.environment:
            raise click.UsageError(f"the plan is for {saved.environment}, not {environment}")
    with open_desk(definitions, policies, by) as desk:
        try:
            made = _planned(desk, saved, names, environment)
            if not as_json:
                print_plan(made)
            rehearsal, refusal = _rehearsed(desk, made, capture, accepted, as_json)
            if refusal := refusal or _refusal(made, asks=not as_json and not yes, accepts=yes):
                if as_json:
                    _print_json(made, (), rehearsal)
                click.echo(refusal, err=True)
                raise SystemExit(REFUSED)
            released = carry_out(
                made, desk.project, desk.store.releases, note=note, by=desk.by, now_ms=desk.now_ms
            )
        except ReleasedMeanwhile as problem:
            _tell_overtaken(desk, problem)
            raise SystemExit(OVERTAKEN) from None
        except DraftChanged as problem:
            click.echo(f"{visible(str(problem))}; nothing was changed, plan again", err=True)
            raise SystemExit(OVERTAKEN) from None
        except Obstructed as problem:
            _tell_obstacles(problem.obstacles)
            raise SystemExit(REFUSED) from None
    if as_json:
        _print_json(made, released, rehearsal)
    else:
        _print(made, released)


def _read(path: Path) -> Plan:
    try:
        return plan_from_json(json.loads(path.read_text("utf-8", "surrogatepass")))
    except OSError as problem:
        raise click.ClickException(f"{path}: {problem.strerror}") from None
    except NotAPlan as problem:
        raise click.ClickException(f"{path}: {problem}") from None
    except (ValueError, RecursionError):
        raise click.ClickException(f"{path}: it is no plan: not JSON") from None


def _planned(
    desk: Desk, saved: Plan | None, names: Sequence[str], environment: Environment
) -> Plan:
    """The plan as it is today; of a saved one, exactly what that one releases.

    Raises:
        ReleasedMeanwhile, DraftChanged: the saved plan was overtaken.
    """
    current = desk.store.releases.current()
    if saved is not None:
        changes = refuse_overtaken(saved, desk.project, current)
        ids = {change.api_id for change in changes}
        apis = [api for api in desk.project.apis if api.id in ids]
        return make_plan(desk.project, current, saved.environment, apis)
    apis = chosen_apis(desk.project, names) if names else list(desk.project.apis)
    return make_plan(desk.project, current, environment, apis)


def _rehearsed(
    desk: Desk, made: Plan, capture: str | None, accepted: Sequence[str], as_json: bool
) -> tuple[dict[str, Any] | None, str]:
    """The rehearsal as JSON data, None for none, and why the release is not made for it. What an
    obstacle stands against is not rehearsed."""
    if capture is None or not made.due or made.of(Severity.OBSTACLE):
        return None, ""
    # here, since what reads captures takes longer to import than a release takes
    from apigateway.commands.rehearsing import (
        THE_DRAFTS,
        print_report,
        refusal_of,
        rehearse_plan,
    )
    from apigateway.rehearsal.report import Title, report_to_json

    report = rehearse_plan(desk, made, capture, quiet=as_json)
    title = Title(capture=Path(capture).name, candidate=THE_DRAFTS)
    if not as_json:
        print_report(report, title)
    return report_to_json(report, title), refusal_of(report, accepted)


def _refusal(made: Plan, *, asks: bool, accepts: bool) -> str:
    """Why the plan is not carried out, "" when it is. Asks on a terminal."""
    if obstacles := made.of(Severity.OBSTACLE):
        return f"{_told(len(obstacles), 'obstacle')} in the way: nothing was released"
    if not made.due or accepts:
        return ""
    breaking = made.of(Severity.BREAKING)
    if asks and is_terminal():
        apis = "1 API" if len(made.due) == 1 else f"{len(made.due)} APIs"
        warning = f", though {_told(len(breaking), 'change')} would break calls" if breaking else ""
        click.confirm(f"Release {apis} to {made.environment}{warning}?", abort=True)
    elif breaking:
        told = _told(len(breaking), "change")
        return f"{told} would break calls: nothing was released; --yes accepts it"
    return ""


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _told(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tell_overtaken(desk: Desk, problem: ReleasedMeanwhile) -> None:
    for conflict in problem.conflicts:
        click.echo(visible(str(conflict)), err=True)
        if by := who_overtook(conflict, desk.store.releases, desk.store.audit):
            click.echo(f"  {visible(by)}", err=True)
    click.echo("somebody else changed it meanwhile; nothing was changed, plan again", err=True)


def _tell_obstacles(obstacles: Sequence[Finding]) -> None:
    for one in obstacles:
        click.echo(visible(f"{one.subject}: {one.field}: {one.what}"), err=True)
    click.echo("nothing was released", err=True)


def _print(made: Plan, released: Sequence[Release]) -> None:
    if not released:
        click.echo(f"nothing to do: what is served in {made.environment} is what the drafts say")
    before = {one.api_id: one.served for one in made.due}
    for one in released:
        was = before[one.api_id] or "none"
        where = visible(f"{one.group}/{one.api} in {one.environment}")
        click.echo(f"{where}: version {one.version} (before: {was})")


def _print_json(made: Plan, released: Sequence[Release], rehearsal: dict[str, Any] | None) -> None:
    before = {one.api_id: one.served for one in made.due}
    document: dict[str, Any] = {
        "environment": made.environment.value,
        "released": [
            {
                "group": one.group,
                "api": one.api,
                "before": before[one.api_id] or None,
                "version": one.version,
            }
            for one in released
        ],
        "findings": [plain_finding(one) for one in made.findings],
    }
    if rehearsal is not None:
        document["rehearsal"] = rehearsal
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
