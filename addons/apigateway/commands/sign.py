"""`apigateway sign`: a signed request, shown; or a captured one, explained."""

import json
from typing import Any

import click

from apigateway.commands.explain_signature import explain_capture
from apigateway.commands.request import build, request_options


@click.command()
@click.argument("method", required=False)
@click.argument("url", required=False)
@request_options
@click.option(
    "--explain",
    "capture",
    metavar="CAPTURE",
    help="Say why a captured request verifies or not: a curl line, or a file that holds one, a "
    "HAR or mitmproxy flows; - is standard input.",
)
@click.option("--number", type=int, help="Which request of the capture, from 1.  [default: last]")
@click.option("--now", "now_ms", type=int, help="The clock of --explain, in ms.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def sign(
    as_json: bool, capture: str | None, number: int | None, now_ms: int | None, **options: Any
) -> None:
    """Print the headers that sign a request, and the request as a curl line.

    With --explain: judge the signature of a captured request as the gateway would, and show the
    client's and the server's string with the first byte that differs and the cause.

    \b
    Examples:
      apigateway sign GET 'http://api.weather.localhost:8080/forecast/hangzhou' --app demo
      apigateway sign --explain capture.har
      apigateway sign --explain "curl -H 'X-Ca-Key: ...' ..." --secret SECRET
    """
    if capture is not None:
        explain_capture(
            capture,
            number=number,
            key=options["key"],
            secret=options["secret"],
            now_ms=now_ms,
            as_json=as_json,
            definitions=options["definitions"],
            policies=options["policies"],
        )
        return
    if options["method"] is None or options["url"] is None:
        raise click.UsageError("METHOD and URL, or --explain CAPTURE")
    signed = build(**options)
    if as_json:
        document = {"headers": [list(field) for field in signed.headers], "curl": signed.curl}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in signed.headers:
        click.echo(f"{name}: {value}")
    click.echo()
    click.echo(signed.curl)
