"""The calls of a scenario, made and signed before the clock runs."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers
from scripts.lib import many_apis

ROOT = Path(__file__).resolve().parents[2]
WEATHER, ACCOUNTS = "api.weather.localhost", "api.accounts.localhost"
KEY, SECRET = "203753385", "MySuperAppSecret-42"
"""Of the sample app."""

TOKEN_S = 3600
ACCEPT = ("Accept", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
DOCUMENT = ("Content-Type", "application/json; charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A call before it is signed. Without a `key` it stays unsigned."""

    host: str
    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=lambda: [ACCEPT])
    body: bytes = b""
    key: str = ""
    secret: str = ""


Blanks = Callable[[], list[Blank]]
"""The calls of a scenario, which are made one after the other."""


def written(blanks: list[Blank], count: int, *, close: bool = False) -> Iterator[bytes]:
    """`count` requests, each with a nonce of its own; with `close` the last of its connection."""
    for number in range(count):
        yield request_of(blanks[number % len(blanks)], close=close)


def request_of(blank: Blank, *, close: bool) -> bytes:
    fields = [("Host", blank.host), *blank.headers, *_signature(blank)]
    if close:
        fields.append(("Connection", "close"))
    if blank.body:
        fields.append(("Content-Length", str(len(blank.body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{blank.method} {blank.target} HTTP/1.1\r\n{head}\r\n".encode() + blank.body


def _signature(blank: Blank) -> list[tuple[str, str]]:
    if not blank.key:
        return []
    path, _, query = blank.target.partition("?")
    return signing_headers(
        SignableRequest(blank.method, path, query, Headers(blank.headers), blank.body),
        key=blank.key,
        secret=blank.secret,
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=str(uuid.uuid4()),
    )


def mock() -> list[Blank]:
    return [Blank(host=WEATHER, method="GET", target="/status")]


def forecast() -> list[Blank]:
    return [_signed(WEATHER, "GET", "/forecast/hangzhou?days=3")]


def report() -> list[Blank]:
    body = b"city=hangzhou&temperature=21.5&note=light+rain"
    return [_signed(WEATHER, "POST", "/reports", FORM, body)]


def note() -> list[Blank]:
    content = {"title": "Fog", "text": "The lake was gone this morning", "tags": ["fog", "lake"]}
    return [_signed(WEATHER, "POST", "/notes", DOCUMENT, json.dumps(content).encode())]


def profile() -> list[Blank]:
    key = json.loads((ROOT / "scripts" / "demo" / "login.jwk.json").read_text())
    now_s = int(time.time())
    who = {"iss": "https://accounts.localhost", "aud": "sample-app", "sub": "alice"}
    token = jwt.encode(
        {**who, "userId": "1001", "roles": ["reader"], "iat": now_s, "exp": now_s + TOKEN_S},
        jwt.PyJWK(key, algorithm="RS256").key,
        algorithm="RS256",
        headers={"kid": key["kid"]},
    )
    return [_signed(ACCOUNTS, "GET", f"/profile?IdToken={token}")]


def lookups() -> list[Blank]:
    """Of the project of thousands of APIs: lookups in each group whose app has a secret on file."""
    kinds = 8
    return [
        Blank(
            host=many_apis.host_of(group),
            method="GET",
            target=f"{many_apis.path_of(number)}?days=3",
            key=many_apis.app_key(group),
            secret=f"MySuperAppSecret-{group:03}",
        )
        for number in range(0, many_apis.APIS, kinds)
        for group in range(1, many_apis.GROUPS, 2)
    ]


def _signed(
    host: str,
    method: str,
    target: str,
    content_type: tuple[str, str] | None = None,
    body: bytes = b"",
) -> Blank:
    headers = [ACCEPT] if content_type is None else [ACCEPT, content_type]
    return Blank(
        host=host, method=method, target=target, headers=headers, body=body, key=KEY, secret=SECRET
    )
