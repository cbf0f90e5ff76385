#!/usr/bin/env python3
"""A provider's backend for demonstrations and tests: it answers with what it received.

Any method and any path is answered 200 with JSON: method, path, query, headers, body, form, and
whether the backend signature (X-Ca-Proxy-Signature) verifies. It stands for the provider's own
code, so the verification below follows the vendor's backend demo and shares nothing with the
gateway. GET /_hits says how many other requests were served. POST .../login with a form of user
and password is the authorization server of the guide's OpenID Connect: it answers with an
id_token. With --tls-port the same is served over HTTPS, to clients with a certificate only.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import codecs
import hashlib
import hmac
import json
import signal
import ssl
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from aiohttp import web

DEMO = Path(__file__).resolve().parent / "demo"

SIGNATURE = "X-Ca-Proxy-Signature"
SIGNED_HEADERS = "X-Ca-Proxy-Signature-Headers"
KEY_NAME = "X-Ca-Proxy-Signature-Secret-Key"
FORM = "application/x-www-form-urlencoded"

SAMPLE_USERS = {"alice": "wonderland"}
TOKEN_S = 3600
ISSUER, AUDIENCE = "https://accounts.localhost", "sample-app"

SAMPLE_KEYS = {"WeatherBackendKey": "WeatherBackendSecret-1"}
LONGEST_LINE_BYTES = 1 << 20  # above anything a gateway lets through: the echo refuses nothing

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Verdict:
    """verified is False without a signature too; reason says which it was."""

    verified: bool
    reason: str
    string_to_sign: str


def pairs_of(text: str, charset: str = "utf-8") -> list[tuple[str, str]]:
    """Splits a query or a form; order, duplicates and empty values are kept, values decoded."""
    return parse_qsl(text, keep_blank_values=True, encoding=charset, errors="replace")


def values_by_name(*sources: Pairs) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for source in sources:
        for name, value in source:
            values.setdefault(name, []).append(value)
    return values


def is_form(headers: Mapping[str, str]) -> bool:
    """headers: as received, so the name is sought in any case."""
    types = [value for name, value in headers.items() if name.lower() == "content-type"]
    return bool(types) and types[0].partition(";")[0].strip().lower() == FORM


def form_charset(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if name.lower() == "content-type":
            for part in value.split(";")[1:]:
                key, _, charset = part.strip().partition("=")
                if key.lower() == "charset":
                    return charset.strip().strip('"')
    return "utf-8"


def string_to_sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    parameters: Mapping[str, Sequence[str]],
    body: bytes,
) -> str:
    """METHOD LF Content-MD5 LF headers resource, as the vendor's backend demo builds it.

    Content-MD5 is computed for POST and PUT with a body that is not a form, and empty otherwise.
    The listed names are sorted as spelled, then lower-cased; one that was not received is skipped,
    and names are looked up exactly as spelled. Query and form are one sorted list of first values;
    an empty value keeps its "=", a name without any value stands alone.
    """
    md5 = ""
    if method in ("POST", "PUT") and body and not is_form(headers):
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    listed = sorted(name.strip() for name in headers.get(SIGNED_HEADERS, "").split(","))
    lines = [f"{name.lower()}:{headers[name]}\n" for name in listed if name in headers]
    items = [
        f"{name}={values[0]}" if values else name for name, values in sorted(parameters.items())
    ]
    resource = path + ("?" + "&".join(items) if items else "")
    return f"{method}\n{md5}\n{''.join(lines)}{resource}"


def wire_bytes(text: str) -> bytes:
    """Undoes the decoding of received text, which may not have been UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def sign(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), wire_bytes(text), "sha256")).decode()


def verify(
    method: str,
    path: str,
    headers: Mapping[str, str],
    parameters: Mapping[str, Sequence[str]],
    body: bytes,
    keys: Mapping[str, str],
) -> Verdict:
    """Checks X-Ca-Proxy-Signature. The path may have been signed as sent or percent-decoded."""
    texts = [
        string_to_sign(method, one, headers, parameters, body)
        for one in dict.fromkeys((path, unquote(path)))
    ]
    if SIGNATURE not in headers:
        return Verdict(False, f"no {SIGNATURE}", texts[0])
    if KEY_NAME not in headers:
        return Verdict(False, f"no {KEY_NAME}", texts[0])
    if headers[KEY_NAME] not in keys:
        return Verdict(False, f"unknown key {headers[KEY_NAME]}", texts[0])
    for text in texts:
        expected = sign(keys[headers[KEY_NAME]], text)
        if hmac.compare_digest(expected.encode(), wire_bytes(headers[SIGNATURE])):
            return Verdict(True, "ok", text)
    spelled = {name.lower(): name for name in headers}
    for name in headers.get(SIGNED_HEADERS, "").split(","):
        sent = spelled.get(name.strip().lower(), name.strip())
        if sent != name.strip():
            return Verdict(False, f"{name.strip()} is listed but was sent as {sent}", texts[0])
    return Verdict(False, "signature differs", texts[0])


