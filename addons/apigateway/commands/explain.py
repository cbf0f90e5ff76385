"""`apigateway explain`: would this request pass, and if not, why not."""

import asyncio
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from apigateway.captures.sent import CaptureError
from apigateway.chain import Call
from apigateway.commands.desk import Desk, json_option, open_desk
from apigateway.commands.exits import REFUSED
from apigateway.commands.judged import against_options, calls_of, catalog_of, with_time
from apigateway.commands.project import project_options
from apigateway.errors import Fault
from apigateway.exchange import Received, Routed
from apigateway.model.catalog import Catalog
from apigateway.model.record import CallRecord
from apigateway.replay.call import CapturedCall
from apigateway.replay.offline import OfflineChain
from apigateway.replay.unspent import StandingCounters
from apigateway.signatures.caller import KEY, SignableRequest
from apigateway.trail.render import render
from apigateway.trail.strings import signature_of
from apigateway.trail.trail import trail_of

_NOT_KEPT = "for the reason explain a capture of the call (mitmdump -w), or see it in mitmweb"

_REQUEST_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@click.command()
@click.argument("capture")
@click.option("--number", type=click.IntRange(min=1), help="Which one, from 1.  [default: last]")
@against_options
@click.option("--now", is_flag=True, help="As if it came now, not when it was captured.")
@json_option
@project_options
def explain(
    capture: str,
    number: int | None,
    draft: bool,
    version: str | None,
    now: bool,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Say what every stage decides of a request, and why. Nothing is sent or spent.

    CAPTURE is a curl line, a file with one, a HAR, mitmproxy flows (.mitm) or the text of a
    request; - is standard input. A request id (X-Ca-Request-Id) tells what the call record of that
    call says, and its trail where one was kept. Limits stand as they do in the store; nonces are
    taken to be new. Exits 1 when the request is refused.

    \b
    Examples:
      apigateway explain "curl -H 'X-Ca-Key: 203753385' http://api.weather.localhost:8080/status"
      apigateway explain calls.mitm --number 3 --draft
      apigateway explain 5A438EA1-C7CB-4C67-AB16-FAE01751B80F
    """
    with open_desk(definitions, policies) as desk:
        if _REQUEST_ID.fullmatch(capture):
            _tell_record(desk, capture.upper(), as_json)
            return
        call = _chosen(calls_of(capture), number)
        catalog = catalog_of(desk, draft=draft, version=version)
        chain = OfflineChain(catalog, counters=StandingCounters(desk.store))
        call = with_time(call)
        ended = asyncio.run(chain.run(call, now_ms=desk.now_ms if now else None))
        trail = trail_of(ended, catalog.settings.errors)
    if ended.refusal is not None and ended.refusal.fault is Fault.INVALID_SIGNATURE:
        trail["signature"] = _signature(ended, catalog) or trail["signature"]
    if as_json:
        click.echo(json.dumps(trail, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(render(trail)))
        if call.lacks:
            click.echo(f"\nThe capture is not whole: {call.lacks}.", err=True)
    if ended.refusal is not None:
        raise SystemExit(REFUSED)


def _chosen(calls: list[CapturedCall], number: int | None) -> CapturedCall:
    if number is None:
        return calls[-1]
    if number > len(calls):
        raise click.ClickException(f"there is no request {number}, only {len(calls)}")
    return calls[number - 1]


def _signature(call: Call, catalog: Catalog) -> dict[str, Any] | None:
    """Both strings of a signature that does not verify."""
    state = call.state
    if not isinstance(state, Received):
        return None
    app = catalog.apps.get(state.headers.first(KEY) or "")
    if app is None:
        return None
    request = SignableRequest(state.method, state.path, state.query, state.headers, state.body)
    served = state.served if isinstance(state, Routed) else None
    try:
        return signature_of(request, app, served=served, now_ms=call.received_ms)
    except CaptureError:  # text that no client can have signed
        return None


def _tell_record(desk: Desk, request_id: str, as_json: bool) -> None:
    found = desk.store.query(request_id=request_id, limit=1)
    if not found:
        raise click.ClickException(
            f"no call record has the request id {request_id}; records of other machines are there"
        )
    (record,) = found
    trail = desk.store.trail(request_id)
    if as_json:
        told = {**asdict(record), "trail": trail}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif trail is not None:
        click.echo("\n".join([*_lines(record)[:2], *render(trail)]))
        if trail.get("verdict", {}).get("fault") == Fault.INVALID_SIGNATURE.name:
            click.echo(f"  {_NOT_KEPT}")
    else:
        click.echo("\n".join(_lines(record)))
    if record.error_code:
        raise SystemExit(REFUSED)


def _lines(record: CallRecord) -> list[str]:
    api = f"{record.group_name}/{record.api_name}" if record.api_name else "no API"
    lines = [
        f"{record.method} {record.scheme}://{record.domain}{record.path} from {record.client_ip}",
        f"{api} {record.environment} version {record.api_version or '-'}",
    ]
    if record.error_code:
        lines.append(f"refused by {record.refused_by}: {record.status} {record.error_code}")
        lines += [record.error_message, record.detail]
    else:
        lines.append(f"served: {record.status}, the backend answered {record.backend_status}")
    lines.append(f"{record.total_ms:.1f} ms, {record.backend_ms:.1f} of them at the backend")
    return [line for line in lines if line]
