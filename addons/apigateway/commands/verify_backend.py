"""`apigateway verify-backend`: whether a request that a backend received is the gateway's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from apigateway.captures.reading import read_capture, signed_request
from apigateway.captures.sent import CaptureError
from apigateway.commands.explain_signature import (
    capture_content,
    print_difference,
    print_json,
    print_reasons,
    print_which,
    terminal_line,
)
from apigateway.commands.project import project_options, read_project
from apigateway.definition.project import Project
from apigateway.definition.variables import resolve
from apigateway.model.api import MockBackend
from apigateway.model.group import Environment
from apigateway.signatures.backend import PROXY_SIGNATURE
from apigateway.signatures.backend_explain import BackendExplanation, explain_backend
from apigateway.signatures.caller import SIGNATURE, SignableRequest

Keys = tuple[tuple[str, str], ...]


def _pairs(_: click.Context, __: click.Parameter, texts: Iterable[str]) -> Keys:
    """What is wrong is said without the text: a secret stands in it."""
    pairs = []
    for text in texts:
        name, _equals, secret = text.partition("=")
        if not (name and secret) or any("\ud800" <= c <= "\udfff" for c in text):
            raise click.BadParameter("write NAME=SECRET")
        pairs.append((name, secret))
    return tuple(pairs)


@click.command("verify-backend")
@click.argument("capture")
@click.option(
    "--key",
    "keys",
    metavar="NAME=SECRET",
    multiple=True,
    callback=_pairs,
    help="A signature key that the backend knows; repeat it while a key is replaced.  "
    "[default: those of the project]",
)
@project_options
@click.option(
    "--number", type=int, help="Which request of the capture, from 1.  [default: the last signed]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify_backend(
    capture: str,
    keys: Keys,
    definitions: Path | None,
    policies: Path | None,
    number: int | None,
    as_json: bool,
) -> None:
    """Say whether a request came from the gateway as the backend received it.

    CAPTURE is that request: a curl line, or a file that holds one, the text of an HTTP/1.1 request,
    a HAR, mitmproxy flows or an answer of scripts/demo-backend.py; - is standard input. When the
    gateway's signature does not verify, the cause is looked for and both strings are shown. Exit
    code: 0 when it verifies, 1 when not.

    In debug mode (the caller sends X-Ca-Request-Mode: debug) the gateway's string comes with the
    request, and every difference is named. Without it, usual changes are tried.

    \b
    Examples:
      apigateway verify-backend request.txt
      apigateway verify-backend request.txt --key OldKey=SECRET --key NewKey=SECRET
      apigateway call GET URL --app demo | apigateway verify-backend -
    """
    try:
        requests = read_capture(capture_content(capture))
        request = signed_request(requests, _meant(requests) if number is None else number)
    except CaptureError as problem:
        raise click.ClickException(str(problem)) from None
    prefixes: tuple[str, ...] = ()
    if not keys or definitions is not None:
        project = read_project(definitions, policies)
        keys = keys or tuple((key.key, key.secret.reveal()) for key in project.signature_keys)
        prefixes = _prefixes(project)
    found = explain_backend(request, keys, prefixes=prefixes)
    if as_json:
        document = asdict(found)
        del document["key_number"]
        print_json(document)
    else:
        print_which(request, requests)
        _print(found, keys)
    if not found.verified:
        raise SystemExit(1)


def _meant(requests: Sequence[SignableRequest]) -> int:
    """The number of the last signed request, or of the last one: it has to be said that it is
    not signed."""
    if not requests:
        raise CaptureError("there is no request in the capture")
    for number in range(len(requests), 0, -1):
        headers = requests[number - 1].headers
        if PROXY_SIGNATURE in headers or SIGNATURE in headers:
            return number
    return len(requests)


def _prefixes(project: Project) -> tuple[str, ...]:
    """What the paths of the project's backends begin with: `/v3/cities/[id]`: /v3, /v3/cities."""
    found: dict[str, None] = {}
    for path in _backend_paths(project):
        prefix = ""
        for segment in path.split("/")[1:-1]:
            if "[" in segment or "#" in segment or not segment:
                break
            prefix += "/" + segment
            found[prefix] = None
    return tuple(found)


def _backend_paths(project: Project) -> Iterator[str]:
    """As each environment has them."""
    groups = {group.name: group for group in project.groups}
    for api in project.apis:
        group = groups[api.group]
        for one in (resolve(api, group, environment) for environment in Environment):
            if not isinstance(one.backend, MockBackend):
                yield one.backend.path


def _print(found: BackendExplanation, keys: Keys) -> None:
    if found.verified:
        which = f"the key {found.key}"
        if [name for name, _ in keys].count(found.key or "") > 1:
            which += f" (number {found.key_number} of those given)"
        click.secho(terminal_line(f"The gateway's signature verifies with {which}."), fg="green")
    else:
        click.secho("The gateway's signature does not verify.", fg="red")
    print_reasons(found.causes, found.notes)
    click.echo()
    if found.gateway_string is None or found.first_difference is None:
        what = "that both sign" if found.gateway_string is not None else "that the backend signs"
        click.echo(f"The string {what} (line feeds as |):")
        click.echo(f"  {terminal_line(found.string, '|')}")
        return
    gateway, backend = ("gateway", found.gateway_string), ("backend", found.string)
    print_difference(gateway, backend, found.first_difference, "|")
