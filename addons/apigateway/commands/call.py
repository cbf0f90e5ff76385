"""`apigateway call`: a signed request, sent."""

import asyncio
import json
import ssl
import sys
from typing import Any

import aiohttp
import click
from multidict import CIMultiDict
from yarl import URL

from apigateway.backends.resolver import SystemResolver
from apigateway.commands.request import SignedCall, build, request_options


@click.command()
@click.argument("method")
@click.argument("url")
@request_options
@click.option("-i", "--include", is_flag=True, help="Print status and header fields too.")
@click.option("-k", "--insecure", is_flag=True, help="Do not verify the certificate.")
@click.option(
    "--cacert",
    type=click.Path(exists=True, dir_okay=False),
    help="Certificates of the CAs to trust, such as the one of `apigateway cert dev`.",
)
@click.option("--fail", is_flag=True, help="Exit 22 when the status is 400 or more.")
@click.option("--timeout", default=35.0, show_default=True, help="Seconds to wait for an answer.")
def call(
    include: bool,
    insecure: bool,
    cacert: str | None,
    fail: bool,
    timeout: float,
    **options: Any,
) -> None:
    """Send a signed request and print the answer: a curl that signs.

    Names under .localhost always go to this machine. The body goes to standard output; status
    and X-Ca-* fields go to standard error, so that the body can be piped.

    \b
    Examples:
      apigateway call GET 'http://api.weather.localhost:8080/forecast/hangzhou?days=3' --app demo
      apigateway call POST http://api.weather.localhost:8080/reports --app demo \\
          -F city=hangzhou -F temperature=21.5
    """
    signed = build(**options)
    try:
        answer = asyncio.run(_send(signed, trust=_trust(insecure, cacert), timeout_s=timeout))
    except TimeoutError:
        raise click.ClickException(f"no answer within {timeout:g} seconds") from None
    except (aiohttp.ClientError, OSError) as problem:
        hint = "; is the gateway running (scripts/serve)?" if _refused(problem) else ""
        raise click.ClickException(f"{signed.url}: {problem}{hint}") from None
    status, reason, headers, body = answer
    click.echo(f"HTTP {status} {reason}", err=not include)
    for name, value in headers:
        if include or name.lower().startswith("x-ca-"):
            click.echo(f"{name}: {value}", err=not include)
    if include:
        click.echo()
    _print_body(body)
    if fail and status >= 400:
        raise SystemExit(22)


class _Loopback(aiohttp.abc.AbstractResolver):
    """The gateway's own way to resolve: `.localhost` is this machine whatever the system says."""

    def __init__(self) -> None:
        self._resolver = SystemResolver()

    async def resolve(
        self, host: str, port: int = 0, family: int = 0
    ) -> list[aiohttp.abc.ResolveResult]:
        addresses = await self._resolver.resolve(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=10 if ":" in address else 2,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def _refused(problem: BaseException) -> bool:
    return isinstance(getattr(problem, "os_error", problem), ConnectionRefusedError)


def _trust(insecure: bool, cacert: str | None) -> ssl.SSLContext | bool:
    """Whom to trust over HTTPS; False is anyone."""
    if insecure or cacert is None:
        return not insecure
    try:
        return ssl.create_default_context(cafile=cacert)
    except ssl.SSLError as problem:
        raise click.UsageError(f"--cacert {cacert}: {problem.reason or problem}") from None


async def _send(
    signed: SignedCall, *, trust: ssl.SSLContext | bool, timeout_s: float
) -> tuple[int, str, list[tuple[str, str]], bytes]:
    connector = aiohttp.TCPConnector(resolver=_Loopback(), ssl=trust)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as session,
        session.request(
            signed.method,
            URL(signed.url, encoded=True),
            headers=CIMultiDict([*signed.headers, ("User-Agent", "apigateway-call")]),
            data=signed.body or None,
            allow_redirects=False,
        ) as response,
    ):
        body = await response.read()
        fields = [
            (name.decode("latin-1"), value.decode("utf-8", "replace"))
            for name, value in response.raw_headers
        ]
        return response.status, response.reason or "", fields, body


def _print_body(body: bytes) -> None:
    """As it came; to a person's terminal JSON is laid out."""
    if sys.stdout.isatty():
        try:
            click.echo(json.dumps(json.loads(body), ensure_ascii=False, indent=2))
            return
        except ValueError:
            pass
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
