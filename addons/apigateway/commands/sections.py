"""The list of commands, by what they are for. Each is imported when it is asked for: what all of
them need together takes longer to import than most take to run."""

from collections.abc import Mapping
from importlib import import_module

import click

Sections = Mapping[str, Mapping[str, str]]
"""Titles, with the names of commands below each and where they are: `commands.check:check`."""


class Sectioned(click.Group):
    """A group of commands with a help page in sections."""

    def __init__(self, *, sections: Sections, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        self._sections = sections
        self._places = {
            name: place for commands in sections.values() for name, place in commands.items()
        }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        found = getattr(import_module(f"apigateway.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        longest = max(map(len, self._places))
        for title, names in self._sections.items():
            with formatter.section(title):
                rows = []
                for name in names:
                    command = self.get_command(ctx, name)
                    assert command is not None
                    rows.append((name.ljust(longest), command.get_short_help_str(limit=58)))
                formatter.write_dl(rows)
