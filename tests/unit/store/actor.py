"""A process of its own for tests: `python actor.py VERB DATABASE [ARGUMENT...]`.

It opens the store, says `ready`, waits for a line on its standard input and then does VERB.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from apigateway.model.record import CallRecord
from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit
from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000


def limits(ceiling: int) -> list[Limit]:
    return [
        Limit(f"key-{unit}", ceiling, unit, Dimension.API)
        for unit in (WindowUnit.MINUTE, WindowUnit.HOUR, WindowUnit.DAY)
    ]


def record(number: int) -> CallRecord:
    return CallRecord(
        request_id=f"r{number}",
        received_ms=NOW_MS + number,
        method="GET",
        scheme="http",
        domain="weather.example",
        path="/forecast/hangzhou",
        client_ip="192.0.2.1",
        status=200,
    )


async def take(store: SqliteStore, ceiling: int, times: int) -> None:
    """Prints how many of `times` takes were granted."""
    granted = 0
    for _ in range(times):
        tally = await store.counters.take(limits(ceiling), NOW_MS)
        granted += tally.refused is None
    print(granted, flush=True)


async def take_for_ever(store: SqliteStore) -> None:
    """Prints the number of every granted call."""
    for number in itertools.count(1):
        await store.counters.take(limits(10**9), NOW_MS)
        print(number, flush=True)


async def claim(store: SqliteStore, count: int) -> None:
    """Prints the numbers of the nonces it got."""
    got = [
        str(number)
        for number in range(count)
        if await store.nonces.claim("key", f"nonce-{number}", NOW_MS, 900_000)
    ]
    print(" ".join(got), flush=True)


def append_for_ever(store: SqliteStore) -> None:
    """Prints the number of every record appended."""
    for number in itertools.count():
        store.calls.append(record(number))
        print(number, flush=True)


def main() -> None:
    verb, path, *arguments = sys.argv[1:]
    store = SqliteStore(Path(path), patience_s=30)
    if verb == "open":
        print("ready", flush=True)
        sys.stdin.readline()
        store.open()
        print("opened", flush=True)
    else:
        store.open()
        print("ready", flush=True)
        sys.stdin.readline()
    numbers = [int(argument) for argument in arguments]
    match verb:
        case "take":
            asyncio.run(take(store, *numbers))
        case "take-for-ever":
            asyncio.run(take_for_ever(store))
        case "claim":
            asyncio.run(claim(store, *numbers))
        case "append-for-ever":
            append_for_ever(store)
        case "append-and-exit":
            store.calls.append(record(0))
            return
    store.close()


if __name__ == "__main__":
    main()
