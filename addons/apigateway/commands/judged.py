"""What `explain` and `replay` share: which calls, and what they are judged against."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from apigateway.captures.sent import CaptureError
from apigateway.commands.desk import Desk
from apigateway.commands.explain_signature import capture_content
from apigateway.definition.compile import compile_catalog
from apigateway.definition.problems import DefinitionError
from apigateway.domains.states import withdrawn_domains
from apigateway.lifecycle.serving import served_now
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.replay.call import CapturedCall
from apigateway.replay.captured import read_calls

F = TypeVar("F", bound=Callable[..., Any])


def against_options(command: F) -> F:
    """`--draft` and `--release`: what is judged instead of what is served."""
    command = click.option(
        "--release",
        "version",
        metavar="VERSION",
        help="Judge against this version of the APIs that have it.",
    )(command)
    return click.option(
        "--draft", is_flag=True, help="Judge against the drafts, as if they were released."
    )(command)


def calls_of(capture: str) -> list[CapturedCall]:
    """The calls of a capture: a file, `-` for standard input, or a curl line.

    Raises:
        click.ClickException: it cannot be read, or holds no call: nothing can be said by it.
    """
    try:
        calls = read_calls(capture_content(capture))
    except CaptureError as problem:
        raise click.ClickException(str(problem)) from None
    if not calls:
        raise click.ClickException("the capture holds no call")
    return calls


def catalog_of(desk: Desk, *, draft: bool, version: str | None) -> Catalog:
    """What is served, or would be: with the drafts in every environment that an API is released to
    (RELEASE for one that is nowhere), or with one version of the history.

    Raises:
        click.UsageError: both are asked for; click.ClickException: a version that no API has, a
            release that cannot be read.
    """
    if draft and version is not None:
        raise click.UsageError("--draft or --release VERSION, not both")
    current = desk.store.releases.current()
    if draft:
        current = _with_drafts(desk, current)
    elif version is not None:
        current = _with_version(desk, current, version)
    withdrawn = withdrawn_domains(desk.project, desk.store.domain_bindings.all(), desk.now_ms)
    try:
        return compile_catalog(desk.project, current, withdrawn=withdrawn)
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None


def _with_drafts(desk: Desk, current: Any) -> list[Release]:
    served = served_now(current)
    found = []
    for api in desk.project.apis:
        at = [one for one in Environment if (api.id, one) in served] or [Environment.RELEASE]
        found += [Release.of_draft(api, environment) for environment in at]
    return found


def _with_version(desk: Desk, current: Any, version: str) -> list[Release]:
    chosen = dict(served_now(current))
    known = False
    for api in desk.project.apis:
        for release in desk.store.releases.history(api.id):
            if release.version == version:
                chosen[api.id, release.environment] = release
                known = True
    if not known:
        raise click.ClickException(f"no API has a version {version}; apigateway history lists them")
    return list(chosen.values())


def with_time(call: CapturedCall) -> CapturedCall:
    """A call whose capture tells no time comes now."""
    if call.received_ms is not None:
        return call
    return replace(call, received_ms=time.time_ns() // 1_000_000)
