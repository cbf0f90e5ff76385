"""`apigateway check`: every problem of the definitions at once."""

import json
from pathlib import Path

import click

from apigateway.commands.project import project_folders, project_options
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError, Problem


@click.command()
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(definitions: Path | None, policies: Path | None, as_json: bool) -> None:
    """Check definitions and policies.

    Prints every problem as `file:line:column: what; how to mend` and exits 1 when there is one.
    Warnings are printed and do not change the exit code.
    """
    folders = project_folders(definitions, policies)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    summary = ""
    try:
        project = load_project(*folders)
        warnings = project.warnings
        summary = (
            f"good: {_count(len(project.groups), 'group')}, {_count(len(project.apis), 'API')}, "
            f"{_count(len(project.apps), 'app')}, {_count(len(project.grants), 'grant')} "
            f"in {folders[0]}"
        )
    except DefinitionError as error:
        problems = error.problems
    if as_json:
        document = {
            "problems": [_plain(problem) for problem in problems],
            "warnings": [_plain(warning) for warning in warnings],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for problem in problems:
            click.echo(str(problem))
        for warning in warnings:
            click.echo(f"{warning} (warning)")
        click.echo(summary or _count(len(problems), "problem"), err=bool(problems))
    if problems:
        raise SystemExit(1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(problem: Problem) -> dict[str, str | int]:
    return {
        "file": str(problem.file),
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "mend": problem.mend,
    }
