"""`apigateway rehearse`: captured calls through what is live and through what would be."""

import json
import os
from pathlib import Path

import click

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import chosen_apis, environment_option, json_option, open_desk
from apigateway.commands.exits import DIFFERENT
from apigateway.commands.judged import calls_of
from apigateway.commands.project import project_options
from apigateway.commands.rehearsing import (
    THE_DRAFTS,
    print_report,
    run,
    sides_of_drafts,
    sides_of_version,
)
from apigateway.model.group import Environment
from apigateway.rehearsal.page import page_of
from apigateway.rehearsal.rehearsal import EXAMPLES
from apigateway.rehearsal.report import Title, report_to_json


@click.command()
@click.argument("capture")
@click.option("--draft", is_flag=True, help="Rehearse a release of the drafts.")
@click.option("--release", "version", metavar="VERSION", help="Rehearse a switch to this version.")
@environment_option
@click.option(
    "--api",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_apis,
    help="Only this API, group/API or group; repeat it for more.  [default: all]",
)
@click.option(
    "--limits",
    type=click.Choice(["fresh", "off"]),
    default="fresh",
    show_default=True,
    help="Count from zero on both sides, in the time of the capture, or refuse nothing.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as one page to this file.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 1000),
    default=EXAMPLES,
    show_default=True,
    help="Calls of a cause that are shown in full, on the page and in JSON.",
)
@json_option
@project_options
def rehearse(
    capture: str,
    draft: bool,
    version: str | None,
    environment: Environment,
    names: tuple[str, ...],
    limits: str,
    page: Path | None,
    most: int,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Tell which captured calls would end otherwise after a release or a switch, and why.

    CAPTURE holds mitmproxy flows (`mitmdump -w`) or a HAR. Each call is taken through what is live
    and through the candidate, at its own time. Nothing is sent, spent or changed. Exits 3 when a
    call would end otherwise.

    \b
    Examples:
      apigateway rehearse calls.mitm --draft
      apigateway rehearse calls.mitm --draft --api weather --html rehearsal.html
      apigateway rehearse calls.mitm --release 20261125210000000 --env TEST
    """
    if draft == (version is not None):
        raise click.UsageError("say what to rehearse: --draft, or --release VERSION")
    if page is not None and not page.parent.is_dir():
        raise click.ClickException(
            f"{page}: there is no folder {page.parent}: make it (mkdir -p {page.parent})"
        )
    title = Title(
        capture=Path(capture).name if len(capture) < 256 else "a capture",
        candidate=THE_DRAFTS if version is None else f"version {version}",
        is_release=version is None,
    )
    with open_desk(definitions, policies) as desk:
        apis = chosen_apis(desk.project, names) if names else list(desk.project.apis)
        if version is None:
            sides = sides_of_drafts(desk, environment, apis, with_removed=not names)
        else:
            sides = sides_of_version(desk, environment, apis, version)
    calls = calls_of(capture)
    report = run(sides, calls, with_limits=limits == "fresh", examples=most, quiet=as_json)
    if page is not None:
        _write(page, page_of(report, title), quiet=as_json)
    if as_json:
        click.echo(json.dumps(report_to_json(report, title), ensure_ascii=False, indent=2))
    else:
        print_report(report, title)
    if report.differing:
        raise SystemExit(DIFFERENT)


def _write(path: Path, text: str, *, quiet: bool) -> None:
    """All of it or nothing."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8", "backslashreplace")
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise click.ClickException(f"{path}: {problem.strerror}") from None
    if not quiet:
        click.echo(f"the page is in {path}", err=True)