def id_token(user: str, key: Mapping[str, Any], now_s: int) -> str:
    """A token of OpenID Connect Core 1.0 for the user, signed with a private JSON Web Key."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user,
        "userId": f"u-{user}",
        "roles": ["reader", "writer"],
        "iat": now_s,
        "exp": now_s + TOKEN_S,
        "jti": uuid.uuid4().hex,
    }
    private = jwt.PyJWK(dict(key), algorithm="RS256").key
    return jwt.encode(claims, private, algorithm="RS256", headers={"kid": key["kid"]})


def log_in(form: Pairs, now_s: int) -> web.Response:
    """Answers a form of user and password with an id_token, or 401."""
    fields = dict(reversed(form))
    user, password = fields.get("user", ""), fields.get("password", "")
    expected = SAMPLE_USERS.get(user, "")
    if not expected or not hmac.compare_digest(expected.encode(), password.encode()):
        return answer({"error": "no such user, or another password"}, status=401)
    key = json.loads((DEMO / "login.jwk.json").read_text())
    return answer({"id_token": id_token(user, key, now_s), "expires_in": TOKEN_S})


class Echo:
    """The handler; keeps count of what it served."""

    def __init__(self, keys: Mapping[str, str], delay_s: float = 0.0) -> None:
        self.keys = keys
        self.delay_s = delay_s
        self.hits = 0

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        path, _, query_text = request.message.path.partition("?")
        if request.method == "GET" and path == "/_hits":
            return answer({"hits": self.hits})
        self.hits += 1
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = await request.content.read()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        received = [
            (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in request.raw_headers
        ]
        if request.method == "POST" and path.endswith("/login"):
            return log_in(read_form(dict(reversed(received)), body), int(time.time()))
        return answer(self.describe(request.method, path, query_text, received, body))

    def describe(
        self, method: str, path: str, query_text: str, received: Pairs, body: bytes
    ) -> dict[str, Any]:
        """Returns what is answered. received: the headers in order, duplicates kept."""
        headers: dict[str, str] = {}
        for name, value in received:
            headers.setdefault(name, value)
        query = pairs_of(query_text)
        form = read_form(headers, body)
        verdict = verify(method, path, headers, values_by_name(query, form), body, self.keys)
        try:
            text, encoding = body.decode(), "text"
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(body).decode(), "base64"
        return {
            "method": method,
            "path": path,
            "query": query,
            "headers": received,
            "body": text,
            "body_encoding": encoding,
            "form": form,
            "backend_signature": {
                "verified": verdict.verified,
                "reason": verdict.reason,
                "string_to_sign": verdict.string_to_sign,
            },
        }


def read_form(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    if not is_form(headers):
        return []
    try:
        charset = codecs.lookup(form_charset(headers)).name
    except LookupError:  # a charset nobody knows
        charset = "utf-8"
    return pairs_of(body.decode(charset, "replace"), charset)


def answer(content: object, status: int = 200) -> web.Response:
    text = json.dumps(content, ensure_ascii=False)
    return web.Response(
        status=status,
        body=text.encode("utf-8", "replace"),
        headers={"Content-Type": "application/json"},
    )


def tls_context() -> ssl.SSLContext:
    """The demo's own certificate, for billing.internal; clients must show one of the demo's CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(DEMO / "ca.pem"))
    context.load_cert_chain(DEMO / "server.pem", DEMO / "server-key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(host: str, port: int, tls_port: int | None, echo: Echo) -> None:
    """Serves until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = web.Server(
        echo,
        access_log=None,
        auto_decompress=False,  # the body as it was sent is what a signature covers
        keepalive_timeout=3600,  # the gateway decides how long a connection lives
        max_line_size=LONGEST_LINE_BYTES,
        max_field_size=LONGEST_LINE_BYTES,
    )
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024).start()
    if tls_port is not None:
        await web.TCPSite(runner, host, tls_port, ssl_context=tls_context(), backlog=1024).start()
        chosen_host, chosen_port = runner.addresses[1][:2]
        print(f"demo backend listening on https://{chosen_host}:{chosen_port}", flush=True)
    chosen_host, chosen_port = runner.addresses[0][:2]
    print(f"demo backend listening on http://{chosen_host}:{chosen_port}", flush=True)
    await stop.wait()
    await runner.cleanup()


def key_of(text: str) -> tuple[str, str]:
    name, separator, secret = text.partition("=")
    if not (name and separator and secret):
        raise argparse.ArgumentTypeError("write NAME=SECRET")
    return name, secret


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Echoes each request as JSON and says whether its backend signature verifies.",
        epilog="GET /_hits answers how many requests were served, itself not counted.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9000, help="port (9000); 0 picks a free one")
    parser.add_argument(
        "--tls-port", type=int, help="serve HTTPS on this port too (9443 for the samples)"
    )
    parser.add_argument("--delay-ms", type=int, default=0, help="wait before each answer (0)")
    parser.add_argument(
        "--key",
        type=key_of,
        action="append",
        default=[],
        metavar="NAME=SECRET",
        help="a signature key; may be repeated, and replaces the sample's key of the same name",
    )
    arguments = parser.parse_args()
    echo = Echo({**SAMPLE_KEYS, **dict(arguments.key)}, arguments.delay_ms / 1000)
    try:
        asyncio.run(serve(arguments.host, arguments.port, arguments.tls_port, echo))
    except OSError as error:
        tls = "" if arguments.tls_port is None else f" or {arguments.tls_port}"
        where = f"{arguments.host}:{arguments.port}{tls}"
        print(f"demo backend: cannot listen on {where}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
