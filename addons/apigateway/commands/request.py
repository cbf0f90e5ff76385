"""The signed request that the options of `sign` and `call` describe."""

import shlex
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

from apigateway.commands.project import project_options, read_project
from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import FORM_MEDIA_TYPE, Headers, Pairs, is_token
from apigateway.signatures.caller import STAGE, SignableRequest, signing_headers
from apigateway.stages.signing import REQUEST_MODE

F = TypeVar("F", bound=Callable[..., Any])

_URL_SAFE = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A request ready to send: `headers` are the caller's and the signature's, in order."""

    method: str
    url: str
    headers: Pairs
    body: bytes

    @property
    def curl(self) -> str:
        """The same request as a curl command line, safe to paste into a shell."""
        words = ["curl", "-sS", "--globoff", "--path-as-is"]
        words += ["--head"] if self.method == "HEAD" and not self.body else ["-X", self.method]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
        if self.body:
            words += ["--data-raw", self.body.decode("utf-8", "surrogateescape")]
        return shlex.join([*words, self.url])


def request_options(command: F) -> F:
    """What `sign` and `call` take alike."""
    options = [
        click.option("--app", "app_name", help="Sign as this app of the definitions."),
        click.option("--key", help="AppKey, instead of --app."),
        click.option(
            "--secret",
            envvar="APIGATEWAY_SECRET",
            show_envvar=True,
            help="AppSecret of --key.",
        ),
        click.option("-H", "--header", "headers", multiple=True, help="'Name: value'; repeatable."),
        click.option("-d", "--data", help="Body; @file reads a file, @- standard input."),
        click.option("-F", "--form", multiple=True, help="name=value, url-encoded; repeatable."),
        click.option("--stage", help="Environment: TEST, PRE or RELEASE (X-Ca-Stage)."),
        click.option("--debug", is_flag=True, help="Ask for debug mode (X-Ca-Request-Mode)."),
        click.option(
            "--signature-method",
            type=click.Choice([method.value for method in SignatureMethod]),
            default=SignatureMethod.HMAC_SHA256.value,
            show_default=True,
        ),
        project_options,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def build(
    method: str,
    url: str,
    app_name: str | None,
    key: str | None,
    secret: str | None,
    headers: tuple[str, ...],
    data: str | None,
    form: tuple[str, ...],
    stage: str | None,
    debug: bool,
    signature_method: str,
    definitions: Path | None,
    policies: Path | None,
) -> SignedCall:
    """The signed request that the options describe.

    Raises:
        click.UsageError: options that contradict each other or cannot be read.
    """
    if not is_token(method):
        raise click.UsageError(f"{method!r} is not a method")
    parts = urlsplit(quote(url, safe=_URL_SAFE))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"{url!r} is not an http:// or https:// address")
    if data is not None and form:
        raise click.UsageError("-d and -F cannot be used together")
    fields = [_field(text) for text in headers]
    body = _body(data, form)
    names = {name.lower() for name, _ in fields}
    if body and "content-type" not in names:
        kind = f"{FORM_MEDIA_TYPE}; charset=UTF-8" if form else "application/json; charset=UTF-8"
        fields.append(("Content-Type", kind))
    if "accept" not in names:
        fields.append(("Accept", "application/json"))
    if stage:
        fields.append((STAGE, stage.upper()))
    if debug:
        fields.append((REQUEST_MODE, "debug"))
    path = parts.path or "/"
    request = SignableRequest(method.upper(), path, parts.query, Headers(fields), body)
    credentials = _credentials(app_name, key, secret, definitions, policies)
    if credentials is not None:
        fields += signing_headers(
            request,
            key=credentials[0],
            secret=credentials[1],
            timestamp_ms=time.time_ns() // 1_000_000,
            nonce=str(uuid.uuid4()),
            method=SignatureMethod(signature_method),
        )
    target = f"{path}?{parts.query}" if parts.query else path
    return SignedCall(
        method.upper(), f"{parts.scheme}://{parts.netloc}{target}", tuple(fields), body
    )


def _credentials(
    app_name: str | None,
    key: str | None,
    secret: str | None,
    definitions: Path | None,
    policies: Path | None,
) -> tuple[str, str] | None:
    """AppKey and AppSecret, or None for a call that is not signed."""
    if app_name is None:
        if key is None:
            return None
        if secret is None:
            raise click.UsageError("--key needs --secret")
        return key, secret
    if key is not None:
        raise click.UsageError("--app and --key cannot be used together")
    apps = {app.name: app for app in read_project(definitions, policies).apps}
    if app_name not in apps:
        known = ", ".join(sorted(apps)) or "none"
        raise click.UsageError(f"no app {app_name!r} in the definitions; there is: {known}")
    return apps[app_name].key, apps[app_name].secret.reveal()


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not is_token(name.strip()) or any(ord(c) < 32 for c in value):
        raise click.UsageError(f"-H {text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def _body(data: str | None, form: tuple[str, ...]) -> bytes:
    if form:
        pairs = []
        for item in form:
            name, equals, value = item.partition("=")
            if not equals or not name:
                raise click.UsageError(f"-F {item!r} is not name=value")
            pairs.append((name, value))
        return urlencode(pairs).encode("ascii")
    if data is None:
        return b""
    if data == "@-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as problem:
            raise click.UsageError(f"-d {data}: {problem.strerror}") from None
    return data.encode("utf-8", "surrogateescape")
