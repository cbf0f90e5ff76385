"""What `apigateway grant` and `revoke` share: whom and what they mean, the edit, what is told."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from apigateway.commands.completion import complete_apis, complete_apps
from apigateway.commands.desk import Desk, chosen_apis
from apigateway.commands.edits import found_app, put_down
from apigateway.definition.project import Project
from apigateway.editing.editor import Editor
from apigateway.editing.entries import Entry
from apigateway.editing.files import NotEdited
from apigateway.editing.grants import granted
from apigateway.model.app import App
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment

ALL = "*"


@dataclass(frozen=True, slots=True)
class Wish:
    """For `app`: these APIs of `group`, or, with None, all of them."""

    app: App
    group: str
    apis: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    """One API (`*`: the whole group) for one app in one environment."""

    app: str
    group: str
    api: str
    environment: Environment

    def plain(self) -> dict[str, str]:
        return {
            "app": self.app,
            "group": self.group,
            "api": self.api,
            "environment": self.environment.value,
        }


Change = Callable[[Sequence[Entry], Wish, Sequence[Environment]], list[Entry]]

words_argument = click.argument(
    "words", metavar="[APP] NAME...", nargs=-1, required=True, shell_complete=complete_apis
)
apps_option = click.option(
    "--app",
    "apps",
    multiple=True,
    metavar="APP",
    shell_complete=complete_apps,
    help="The app, in place of the first word; may be repeated.",
)


def wishes_of(project: Project, words: Sequence[str], apps: Sequence[str]) -> list[Wish]:
    """
    Raises: click.UsageError.
    """
    names = words if apps else words[1:]
    if not names:
        raise click.UsageError("say which APIs: apigateway grant demo weather/GetForecast")
    chosen = dict.fromkeys(found_app(project, text) for text in (apps or words[:1]))
    groups = {group.name for group in project.groups}
    wanted: dict[str, dict[str, None] | None] = {}
    for name in names:
        for api in chosen_apis(project, [name]) if name not in groups else ():
            of_group = wanted.setdefault(api.group, {})
            if of_group is not None:
                of_group[api.name] = None
        if name in groups:
            chosen_apis(project, [name])  # a group that is called like an API is told
            wanted[name] = None
    return [
        Wish(app, group, None if apis is None else tuple(apis))
        for app in chosen
        for group, apis in wanted.items()
    ]


def declared_apis(project: Project) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {group.name: [] for group in project.groups}
    for api in project.apis:
        found[api.group].append(api.name)
    return found


@dataclass(slots=True)
class Done:
    """`listed`: whole groups of which a list of names is left."""

    changed: list[Row]
    unchanged: list[Row]
    listed: list[Row]


def change_grants(
    desk: Desk,
    editor: Editor,
    action: str,
    wishes: Sequence[Wish],
    environments: Sequence[Environment],
    change: Change,
) -> Done:
    """Edit grants.yaml, put it down, and say what became of each wish."""
    path = editor.policies / "grants.yaml"
    before: list[Entry] = editor.data(path) or []
    if not isinstance(before, list):
        raise NotEdited(f"{editor.shown(path)} is not a list of grants; see apigateway check")
    after = before
    for wish in wishes:
        after = change(after, wish, environments)
    if after != before:
        editor.make(editor.edit(path, after))
        put_down(desk, _entries(desk, action, wishes, environments, before, after))
    done = Done([], [], [])
    for wish in wishes:
        _sort_out(done, wish, environments, before, after)
    return done


def _sort_out(
    done: Done,
    wish: Wish,
    environments: Sequence[Environment],
    before: Sequence[Entry],
    after: Sequence[Entry],
) -> None:
    old = granted(before, wish.app.name, wish.group)
    new = granted(after, wish.app.name, wish.group)
    for environment in environments:
        was, now = old[environment], new[environment]
        for api in (ALL,) if wish.apis is None else wish.apis:
            row = Row(wish.app.name, wish.group, api, environment)
            if api == ALL:
                changed = was != now
            else:
                changed = (was is None or api in was) != (now is None or api in now)
            (done.changed if changed else done.unchanged).append(row)
        if was is None and now:
            done.listed.append(Row(wish.app.name, wish.group, ALL, environment))


def _entries(
    desk: Desk,
    action: str,
    wishes: Sequence[Wish],
    environments: Sequence[Environment],
    before: Sequence[Entry],
    after: Sequence[Entry],
) -> Iterator[AuditEntry]:
    """One for each app and environment in which something changed."""
    groups = list(dict.fromkeys(wish.group for wish in wishes))
    for app in dict.fromkeys(wish.app.name for wish in wishes):
        for environment in environments:
            old = _shown(before, app, groups, environment)
            new = _shown(after, app, groups, environment)
            if old != new:
                yield AuditEntry(
                    at_ms=desk.now_ms,
                    by=desk.by,
                    action=action,
                    subject=app,
                    environment=environment.value,
                    before=old,
                    after=new,
                )


def _shown(
    entries: Sequence[Entry], app: str, groups: Sequence[str], environment: Environment
) -> list[str]:
    found = []
    for group in groups:
        names = granted(entries, app, group)[environment]
        found += [f"{group}/{name}" for name in ([ALL] if names is None else sorted(names))]
    return found


def print_rows(rows: Sequence[Row], verb: str) -> None:
    """Environments of one API stand in one line."""
    alike: dict[tuple[str, str, str], list[Environment]] = {}
    for row in rows:
        alike.setdefault((row.app, row.group, row.api), []).append(row.environment)
    for (app, group, api), environments in alike.items():
        click.echo(f"{app} {verb} {group}/{api} in {', '.join(environments)}")


def print_json(verb: str, done: Done, notices: Sequence[str]) -> None:
    document = {
        verb: [row.plain() for row in done.changed],
        "unchanged": [row.plain() for row in done.unchanged],
        "notices": list(notices),
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
