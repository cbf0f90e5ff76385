"""`apigateway replay`: captured calls through the chain again, offline."""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.exits import DIFFERENT
from apigateway.commands.judged import against_options, calls_of, catalog_of, with_time
from apigateway.commands.project import project_options
from apigateway.commands.tables import print_table
from apigateway.model.catalog import Catalog
from apigateway.ports import Counters
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.differences import Difference, Kind, differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome
from apigateway.replay.unspent import NoCounters
from apigateway.store.memory import MemoryStore

_FOR_PROGRESS = 200
"""So many calls take long enough for somebody to wonder."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Replayed:
    """A call by its number from 1, with what is another than in the capture; None where the
    capture has no answer to compare with."""

    number: int
    call: CapturedCall
    found: tuple[Difference, ...] | None


@click.command()
@click.argument("capture")
@against_options
@click.option(
    "--limits",
    type=click.Choice(["fresh", "off"]),
    default="fresh",
    show_default=True,
    help="Count from zero, in the time of the capture, or refuse nothing.",
)
@json_option
@project_options
def replay(
    capture: str,
    draft: bool,
    version: str | None,
    limits: str,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Take captured calls through every stage again, and tell which would end otherwise.

    CAPTURE holds mitmproxy flows (`mitmdump -w`) or a HAR. Nothing is sent or spent: backends
    answer as they did, time is that of the capture, nonces are new, limits count from zero. Exits 3
    when a call ends otherwise than it did.

    \b
    Examples:
      scripts/serve -q -w calls.mitm            capture
      apigateway replay calls.mitm              would all of them end as they did?
      apigateway replay calls.mitm --draft      and with the drafts?
    """
    calls = in_order(map(with_time, calls_of(capture)))
    with open_desk(definitions, policies) as desk:
        catalog = catalog_of(desk, draft=draft, version=version)
    counters: Counters = MemoryStore().counters if limits == "fresh" else NoCounters()
    shown: Iterable[CapturedCall] = calls
    if len(calls) >= _FOR_PROGRESS and sys.stderr.isatty() and not as_json:
        shown = track(calls, description="replay")
    done = asyncio.run(_run(catalog, counters, shown))
    if as_json:
        click.echo(json.dumps(_document(done), ensure_ascii=False, indent=2))
    else:
        _print(done)
    if any(_matters(one) for one in done):
        raise SystemExit(DIFFERENT)


async def _run(
    catalog: Catalog, counters: Counters, calls: Iterable[CapturedCall]
) -> list[Replayed]:
    chain = OfflineChain(catalog, counters=counters)
    done = []
    for number, call in enumerate(calls, 1):
        before = None if call.lacks else captured_outcome(call)
        after = await chain.outcome(call)
        found = None if before is None else differences(before, after)
        done.append(Replayed(number, call, found))
    return done


def _matters(one: Replayed) -> bool:
    return any(found.kind is not Kind.REWORDED for found in one.found or ())


def _causes(done: Sequence[Replayed]) -> dict[tuple[str, str, str], list[tuple[int, Difference]]]:
    """Calls that differ for one reason are one thing to look at."""
    causes: dict[tuple[str, str, str], list[tuple[int, Difference]]] = defaultdict(list)
    for one in done:
        for found in one.found or ():
            causes[found.cause].append((one.number, found))
    return dict(sorted(causes.items(), key=lambda item: -len(item[1])))


def _document(done: Sequence[Replayed]) -> dict[str, Any]:
    return {
        "calls": len(done),
        "same": sum(one.found == () for one in done),
        "different": sum(_matters(one) for one in done),
        "not_compared": [
            {"number": one.number, "why": one.call.lacks or "the capture has no answer"}
            for one in done
            if one.found is None
        ],
        "causes": [
            {
                "api": api,
                "kind": kind,
                "what": what,
                "calls": [number for number, _ in found],
                "before": found[0][1].before,
                "after": found[0][1].after,
            }
            for (api, kind, what), found in _causes(done).items()
        ],
    }


def _print(done: Sequence[Replayed]) -> None:
    document = _document(done)
    if document["causes"]:
        print_table(
            ("calls", "API", "what", "before", "after", "such as"),
            [
                (
                    str(len(cause["calls"])),
                    cause["api"] or "-",
                    f"{cause['kind']} ({cause['what']})" if cause["what"] else cause["kind"],
                    cause["before"] or "nothing",
                    cause["after"] or "nothing",
                    ", ".join(f"#{number}" for number in cause["calls"][:_SHOWN]),
                )
                for cause in document["causes"]
            ],
        )
    for one in document["not_compared"]:
        click.echo(f"#{one['number']} was not compared: {one['why']}", err=True)
    click.echo(
        f"{document['calls']} calls: {document['same']} end as they did, "
        f"{document['different']} do not"
    )
