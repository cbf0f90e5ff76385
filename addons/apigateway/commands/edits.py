"""What the commands that edit definitions share: an open store, an editor, and how they end."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from apigateway.commands.desk import Desk, open_desk
from apigateway.commands.exits import OVERTAKEN, REFUSED
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.definition.wording import did_you_mean
from apigateway.editing.editor import Editor, open_editor
from apigateway.editing.files import ChangedMeanwhile, NotEdited
from apigateway.model.app import App
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable

EVERY_ENVIRONMENT = "all"


def in_environments(
    _: click.Context, __: click.Parameter, names: Sequence[str]
) -> tuple[Environment, ...]:
    """What `--env` says, in the order of the model; `all` is every environment."""
    if EVERY_ENVIRONMENT in names:
        return tuple(Environment)
    return tuple(one for one in Environment if one.value in names)


environments_option = click.option(
    "--env",
    "environments",
    type=click.Choice(
        [*(one.value for one in Environment), EVERY_ENVIRONMENT], case_sensitive=False
    ),
    multiple=True,
    default=[Environment.RELEASE.value],
    show_default=True,
    callback=in_environments,
    help="The environment; may be repeated.",
)


@contextlib.contextmanager
def open_workshop(
    definitions: Path | None, policies: Path | None, by: str | None
) -> Iterator[tuple[Desk, Editor]]:
    """The desk, and the project's files in this command's hands alone.

    What stands against an edit ends the command with the reason: problems as `file:line:column`.
    """
    with open_desk(definitions, policies, by) as desk:
        try:
            with open_editor(
                desk.definitions, desk.policies, desk.project.settings, desk.by
            ) as editor:
                yield desk, editor
        except DefinitionError as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            click.echo("nothing was changed: the definitions would not be good", err=True)
            raise SystemExit(REFUSED) from None
        except ChangedMeanwhile as problem:
            click.echo(str(problem), err=True)
            raise SystemExit(OVERTAKEN) from None
        except NotEdited as problem:
            click.echo(str(problem), err=True)
            raise SystemExit(REFUSED) from None


def put_down(desk: Desk, entries: Iterable[AuditEntry]) -> None:
    """Write what was done into the audit log, and tell every worker. To be called when the files
    are in place: whoever dies in between leaves a change that the workers find by themselves."""
    found = list(entries)
    if not found:
        return
    try:
        desk.store.audit.write(found)
        desk.store.releases.announce()
    except StoreUnavailable as problem:
        raise click.ClickException(
            f"the files are changed and act, but the audit log could not be written: {problem}"
        ) from None


def found_app(project: Project, text: str) -> App:
    """The app that is meant: by its name, AppId or AppKey, or by an account with one app.

    Raises: click.UsageError.
    """
    for app in project.apps:
        if text in (app.name, app.id, app.key):
            return app
    of_owner = [app for app in project.apps if app.owner == text]
    if len(of_owner) == 1:
        return of_owner[0]
    if of_owner:
        names = ", ".join(app.name for app in of_owner)
        raise click.UsageError(f'the account "{text}" has several apps; say which: {names}')
    mend = did_you_mean(
        text, sorted(app.name for app in project.apps), "apigateway apps lists what is declared"
    )
    raise click.UsageError(f'there is no app "{text}"; {mend}')
