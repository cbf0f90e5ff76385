"""How a call comes in: the request with its connection, and the pass it enters the chain with.

One rule for a call on the wire and for one that was captured, so that both are judged alike.
"""

from dataclasses import dataclass

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Received
from apigateway.model.catalog import Catalog
from apigateway.protocol.wire import Headers, host_name
from apigateway.signatures.caller import SignableRequest

MULTIPLEXED = ("HTTP/2.0", "HTTP/3")
"""Versions that name their host in a field of its own (`:authority`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRequest:
    """A request as the caller sent it. `target` is path and query as on the wire; `authority` is
    `:authority`, or the host of an absolute form, "" without either; `scheme` is the connection's,
    `sni` what its TLS handshake asked for ("" without), `peer` the address at its other end."""

    method: str
    target: str
    http_version: str = "HTTP/1.1"
    authority: str = ""
    headers: Headers
    body: bytes = b""
    scheme: str = "http"
    sni: str = ""
    peer: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def host(self) -> str:
        """The host that was called, as far as the request names one."""
        return host_name(self.authority or self.headers.first("Host") or "")

    @property
    def signable(self) -> SignableRequest:
        return SignableRequest(self.method, self.path, self.query, self.headers, self.body)


def received_of(
    request: CallerRequest, catalog: Catalog, *, request_id: str, received_ms: int
) -> Received:
    """
    Raises:
        Refusal: INVALID_URI, INVALID_HEADER, HEADER_REQUIRED for a request that names its host in
            two ways or not at all; INVALID_HEADER for an upgrade.
    """
    headers = request.headers
    if request.http_version in MULTIPLEXED:
        authority = request.authority or headers.first("Host") or ""
    else:
        if request.authority:
            raise Refusal(Fault.INVALID_URI, "absolute form", reason="is not a path")
        authority = headers.first("Host") or ""
    if len(headers.all("Host")) > 1:
        raise Refusal(Fault.INVALID_HEADER, "two", name="Host", reason="is repeated")
    if not authority:
        raise Refusal(Fault.HEADER_REQUIRED, "no host", name="Host")
    if "Upgrade" in headers:
        raise Refusal(
            Fault.INVALID_HEADER, "upgrades are not served", name="Upgrade", reason="unsupported"
        )
    path, _, query = request.target.partition("?")
    return Received(
        request_id=request_id,
        received_ms=received_ms,
        catalog=catalog,
        method=request.method.upper(),
        scheme=request.scheme,
        sni=host_name(request.sni) if request.scheme == "https" else "",
        host=host_name(authority),
        path=path,
        query=query,
        headers=headers,
        body=request.body,
        peer=request.peer,
    )
