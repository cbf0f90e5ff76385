"""The ladder of passes: what is known of one call after each room it went through.

A pass extends the one before, so a stage reads only what an earlier room has decided, and mypy
sees a stage that reads too much. Nothing is None for "not yet". Passes are frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

from apigateway.model.app import App
from apigateway.model.catalog import BoundDomain, Catalog, ServedApi, TlsProfile
from apigateway.model.group import Environment
from apigateway.ports import NonceClaim, Tally
from apigateway.protocol.multipart_body import Part
from apigateway.protocol.wire import Headers, Pairs

P = TypeVar("P")


class Pass:
    """What all passes have in common: how the next is made of the one before."""

    _before: ClassVar[type]
    _found: ClassVar[frozenset[str]]

    @classmethod
    def after(cls: type[P], before: "Pass", **found: Any) -> P:
        """This pass, of the one before and what was found out.

        Raises:
            TypeError: `before` is not the rung below, or something is missing or unknown.
        """
        if type(before) is not cls._before or found.keys() != cls._found:  # type: ignore[attr-defined]
            raise TypeError(_misfit(cls, before, found))
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", before.__dict__ | found)
        return made


def _misfit(cls: Any, before: Pass, found: Mapping[str, object]) -> str:
    if type(before) is not cls._before:
        below = cls._before.__name__
        return f"{cls.__name__} comes after {below}, not after {type(before).__name__}"
    odd = sorted(cls._found.symmetric_difference(found))
    return f"{cls.__name__} is missing or does not know: {', '.join(odd)}"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def rung(cls: type[P]) -> type[P]:
    """A frozen, keyword-only dataclass that is made with one dict update.

    The generated `__init__` of a frozen dataclass sets field by field, which over ten stages
    costs more than the stages. Like the generated one, this refuses missing and unknown fields.
    """
    made: Any = dataclass(frozen=True, kw_only=True, init=False)(cls)
    names = frozenset(field.name for field in fields(made))
    made._before = made.__bases__[0]
    below = fields(made._before) if is_dataclass(made._before) else ()
    made._found = names.difference(field.name for field in below)

    def __init__(self: Any, **given: Any) -> None:
        if given.keys() != names:
            odd = sorted(names.symmetric_difference(given))
            raise TypeError(f"{cls.__name__} is missing or does not know: {', '.join(odd)}")
        self.__dict__.update(given)

    made.__init__ = __init__
    return cast(type[P], made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A request as the backend gets it.

    `path` and `query` are encoded, `query` without `?`. `query_pairs` and `form_pairs` are the
    same parameters decoded, for the signature. `defined` are the names of headers that the
    definition put there (all of them are signed).
    """

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    query_pairs: Pairs = ()
    form_pairs: Pairs = ()
    defined: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_headers(self, headers: Pairs) -> "Outbound":
        return Outbound(
            method=self.method,
            path=self.path,
            query=self.query,
            headers=headers,
            body=self.body,
            query_pairs=self.query_pairs,
            form_pairs=self.form_pairs,
            defined=self.defined,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUpstream:
    """Where an outbound request goes: a host and port, before its name was resolved. `tls` is
    None where HTTPS is done the system's way."""

    scheme: str
    host: str
    port: int
    timeout_ms: int
    vpc_access: str = ""
    tls: TlsProfile | None = None

    @property
    def server_name(self) -> str:
        """What a TLS handshake asks for, and whom the certificate must be for."""
        if self.tls is not None and self.tls.server_name is not None:
            return self.tls.server_name
        return self.host

    @property
    def authority(self) -> str:
        """The Host header: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MockUpstream:
    """No backend: the definition's own answer."""

    status: int
    headers: Pairs
    body: bytes


Upstream = HttpUpstream | MockUpstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller gets from a backend or a mock. `headers` keep order and duplicates;
    bytes that are not UTF-8 are surrogate escapes, so that they can go on as they came."""

    status: int
    reason: str
    headers: Pairs
    body: bytes
    elapsed_ms: float


class Reply(Exception):
    """A stage answers by itself, and the call is done (a preflight). Not a refusal."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@rung
class Received(Pass):
    """A call as it came in. `path` and `query` as on the wire; `host` lower case, no port;
    `scheme` is the caller's protocol; `peer` the address at the other end of the socket; `sni`
    the domain that the TLS handshake was for, "" without TLS."""

    request_id: str
    received_ms: int
    catalog: Catalog
    method: str
    scheme: str
    sni: str
    host: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str


@rung
class Routed(Received):
    """The one API that host, environment, method and path lead to. `path_values` are decoded;
    `path_rest` is what a final `/*` took."""

    bound: BoundDomain
    environment: Environment
    served: ServedApi
    path_values: Mapping[str, str]
    path_rest: tuple[str, ...]


@rung
class Admitted(Routed):
    """The call may come in: protocol, address and sizes. `client_ip` is the caller's address."""

    client_ip: str


@rung
class Identified(Admitted):
    """Who calls. `app` is None where the API asks for none. `proof` says by what
    (`HmacSHA256, string 1`, ...). `token` is the verified id_token and `claims` what it says; ""
    and nothing where the API asks for none. `nonce` is still to be spent: by Throttling, with the
    charge, or by Authorization when it refuses. None where the caller sent none."""

    app: App | None
    proof: str
    token: str
    claims: Mapping[str, Any]
    nonce: NonceClaim | None


@rung
class Authorized(Identified):
    """The app may call this API in this environment, or the API asks for no app."""

    authorized_by: str


@rung
class Throttled(Authorized):
    """Charged to every limit that counts this call."""

    tally: Tally


@rung
class Validated(Throttled):
    """`arguments`: text of each declared parameter that was given or has a default; `files`: the
    part of each declared File that was given.

    `query_pairs`, `form_pairs` and `parts` are all that the caller sent, decoded, in order."""

    arguments: Mapping[str, str]
    files: Mapping[str, Part]
    query_pairs: Pairs
    form_pairs: Pairs
    parts: tuple[Part, ...]


@rung
class Mapped(Validated):
    outbound: Outbound


@rung
class Resolved(Mapped):
    upstream: Upstream


@rung
class Permitted(Resolved):
    """`pinned` is the checked IP address to connect to ("" for a mock): no name is resolved
    again after this."""

    pinned: str


@rung
class Signed(Permitted):
    """`dispatched` is the outbound request with the gateway's signature where a key is bound."""

    dispatched: Outbound
