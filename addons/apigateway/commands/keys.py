"""`apigateway keys`: keys of apps and of the gateway's signature, and new ones in their place."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import click

from apigateway.commands.apps import ListedByDefault
from apigateway.commands.completion import complete_apps
from apigateway.commands.desk import Desk, desk_options, json_option, open_desk
from apigateway.commands.edits import found_app, open_workshop, put_down
from apigateway.commands.project import project_options
from apigateway.commands.tables import print_table
from apigateway.definition.project import Project
from apigateway.definition.wording import did_you_mean
from apigateway.editing.apps import file_of_app
from apigateway.editing.editor import Editor
from apigateway.editing.secret_values import (
    file_of_signature_key,
    kept_in,
    new_app_key,
    new_app_secret,
    new_signature_key,
    new_signature_secret,
    replace_values,
)
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.model.policy import PolicyKind, SignatureKey


@click.group(cls=ListedByDefault)
def keys() -> None:
    """Show keys, and replace them: those of apps, and those the gateway signs with."""


@keys.command("list")
@json_option
@project_options
def list_keys(as_json: bool, definitions: Path | None, policies: Path | None) -> None:
    """Show signature keys with what they are bound to, and the keys of apps. No secrets.

    \b
    Example:
      apigateway keys list
    """
    with open_desk(definitions, policies) as desk:
        editor, project = Editor(desk.definitions, desk.policies), desk.project
        bindings = [_bound(project, key) for key in project.signature_keys]
        signature_keys = [
            {
                "name": key.name,
                "key": key.key,
                "secret": kept_in(editor.data(file_of_signature_key(editor, key.name)), "secret"),
            }
            for key in project.signature_keys
        ]
        apps = [
            {
                "app": app.name,
                "app_key": app.key,
                "secret": kept_in(editor.data(file_of_app(editor, app.name)), "secret"),
                "code": kept_in(editor.data(file_of_app(editor, app.name)), "code"),
            }
            for app in project.apps
        ]
    if as_json:
        bound = [{**row, "bound": one} for row, one in zip(signature_keys, bindings, strict=True)]
        found = {"signature_keys": bound, "apps": apps}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    print_table(
        ("signature key", "Key", "secret", "bound to"),
        [
            (row["name"], row["key"], row["secret"], ", ".join(bound) or "nothing")
            for row, bound in zip(signature_keys, bindings, strict=True)
        ],
    )
    print_table(("app", "AppKey", "AppSecret", "AppCode"), [tuple(row.values()) for row in apps])


def _bound(project: Project, key: SignatureKey) -> list[str]:
    """APIs with the environments, as in `weather/GetForecast TEST RELEASE`; all three are not
    told, and a whole group is `weather/*`."""
    found: dict[tuple[str, str], list[Environment]] = {}
    for one in project.bindings:
        if one.kind is PolicyKind.SIGNATURE_KEY and one.policy == key.name:
            found.setdefault((one.group, one.api), []).append(one.environment)
    whole = {place for place, where in found.items() if set(where) == set(Environment)}
    shown: dict[str, None] = {}
    for group, api in found:
        of_group = {(other.group, other.name) for other in project.apis if other.group == group}
        if of_group <= whole:
            shown[f"{group}/*"] = None
        elif (group, api) in whole:
            shown[f"{group}/{api}"] = None
        else:
            where = " ".join(one for one in Environment if one in found[group, api])
            shown[f"{group}/{api} {where}"] = None
    return list(shown)


@keys.command("reset-app")
@click.argument("name", metavar="APP", shell_complete=complete_apps)
@click.option("--secret", is_flag=True, help="A new AppSecret; so too without any of the three.")
@click.option("--key", is_flag=True, help="A new AppKey.")
@click.option("--code", is_flag=True, help="A new AppCode; an app that has none gets one.")
@json_option
@desk_options
def reset_app(
    name: str,
    secret: bool,
    key: bool,
    code: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Give an app a new AppSecret, AppKey or AppCode, from the next call on.

    What it had until then is refused. The new values are printed, this once.

    \b
    Examples:
      apigateway keys reset-app demo
      apigateway keys reset-app demo --key --secret
    """
    with open_workshop(definitions, policies, by) as (desk, editor):
        app = found_app(desk.project, name)
        plain = {"key": new_app_key({one.key for one in desk.project.apps})} if key else {}
        chosen = [("secret", secret or not (key or code)), ("code", code)]
        secrets = {part: new_app_secret() for part, wanted in chosen if wanted}
        path = file_of_app(editor, app.name)
        before = editor.data(path)
        replace_values(editor, path, plain, secrets)
        entry = AuditEntry(
            at_ms=desk.now_ms,
            by=desk.by,
            action="reset-key",
            subject=app.name,
            before={"key": app.key},
            after={"key": plain.get("key", app.key), "new": [*plain, *secrets]},
        )
        put_down(desk, [entry])
        after = editor.data(path)
    titles = {"key": "AppKey", "secret": "AppSecret", "code": "AppCode"}
    values = {**plain, **secrets}
    if as_json:
        found = {"app": app.name, "app_id": app.id, **{f"app_{k}": v for k, v in values.items()}}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for part, value in values.items():
            click.echo(f"{titles[part]:10}{value}")
    _tell_of_files(editor, path, before, after, secrets)


