"""What `gateway.limits` and `gateway.status` tell, as lines."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from mitmproxy.exceptions import CommandError

from apigateway.commands.limits import counted, duration, where
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.worker import WorkerStatus
from apigateway.ports import Counters

MOST_LIMITS = 200


async def limit_lines(catalog: Catalog, counters: Counters, api: str) -> Sequence[str]:
    """Each limit with what was used of it; `api` is a name, group/name, or "" for all. Nothing is
    spent.

    Raises:
        CommandError: no released API has this name.
        StoreUnavailable
    """
    try:
        found = list(counted(catalog, None, api or None, None, None))
    except click.ClickException as problem:
        raise CommandError(problem.format_message()) from None
    now_ms = time.time_ns() // 1_000_000
    rows = []
    for one in found[:MOST_LIMITS]:
        (standing,) = (await counters.look([one.limit], now_ms)).standings
        used = f"{standing.used} of {one.limit.ceiling} a {one.limit.unit}"
        left = f"{standing.remaining} left, resets in {duration(standing.resets_ms - now_ms)}"
        rows.append((where(one), one.subject, used, left))
    if not rows:
        return ["nothing is limited"]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, [*wide, 0], strict=True))
        for row in rows
    ]
    if len(found) > MOST_LIMITS:
        lines.append(f"({len(found) - MOST_LIMITS} more; name an API)")
    return lines


def status_lines(
    status: WorkerStatus, catalog: Catalog, *, store: str, under_way: int, flows: int, keep: int
) -> Sequence[str]:
    """How this process is. `flows` are those in the list, -1 where there is none."""
    released = Counter(one.environment for one in catalog.served)
    by_environment = ", ".join(f"{name.value} {released[name]}" for name in Environment)
    lines = [
        f"mitm-apigateway {status.version}, process {status.process}, since "
        f"{_moment(status.started_ms)}",
        f"serves {status.apis} APIs ({by_environment}), apps: {status.apps}, as loaded "
        f"{_moment(status.loaded_ms)} in {status.load_ms:.0f} ms",
        f"reloads: {status.reloads}, failed: {status.failed_reloads}",
        f"store: {store}",
        f"calls under way: {under_way}",
    ]
    if flows >= 0:
        most = f"about {keep} are kept" if keep else "all are kept"
        lines.append(f"flows in the list: {flows}, {most}")
    if status.problems:
        lines += ["what was served before goes on until this is mended:", status.problems]
    return lines


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
