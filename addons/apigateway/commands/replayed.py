"""What `replay` prints of calls that were replayed, offline or against a gateway."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from apigateway.commands.tables import print_table
from apigateway.replay.differences import Difference, Kind

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Replayed:
    """A call by its number from 1, with what is another than in the capture; `found` is None where
    nothing was compared, and `why_not` says why. `explained` is why it differs, where that lies in
    the replay itself. One that `failed` was sent and got no answer."""

    number: int
    found: tuple[Difference, ...] | None
    why_not: str = ""
    explained: str = ""
    failed: bool = False

    @property
    def matters(self) -> bool:
        """Whether it ends otherwise, and nothing of the replay explains it."""
        if self.explained:
            return False
        return self.failed or any(found.kind is not Kind.REWORDED for found in self.found or ())


Causes = dict[tuple[str, str, str, str], list[tuple[int, Difference]]]


def _causes(done: Sequence[Replayed]) -> Causes:
    """Calls that differ for one reason are one thing to look at."""
    causes: Causes = defaultdict(list)
    for one in done:
        for found in one.found or ():
            causes[(*found.cause, one.explained)].append((one.number, found))
    return dict(sorted(causes.items(), key=lambda item: -len(item[1])))


def document_of(done: Sequence[Replayed]) -> dict[str, Any]:
    return {
        "calls": len(done),
        "same": sum(one.found == () for one in done),
        "different": sum(one.matters for one in done),
        "explained": sum(bool(one.explained) for one in done),
        "not_compared": [
            {"number": one.number, "why": one.why_not} for one in done if one.found is None
        ],
        "causes": [
            {
                "api": api,
                "kind": kind,
                "what": what,
                "explained": explained,
                "calls": [number for number, _ in found],
                "before": found[0][1].before,
                "after": found[0][1].after,
            }
            for (api, kind, what, explained), found in _causes(done).items()
        ],
    }


def print_replayed(done: Sequence[Replayed]) -> None:
    document = document_of(done)
    causes = document["causes"]
    explains = any(cause["explained"] for cause in causes)
    if causes:
        columns = ["calls", "API", "what", "before", "after", "such as"]
        rows = [
            [
                str(len(cause["calls"])),
                cause["api"] or "-",
                f"{cause['kind']} ({cause['what']})" if cause["what"] else cause["kind"],
                cause["before"] or "nothing",
                cause["after"] or "nothing",
                ", ".join(f"#{number}" for number in cause["calls"][:_SHOWN]),
                *([cause["explained"]] if explains else []),
            ]
            for cause in causes
        ]
        print_table([*columns, "because"] if explains else columns, rows)
    _print_not_compared(done)
    counts = [f"{document['same']} end as they did", f"{document['different']} do not"]
    if explains:
        counts.append(f"{document['explained']} differ for a reason of the replay")
    calls = "1 call" if len(done) == 1 else f"{len(done)} calls"
    click.echo(f"{calls}: {', '.join(counts)}")


def _print_not_compared(done: Sequence[Replayed]) -> None:
    reasons: dict[str, list[int]] = defaultdict(list)
    for one in done:
        if one.found is None:
            reasons[one.why_not].append(one.number)
    for why, numbers in reasons.items():
        shown = ", ".join(f"#{number}" for number in numbers[:_SHOWN])
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        were = "was" if len(numbers) == 1 else "were"
        click.echo(f"{shown}{more} {were} not compared: {why}", err=True)