def _tell_of_files(
    editor: Editor,
    path: Path,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    parts: Iterable[str],
) -> None:
    """What a person should know of where secrets are."""
    for part in parts:
        if kept_in(after, part) == "in the file":
            click.echo(
                f"{editor.shown(path)} holds the {part} itself; write file:path or env:NAME there",
                err=True,
            )
        elif part not in before:
            click.echo(f"{editor.shown(path)} names the new {after[part]}", err=True)


@keys.command("replace-signature-key")
@click.argument("name", metavar="NAME")
@click.option("--key", help="The new Key.  [default: a random one]")
@click.option(
    "--secret-file",
    type=click.File("r"),
    help="A file with the new Secret, - for standard input.  [default: a random one]",
)
@click.option("--propose", is_flag=True, help="Print a new pair for the backend; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@desk_options
def replace_signature_key(
    name: str,
    key: str | None,
    secret_file: IO[str] | None,
    propose: bool,
    yes: bool,
    as_json: bool,
    by: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Sign calls to backends with a new Key and Secret, from the next call on.

    The backend must know both pairs before, so that calls under way pass, and may forget the old
    one afterwards. So for a key that is not urgent: --propose a pair, let the backend know it,
    and put it in with --key and --secret-file.

    \b
    Examples:
      apigateway keys replace-signature-key weather-backend --propose
      apigateway keys replace-signature-key weather-backend --key NewKey7 --secret-file new.secret
    """
    new_key = key or new_signature_key()
    new_secret = new_signature_secret() if secret_file is None else _read_secret(secret_file)
    with open_workshop(definitions, policies, by) as (desk, editor):
        declared = _declared(desk.project, name)
        _refuse_the_same(desk, declared, new_key)
        bound = _bound(desk.project, declared)
        if not propose:
            _tell(declared, bound)
            if not yes and sys.stdin.isatty():
                click.confirm("Do their backends know the new pair?", abort=True)
            path = file_of_signature_key(editor, name)
            replace_values(editor, path, {"key": new_key}, {"secret": new_secret})
            entry = AuditEntry(
                at_ms=desk.now_ms,
                by=desk.by,
                action="replace-signature-key",
                subject=name,
                before={"key": declared.key},
                after={"key": new_key},
            )
            put_down(desk, [entry])
            after = editor.data(path)
            _tell_of_files(editor, path, after, after, ["secret"])
    shown = {"Key": new_key, **({"Secret": new_secret} if secret_file is None else {})}
    if as_json:
        plain = {title.lower(): value for title, value in shown.items()}
        document = {"name": name, "replaced": not propose, "old_key": declared.key, **plain}
        click.echo(json.dumps({**document, "bound": bound}, ensure_ascii=False, indent=2))
        return
    for title, value in shown.items():
        click.echo(f"{title:8}{value}")
    if propose:
        click.echo(
            "nothing was changed. When the backend knows this pair beside the one it has:\n"
            f"  apigateway keys replace-signature-key {name} --key {new_key} --secret-file FILE"
        )
    else:
        click.echo(
            f"when no call with {declared.key} is under way any more, let the backend forget it"
        )


def _read_secret(file: IO[str]) -> str:
    text = file.read(1000).removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError("--secret-file: there is nothing in it")
    return text


def _declared(project: Project, name: str) -> SignatureKey:
    for key in project.signature_keys:
        if key.name == name:
            return key
    names = sorted(key.name for key in project.signature_keys)
    mend = did_you_mean(name, names, "apigateway keys list shows all")
    raise click.UsageError(f'there is no signature key "{name}"; {mend}')


def _refuse_the_same(desk: Desk, declared: SignatureKey, new_key: str) -> None:
    """A backend tells the pairs apart by their Key."""
    if new_key in {key.key for key in desk.project.signature_keys}:
        raise click.UsageError(
            f"the Key {new_key} is in use; the new pair of {declared.name} needs another one, by "
            "which the backend knows which Secret to take"
        )


def _tell(declared: SignatureKey, bound: list[str]) -> None:
    where = ", ".join(bound) or "no API"
    click.echo(
        f"{declared.name} signs calls of {where}: until their backends know the new pair beside "
        f"{declared.key}, they refuse those calls",
        err=True,
    )
