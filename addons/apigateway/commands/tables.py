"""Tables for people."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 1000

Cell = str | Text


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, bold: Iterable[int] = ()
) -> None:
    """Print rows below the names of their columns; the rows of the numbers `bold` stand out.

    A terminal folds long cells. What is piped elsewhere keeps a row on a line.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    strong = frozenset(bold)
    for number, row in enumerate(rows):
        cells = [cell if isinstance(cell, Text) else Text(cell) for cell in row]
        table.add_row(*cells, style="bold" if number in strong else None)
    console.print(table)
