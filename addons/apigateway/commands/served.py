"""What the commands about served versions share: whom they mean, and what they did."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from apigateway.commands.desk import Desk
from apigateway.commands.exits import OVERTAKEN, REFUSED
from apigateway.definition.wording import did_you_mean
from apigateway.lifecycle.serving import Named, named
from apigateway.model.release import Change, Release
from apigateway.ports import NoSuchVersion, ReleasedMeanwhile


def meant(desk: Desk, names: Sequence[str]) -> list[Named]:
    """The APIs that `names` mean, declared or only released: `group/API`, a group, or an API that
    only one group has.

    Raises:
        click.UsageError: a name that means nothing, or two APIs.
    """
    known = named(desk.project.apis, desk.store.releases.current())
    found: dict[str, Named] = {}
    for name in names:
        whole = [one for one in known if str(one) == name]
        of_group = [one for one in known if one.group == name]
        of_name = [one for one in known if one.api == name]
        if not whole and len(of_name) > 1 and not of_group:
            raise click.UsageError(
                f'several groups have an API "{name}"; say which: {", ".join(map(str, of_name))}'
            )
        chosen = whole or of_group or of_name
        if not chosen:
            names_known = sorted({one.group for one in known} | {one.api for one in known})
            mend = did_you_mean(name, [*names_known, *map(str, known)], "see apigateway history")
            raise click.UsageError(f'there is no API or group "{name}"; {mend}')
        found |= {one.api_id: one for one in chosen}
    return list(found.values())


def carry_out(desk: Desk, changes: Sequence[Change], note: str) -> Sequence[Release | None]:
    """Make all of the changes, or end the command with the reason why none was made."""
    try:
        return desk.store.releases.apply(changes, note=note, by=desk.by, now_ms=desk.now_ms)
    except ReleasedMeanwhile as problem:
        for conflict in problem.conflicts:
            click.echo(str(conflict), err=True)
        click.echo("somebody else changed it meanwhile; nothing was changed, look again", err=True)
        raise SystemExit(OVERTAKEN) from None
    except NoSuchVersion as problem:
        click.echo(f"{problem}; apigateway history lists the versions", err=True)
        raise SystemExit(REFUSED) from None


def moment(at_ms: int) -> str:
    """A time for people, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
