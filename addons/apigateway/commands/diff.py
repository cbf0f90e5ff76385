"""`apigateway diff`: drafts against what is released, field by field."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from apigateway.commands.completion import complete_apis
from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.exits import DIFFERENT
from apigateway.commands.project import project_options
from apigateway.commands.served import meant, moment
from apigateway.lifecycle.compare import (
    MISSING,
    Comparison,
    FieldChange,
    State,
    compare_all,
    plain_change,
)
from apigateway.model.group import Environment

_ONE_LINE = 90
"""Characters of a field with both values, up to which they stand in one line."""

_SUMS = {
    State.NEW: "not released",
    State.CHANGED: "changed",
    State.UNDECLARED: "not declared any more",
    State.SAME: "as released",
}

environment_argument = click.argument(
    "environment",
    metavar="[ENV]",
    type=click.Choice([one.value for one in Environment], case_sensitive=False),
    default=Environment.RELEASE.value,
    callback=lambda _, __, value: Environment(value),
)


@click.command()
@environment_argument
@click.option(
    "--api",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_apis,
    help="Only this API, group/API or group; repeat it for more.",
)
@json_option
@project_options
def diff(
    environment: Environment,
    names: tuple[str, ...],
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Show how the drafts differ from what is released to ENV (TEST, PRE, or RELEASE unless
    given).

    Definitions are compared in what they mean: a default that is written out is no difference.
    Exit code: 0 when there is none, 3 when there are some.

    \b
    Examples:
      apigateway diff
      apigateway diff TEST --api weather/GetForecast
      apigateway diff --json
    """
    with open_desk(definitions, policies) as desk:
        chosen = {one.api_id for one in meant(desk, names)}
        compared = compare_all(desk.project, desk.store.releases.current(), environment)
    found = [one for one in compared if not names or _id_of(one) in chosen]
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], ensure_ascii=False, indent=2))
    else:
        _print(found, environment)
    if any(one.state is not State.SAME for one in found):
        raise SystemExit(DIFFERENT)


def _id_of(one: Comparison) -> str:
    if one.draft is not None:
        return one.draft.id
    return one.release.api_id if one.release is not None else ""


def _plain(one: Comparison) -> dict[str, Any]:
    group, _, api = one.name.partition("/")
    return {
        "group": group,
        "api": api,
        "state": one.state.value,
        "version": None if one.release is None else one.release.version,
        "changes": [plain_change(change) for change in one.changes],
    }


def _print(found: Sequence[Comparison], environment: Environment) -> None:
    console = console_of_lines()
    for one in found:
        if one.state is not State.SAME:
            console.print(Text.assemble((visible(one.name), "bold"), f"  {_told(one)}"))
            print_changes(console, one.changes)
    counted = Counter(one.state for one in found)
    sums = [f"{counted[state]} {said}" for state, said in _SUMS.items() if counted[state]]
    click.echo(f"{environment}: {', '.join(sums) or 'no API'}")


def _told(one: Comparison) -> str:
    if one.draft is not None and one.release is None:
        request = one.draft.request
        return f"not released: {visible(request.method)} {visible(request.path)}"
    assert one.release is not None
    version = (
        f"version {one.release.version}, released {moment(one.release.released_ms)} UTC "
        f"by {visible(one.release.released_by)}"
    )
    if one.draft is None:
        return f"not declared any more, and so not served: {version}"
    if one.released is None:
        return f"compared as written with {version}, which this version cannot read"
    return f"changed since {version}"


# --- what `plan` and `release` print as well


def console_of_lines() -> Console:
    """Coloured on a terminal, unless NO_COLOR is set; no line is broken."""
    return Console(soft_wrap=True, highlight=False)


def visible(text: str) -> str:
    """What no terminal should get, as escapes: it comes from files."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_changes(console: Console, changes: Iterable[FieldChange]) -> None:
    """A line for each field; where the values are long, each has a line of its own."""
    for change in changes:
        field = visible(change.field)
        if change.before is MISSING:
            console.print(Text(f"  + {field}: {_value(change.after)}", style="green"))
        elif change.after is MISSING:
            console.print(Text(f"  - {field}: {_value(change.before)}", style="red"))
        else:
            before, after = _value(change.before), _value(change.after)
            head = (f"  ~ {field}: ", "yellow")
            if len(field) + len(before) + len(after) <= _ONE_LINE:
                values = ((before, "red"), " -> ", (after, "green"))
                console.print(Text.assemble(head, *values))
            else:
                console.print(Text.assemble(head))
                console.print(Text(f"      - {before}", style="red"))
                console.print(Text(f"      + {after}", style="green"))


def _value(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False))
