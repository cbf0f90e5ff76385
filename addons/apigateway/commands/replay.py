"""`apigateway replay`: captured calls again, through the chain offline or to a gateway."""

import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from apigateway.commands.desk import json_option, open_desk
from apigateway.commands.exits import DIFFERENT
from apigateway.commands.judged import against_options, calls_of, catalog_of, with_time
from apigateway.commands.project import project_options, read_project
from apigateway.commands.replayed import Replayed, document_of, print_replayed
from apigateway.model.app import App
from apigateway.model.catalog import Catalog
from apigateway.ports import Counters
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.differences import differences
from apigateway.replay.live import Line, NotReached, Target, trusting
from apigateway.replay.live_calls import LiveCall, LiveReplay, Pace, Time, spent
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome
from apigateway.replay.restoring import Restorer
from apigateway.replay.signing import Resigner
from apigateway.replay.unspent import NoCounters
from apigateway.store.memory import MemoryStore

_FOR_PROGRESS = 200
"""So many calls take long enough for somebody to wonder."""

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How calls are sent to a gateway."""

    targets: tuple[Target, ...]
    rate: float
    concurrency: int
    timeout_s: float
    trust: ssl.SSLContext | None
    bodies: bool


@click.command()
@click.argument("capture")
@against_options
@click.option(
    "--limits",
    type=click.Choice(["fresh", "off"]),
    help="Offline: count from zero, in the time of the capture, or refuse nothing.  "
    "[default: fresh]",
)
@click.option(
    "--time",
    "when",
    type=click.Choice([one.value for one in Time]),
    help="frozen: as captured. fresh: now, each call signed anew.  [default: frozen offline, "
    "fresh with --to]",
)
@click.option("--resign", is_flag=True, help="The same as --time fresh.")
@click.option("--to", "urls", multiple=True, metavar="URL", help="Send the calls to this gateway.")
@click.option("--yes-send-to", "hosts", multiple=True, metavar="HOST", help="Also to this host.")
@click.option("--rate", type=click.FloatRange(min=0), help="With --to: calls a second at most.")
@click.option("--concurrency", type=click.IntRange(1, 1000), help="With --to: at a time.")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="With --to: seconds for an answer.")
@click.option(
    "--cacert",
    type=click.Path(exists=True, dir_okay=False),
    help="With --to https://: certificates of the CAs to trust.",
)
@click.option("-k", "--insecure", is_flag=True, help="With --to: verify no certificate.")
@click.option("--bodies", is_flag=True, help="With --to: compare the bodies of answers too.")
@json_option
@project_options
def replay(
    capture: str,
    draft: bool,
    version: str | None,
    limits: str | None,
    when: str | None,
    resign: bool,
    urls: tuple[str, ...],
    hosts: tuple[str, ...],
    rate: float | None,
    concurrency: int | None,
    timeout: float | None,
    cacert: str | None,
    insecure: bool,
    bodies: bool,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Take captured calls through every stage again, and tell which would end otherwise.

    CAPTURE holds mitmproxy flows (`mitmdump -w`) or a HAR, scrubbed or not. Nothing is sent or
    spent: backends answer as they did, time is that of the capture, limits and nonces begin at
    zero. With --to they are sent to a gateway that runs: its limits are spent, its backends
    are called. Exits 3 when a call ends otherwise than it did, 1 when none could be compared.

    \b
    Examples:
      scripts/serve -q -w calls.mitm            capture
      apigateway replay calls.mitm              would all of them end as they did?
      apigateway replay calls.mitm --draft      and with the drafts?
      apigateway replay calls.mitm --to http://127.0.0.1:8080 --rate 20
    """
    live_only: Mapping[str, object] = {
        "--rate": rate,
        "--concurrency": concurrency,
        "--timeout": timeout,
        "--cacert": cacert,
        "--insecure": insecure,
        "--bodies": bodies,
        "--yes-send-to": hosts,
    }
    _refuse(live_only if not urls else {}, "is for --to: nothing is sent without it")
    offline_only: Mapping[str, object] = {
        "--draft": draft,
        "--release": version,
        "--limits": limits,
    }
    _refuse(offline_only if urls else {}, "is for offline: a gateway decides by what it serves")
    if resign and when == Time.FROZEN:
        raise click.UsageError("--resign is --time fresh: leave it or --time frozen out")
    when = Time.FRESH.value if resign else when
    calls = in_order(map(with_time, calls_of(capture)))
    if urls:
        sending = Sending(
            targets=_targets(urls, hosts),
            rate=rate or 0.0,
            concurrency=concurrency or 1,
            timeout_s=timeout or 35.0,
            trust=_trust(cacert, insecure) if any(u.startswith("https:") for u in urls) else None,
            bodies=bodies,
        )
        apps = read_project(definitions, policies).apps
        done = _live(calls, sending, apps, Time(when or Time.FRESH), as_json)
    else:
        with open_desk(definitions, policies) as desk:
            catalog = catalog_of(desk, draft=draft, version=version)
        with _progress(len(calls), shown=len(calls) >= _FOR_PROGRESS and not as_json) as advance:
            is_fresh = when == Time.FRESH
            done = asyncio.run(_offline(catalog, calls, limits != "off", is_fresh, advance))
    if as_json:
        click.echo(json.dumps(document_of(done), ensure_ascii=False, indent=2))
    else:
        print_replayed(done)
    if any(one.matters for one in done):
        raise SystemExit(DIFFERENT)
    if all(one.found is None for one in done):
        raise click.ClickException("nothing was compared")


