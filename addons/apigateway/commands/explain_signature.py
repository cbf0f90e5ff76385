"""`apigateway sign --explain`: why a captured request's signature verifies or does not."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from apigateway.captures.reading import read_capture, signed_request
from apigateway.captures.sent import CaptureError
from apigateway.commands.project import read_project
from apigateway.signatures.caller import KEY, SignableRequest
from apigateway.signatures.caller_explain import Explanation, explain
from apigateway.trail.difference import marked_difference
from apigateway.trail.difference import terminal_line as terminal_line


def explain_capture(
    capture: str,
    *,
    number: int | None,
    key: str | None,
    secret: str | None,
    now_ms: int | None,
    as_json: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Print the explanation; exit 1 when the signature does not verify.

    Raises:
        click.ClickException: the capture cannot be read; click.UsageError: no secret for it.
    """
    try:
        requests = read_capture(capture_content(capture))
        request = signed_request(requests, number)
    except CaptureError as problem:
        raise click.ClickException(str(problem)) from None
    used = secret or _secret_of(request, key, definitions, policies)
    found = explain(request, used, now_ms=now_ms)
    if as_json:
        shown = asdict(found)
        names = ("verified", "candidate", "client_string", "server_string", "first_difference")
        document = {name: shown[name] for name in names}
        document.update(causes=list(found.causes), notes=list(found.notes))
        print_json(document)
    else:
        print_which(request, requests)
        _print(found)
    if not found.verified:
        raise SystemExit(1)


def capture_content(capture: str) -> bytes:
    """A file, standard input for `-`, or the curl line itself.

    Raises:
        CaptureError: the file cannot be read.
    """
    if capture == "-":
        return sys.stdin.buffer.read()
    if not capture.strip():
        raise CaptureError("no capture is named: give a file, a curl line, or - for standard input")
    if capture.lstrip().startswith("curl "):
        return capture.encode("utf-8", "surrogateescape")
    try:
        return Path(capture).read_bytes()
    except OSError as problem:
        raise CaptureError(f"{capture}: {problem.strerror}") from None


def _secret_of(
    request: SignableRequest, key: str | None, definitions: Path | None, policies: Path | None
) -> str:
    wanted = key or (request.headers.first(KEY) or "").strip()
    if not wanted:
        raise click.UsageError(f"the request has no {KEY}; give --key or --secret")
    for app in read_project(definitions, policies).apps:
        if app.key == wanted:
            return app.secret.reveal()
    raise click.UsageError(f"no app has the AppKey {wanted!r}; give its secret with --secret")


def _print(found: Explanation) -> None:
    if found.verified:
        older = f"an older form that is accepted too (string {found.candidate})"
        how = "the documented rule" if found.candidate == 1 else older
        click.secho(f"The signature verifies, by {how}.", fg="green")
    else:
        click.secho("The signature does not verify.", fg="red")
    print_reasons(found.causes, found.notes)
    click.echo()
    if found.client_string is None or found.first_difference is None:
        click.echo("The string that the gateway signs (line feeds as #):")
        click.echo(f"  {terminal_line(found.server_string)}")
        return
    client, server = ("client", found.client_string), ("server", found.server_string)
    print_difference(client, server, found.first_difference)


# --- what `verify-backend` prints as well


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document, readable where every byte was UTF-8 on the wire."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    is_utf8 = not any("\ud800" <= c <= "\udfff" for c in text)
    click.echo(text if is_utf8 else json.dumps(document, indent=2))


def print_which(request: SignableRequest, requests: Sequence[SignableRequest]) -> None:
    """Which request of a capture with several is meant."""
    if len(requests) > 1:
        at = next(at for at, one in enumerate(requests, 1) if one is request)
        target = f"{request.path}?{request.query}" if request.query else request.path
        what = terminal_line(f"{request.method} {target}")
        click.echo(f"Request {at} of {len(requests)}: {what}")


def print_reasons(causes: Iterable[str], notes: Iterable[str]) -> None:
    for cause in causes:
        click.echo(f"  because {terminal_line(cause)}")
    for note in notes:
        click.echo(f"  note: {terminal_line(note)}")


def print_difference(
    one: tuple[str, str], other: tuple[str, str], at: int, line_feed: str = "#"
) -> None:
    """Two strings, each with a label, around the byte `at` from which they differ; then whole."""
    click.echo(f"The strings differ from byte {at} (line feeds as {line_feed}):")
    for line in marked_difference(one, other, at, line_feed):
        click.echo(f"  {line}")
    click.echo()
    wide = max(len(one[0]), len(other[0]))
    for label, text in (one, other):
        click.echo(f"{label:{wide}}, whole  {terminal_line(text, line_feed)}")
