"""`apigateway plan`: what a release would do, and what would break."""

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import chosen_apis, json_option, open_desk
from apigateway.commands.diff import (
    console_of_lines,
    environment_argument,
    print_changes,
    visible,
)
from apigateway.commands.exits import DIFFERENT, DONE, REFUSED
from apigateway.commands.project import project_options
from apigateway.lifecycle.breaking.finding import Finding, Severity
from apigateway.lifecycle.plan import Action, Plan, PlannedApi, make_plan, plan_to_json
from apigateway.model.group import Environment

_STYLES = {
    Severity.OBSTACLE: "bold red",
    Severity.BREAKING: "red",
    Severity.NOTICE: "cyan",
}


@click.command()
@environment_argument
@click.option(
    "--api",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_apis,
    help="Only this API, group/API or group; repeat it for more.  [default: every draft]",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan to a file, for apigateway release --plan.",
)
@json_option
@project_options
def plan(
    environment: Environment,
    names: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Say what a release of the drafts to ENV (TEST, PRE, or RELEASE unless given) would do, and
    what would break for whom.

    Nothing is changed. Exit code: 0 when nothing breaks, 3 when calls that work today would not,
    1 when something stands against the release.

    \b
    Examples:
      apigateway plan
      apigateway plan TEST --api weather
      apigateway plan --out release.plan && apigateway release --plan release.plan --note "..."
    """
    with open_desk(definitions, policies) as desk:
        apis = chosen_apis(desk.project, names) if names else desk.project.apis
        made = make_plan(desk.project, desk.store.releases.current(), environment, apis)
    if out is not None:
        _write(made, out)
    if as_json:
        click.echo(json.dumps(plan_to_json(made), ensure_ascii=False, indent=2))
    else:
        print_plan(made)
    raise SystemExit(_exit_of(made))


def _exit_of(made: Plan) -> int:
    if made.of(Severity.OBSTACLE):
        return REFUSED
    return DIFFERENT if made.of(Severity.BREAKING) else DONE


def _write(made: Plan, path: Path) -> None:
    """All of it or nothing: a plan that is cut off would be refused as damaged."""
    text = json.dumps(plan_to_json(made), ensure_ascii=False, indent=2) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8", "surrogatepass")
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise click.ClickException(f"{path}: {problem.strerror}") from None
    how = f"apigateway release --plan {path} --note ..."
    click.echo(f"the plan is in {path}; carry it out with {how}", err=True)


# --- what `release` prints as well


def print_plan(made: Plan) -> None:
    console = console_of_lines()
    names = {one.name for one in made.due}
    for one in made.due:
        console.print(Text.assemble((visible(one.name), "bold"), f"  {_action(one)}"))
        print_changes(console, one.changes)
        for finding in made.findings:
            if finding.subject == one.name:
                _print_finding(console, finding, "")
    others = [finding for finding in made.findings if finding.subject not in names]
    if others:
        console.print(Text("Besides", style="bold"))
    for finding in others:
        _print_finding(console, finding, f"{visible(finding.subject)}: ")
    click.echo(summary(made))


def _action(one: PlannedApi) -> str:
    if one.action is Action.CREATE:
        return "is not released"
    return f"in place of version {one.served}"


def _print_finding(console: Console, finding: Finding, subject: str) -> None:
    severity = finding.severity
    label = severity if severity is Severity.NOTICE else severity.upper()
    field = f"{visible(finding.field)}: " if finding.field else ""
    callers = f"  [{touched}]" if (touched := _callers(finding)) else ""
    console.print(
        Text.assemble(
            (f"  {label:9}", _STYLES[severity]),
            f" {subject}{field}{visible(finding.what)}",
            (callers, "dim"),
        )
    )


def _callers(finding: Finding) -> str:
    if finding.anyone:
        return "anyone"
    if finding.callers:
        return visible(", ".join(finding.callers))
    return "no app has a grant" if finding.severity is Severity.BREAKING else ""


def summary(made: Plan) -> str:
    """`RELEASE: 2 to release, 9 as released; 1 breaking, 3 notices`."""
    idle = len(made.apis) - len(made.due)
    counts = [f"{len(made.due)} to release", *([f"{idle} as released"] if idle else [])]
    for severity, one, more in (
        (Severity.OBSTACLE, "obstacle", "obstacles"),
        (Severity.BREAKING, "breaking", "breaking"),
        (Severity.NOTICE, "notice", "notices"),
    ):
        if number := len(made.of(severity)):
            counts.append(f"{number} {one if number == 1 else more}")
    return f"{made.environment}: {', '.join(counts)}"