def _refuse(given: Mapping[str, object], why: str) -> None:
    for name, value in given.items():
        if value not in (None, False, ()):
            raise click.UsageError(f"{name} {why}")


@contextlib.contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Advance]:
    """A bar on a person's terminal; what is printed stays clean of it."""
    if not (shown and sys.stderr.isatty()):
        yield lambda: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda: bar.advance(task)


# --- offline


async def _offline(
    catalog: Catalog, calls: Sequence[CapturedCall], counted: bool, is_fresh: bool, advance: Advance
) -> list[Replayed]:
    store = MemoryStore()
    counters: Counters = store.counters if counted else NoCounters()
    chain = OfflineChain(catalog, counters=counters, nonces=store.nonces)
    restored = Restorer.of(catalog, tokens=True)
    resigned = Resigner({key: app.secret for key, app in catalog.apps.items()})
    later_ms = _now_ms() - (calls[0].received_ms or 0) if is_fresh and calls else 0
    done = []
    for number, call in enumerate(calls, 1):
        before = None if call.lacks else captured_outcome(call)
        again = call
        if is_fresh:  # as far from each other as they were
            again = resigned(restored(call), (call.received_ms or 0) + later_ms)
        after = await chain.outcome(again)
        found = None if before is None else differences(before, after)
        why_not = call.lacks or "the capture has no answer" if before is None else ""
        done.append(Replayed(number, found, why_not))
        advance()
    return done


# --- to a gateway


def _targets(urls: Sequence[str], hosts: Sequence[str]) -> tuple[Target, ...]:
    """One for each scheme. A gateway elsewhere may be one that others use: it is named twice."""
    found: dict[str, Target] = {}
    for url in urls:
        try:
            target = Target.of(url)
        except ValueError as problem:
            raise click.UsageError(f"--to: {problem}") from None
        if not target.is_loopback and target.host not in hosts:
            raise click.UsageError(
                f"{target.host} is another machine: its limits would be spent and its backends "
                f"called; --yes-send-to {target.host} says that this is meant"
            )
        if target.scheme in found:
            raise click.UsageError(f"--to: two gateways for calls over {target.scheme}")
        found[target.scheme] = target
    return tuple(found.values())


def _trust(cacert: str | None, insecure: bool) -> ssl.SSLContext:
    try:
        return trusting(cacert, anyone=insecure)
    except (ssl.SSLError, OSError) as problem:
        raise click.UsageError(f"--cacert {cacert}: {problem}") from None


def _live(
    calls: Sequence[CapturedCall],
    sending: Sending,
    apps: Sequence[App],
    when: Time,
    as_json: bool,
) -> list[Replayed]:
    secrets = {app.key: app.secret for app in apps}
    codes = {app.key: app.code for app in apps if app.code is not None}
    targets = {target.scheme: target for target in sending.targets}

    def line(scheme: str) -> Line | None:
        target = targets.get(scheme)
        if target is None:
            return None
        return Line(target, trust=sending.trust, timeout_s=sending.timeout_s)

    runner = LiveReplay(
        line,
        restorer=Restorer(secrets, codes, tokens=False),
        resigner=Resigner(secrets) if when is Time.FRESH else None,
        bodies=sending.bodies,
        pace=Pace(sending.rate),
    )
    _announce(calls, sending, when)
    with _progress(len(calls), shown=not as_json) as advance:
        run = runner.run(calls, concurrency=sending.concurrency, done=advance)
        try:
            return [_replayed(one) for one in asyncio.run(run)]
        except NotReached as problem:
            hint = "is the gateway running (scripts/serve)?"
            raise click.ClickException(f"{problem}; {hint}") from None


def _announce(calls: Sequence[CapturedCall], sending: Sending, when: Time) -> None:
    """What is about to be spent, and what the gateway will say to calls of another time."""
    where = " and ".join(map(str, sending.targets))
    click.echo(
        f"sending {len(calls)} calls to {where}: its limits are spent, its backends called",
        err=True,
    )
    if when is Time.FROZEN:
        late, known = spent(calls, _now_ms())
        if late:
            click.echo(
                f"{late} of them are of more than 15 minutes ago: it will say S403TS Timestamp "
                "Expired; --time fresh signs them anew",
                err=True,
            )
        if known:
            click.echo(
                f"{known} of them hold a nonce of the last 15 minutes: the gateway that was "
                "captured will say S403NU Nonce Used",
                err=True,
            )


def _replayed(one: LiveCall) -> Replayed:
    return Replayed(
        one.number,
        one.found,
        one.not_sent or one.failed,
        explained=one.explained,
        failed=bool(one.failed),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
