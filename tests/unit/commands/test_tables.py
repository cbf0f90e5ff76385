"""Tables for people."""

import pytest
from rich.text import Text

from apigateway.commands.tables import print_table


def test_a_row_that_is_piped_elsewhere_keeps_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("API", "note"), [("weather/GetForecast", "x" * 300), ("b", "y")], bold=[0])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0].split() == ["API", "note"]
    assert lines[2].split() == ["weather/GetForecast", "x" * 300]
    assert lines[3].split() == ["b", "y"]


def test_what_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("path",), [("/a/[bold]",), (Text("/[red]"),)])
    out = capsys.readouterr().out
    assert "/a/[bold]" in out
    assert "/[red]" in out
