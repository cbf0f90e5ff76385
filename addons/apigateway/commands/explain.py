"""`apigateway sign --explain`: why a captured request's signature verifies or does not."""

import json
import sys
import unicodedata
from dataclasses import asdict
from pathlib import Path

import click

from apigateway.captures import CaptureError, read_capture, signed_request
from apigateway.commands.project import read_project
from apigateway.signature import KEY, SignableRequest
from apigateway.signature_explain import Explanation, explain

_BEFORE, _AFTER = 24, 56


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
        requests = read_capture(_content(capture))
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
        text = json.dumps(document, ensure_ascii=False, indent=2)
        click.echo(text if _is_utf8(text) else json.dumps(document, indent=2))
    else:
        if len(requests) > 1:
            at = next(at for at, one in enumerate(requests, 1) if one is request)
            target = f"{request.path}?{request.query}" if request.query else request.path
            what = _one_line(f"{request.method} {target}")
            click.echo(f"Request {at} of {len(requests)}: {what}")
        _print(found)
    if not found.verified:
        raise SystemExit(1)


def _content(capture: str) -> bytes:
    """A file, standard input for `-`, or the curl line itself."""
    if capture == "-":
        return sys.stdin.buffer.read()
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
    for cause in found.causes:
        click.echo(f"  because {_one_line(cause)}")
    for note in found.notes:
        click.echo(f"  note: {_one_line(note)}")
    click.echo()
    if found.client_string is None or found.first_difference is None:
        click.echo("The string that the gateway signs (line feeds as #):")
        click.echo(f"  {_one_line(found.server_string)}")
        return
    client, client_at = _window(found.client_string, found.first_difference)
    server, _ = _window(found.server_string, found.first_difference)
    click.echo(f"The strings differ from byte {found.first_difference} (line feeds as #):")
    click.echo(f"  client  {client}")
    click.echo(f"  server  {server}")
    click.echo(f"          {' ' * client_at}^")
    click.echo()
    click.echo(f"client, whole  {_one_line(found.client_string)}")
    click.echo(f"server, whole  {_one_line(found.server_string)}")


def _is_utf8(text: str) -> bool:
    """Whether no byte stands in it that was not UTF-8 on the wire."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _one_line(text: str) -> str:
    """Line feeds as the product shows them; what no terminal should get is U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.replace("\n", "#"))


def _window(text: str, at: int) -> tuple[str, int]:
    """The text around a byte, and how many columns stand before the character it is in."""
    raw = text.encode("utf-8", "surrogateescape")
    while 0 < at < len(raw) and raw[at] & 0xC0 == 0x80:
        at -= 1
    position = len(raw[:at].decode("utf-8", "surrogateescape"))
    start = max(0, position - _BEFORE)
    lead = "..." if start else ""
    before = lead + _one_line(text[start:position])
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in before)
    return before + _one_line(text[position : position + _AFTER]), len(before) + wide
