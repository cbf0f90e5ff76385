"""Callers that never stop, each on connections of its own: what they got, call by call."""

import http.client
import json
import random
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adversarial.probe import Http2
from cryptography import x509

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers

PATIENCE_S = 60.0
PAUSE_S = (0.04, 0.12)
CALLS_ON_ONE = (4, 12)
"""How many calls go over a connection that is kept."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """What is called; with `app`, the key and secret of an app, the call is signed."""

    host: str
    path: str
    app: tuple[str, str] | None = None

    def headers(self) -> Mapping[str, str]:
        fields = {"Host": self.host, "Accept": "application/json"}
        if self.app is not None:
            key, secret = self.app
            request = SignableRequest("GET", self.path, "", Headers([("Accept", fields["Accept"])]))
            signed = signing_headers(
                request, key=key, secret=secret, timestamp_ms=now_ms(), nonce=uuid.uuid4().hex
            )
            fields.update(signed)
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One call as its caller saw it. `markers` are the versions that the backend's echo shows, as
    often as it does; times are milliseconds since the epoch."""

    target: Target
    request_id: str
    status: int
    code: str
    markers: tuple[str, ...]
    began_ms: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A handshake, and the serial number of the certificate that it showed."""

    began_ms: int
    ended_ms: int
    serial: int


Ask = Callable[[Target, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Status, header fields in lower case, and body of the answer."""


class Plain:
    """HTTP/1.1, over `tls` if given, on a new connection for each call, or on one that is kept for
    some calls: each connection is a worker's, and every caller is to meet all of them."""

    def __init__(self, port: int, *, keeps: bool, tls: ssl.SSLContext | None = None) -> None:
        self.port, self.keeps, self.tls = port, keeps, tls
        self._left = 0
        self.shown: list[Shown] = []
        self._connection: http.client.HTTPConnection | None = None

    def __call__(
        self, target: Target, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connected(target.host)
            self._left = random.randint(*CALLS_ON_ONE) if self.keeps else 1
        connection.request("GET", target.path, headers=dict(headers))
        response = connection.getresponse()
        body = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        self._left -= 1
        if not self._left:
            connection.close()
            self._connection = None
        return response.status, fields, body

    def _connected(self, host: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        if self.tls is not None:
            began_ms = now_ms()
            plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
            link = self.tls.wrap_socket(plain, server_hostname=host)
            shown = link.getpeercert(binary_form=True)
            assert shown is not None
            serial = x509.load_der_x509_certificate(shown).serial_number
            self.shown.append(Shown(began_ms, now_ms(), serial))
            connection.sock = link
        return connection


class OverHttp2:
    """HTTP/2 on one connection."""

    def __init__(self, port: int) -> None:
        self._client = Http2(port)

    def __call__(
        self, target: Target, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        more = [(name.lower(), value) for name, value in headers.items() if name != "Host"]
        fields = self._client.fields(*more, path=target.path, authority=target.host)
        reply = self._client.reply_to(self._client.ask(fields), PATIENCE_S)
        if reply is None:
            raise ConnectionError("the stream or the connection was ended")
        return reply.status, reply.headers, reply.body


@dataclass
class Load:
    """Callers that go on until `stop`, each over all of its targets again and again. `broken` are
    calls that got no answer."""

    calls: list[Observed] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def add(self, ask: Ask, targets: Sequence[Target]) -> None:
        thread = threading.Thread(target=self._call_on, args=(ask, targets), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def between(self, began_ms: int, ended_ms: int) -> Iterator[Observed]:
        return (one for one in list(self.calls) if began_ms <= one.began_ms < ended_ms)

    def _call_on(self, ask: Ask, targets: Sequence[Target]) -> None:
        while not self._over.is_set():
            for target in random.sample(targets, len(targets)):
                began_ms, began = now_ms(), time.perf_counter()
                try:
                    status, fields, body = ask(target, target.headers())
                except Exception as problem:  # whatever it is, a call went without an answer
                    self.broken.append(f"{began_ms} {target} {type(problem).__name__}: {problem}")
                    return
                self.calls.append(
                    Observed(
                        target=target,
                        request_id=fields["x-ca-request-id"],
                        status=status,
                        code=fields.get("x-ca-error-code", ""),
                        markers=markers_in(body) if status == 200 else (),
                        began_ms=began_ms,
                        took_ms=(time.perf_counter() - began) * 1000,
                    )
                )
                self._over.wait(random.uniform(*PAUSE_S))


def markers_in(body: bytes) -> tuple[str, ...]:
    """Every version that the demo backend was sent, in whatever part of the request: `v7` in a
    path, a constant header, constant and default values and the names of parameters."""
    echo = json.loads(body)
    _, group, version, city = echo["path"].split("/")
    assert city == "hangzhou"
    headers = [value for name, value in echo["headers"] if name == "X-Version"]
    query = [part.removeprefix("of-") for pair in echo["query"] for part in pair]
    return (f"{group}/{version}", *(f"{group}/{one}" for one in (*headers, *query)))


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def trusting(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols(["http/1.1"])
    return context
