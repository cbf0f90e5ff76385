"""TLS at the listener: which certificate a handshake is shown, and that most are shown none.

mitmproxy makes a certificate of its own for whatever name a client asks for. Here a domain shows
the certificate that is bound to it (guide, "Bind the SSL certificate"), chosen by the name in the
handshake (SNI), and any other handshake ends with an alert. Every HTTPS domain speaks HTTP/2 and
HTTP/1.1 (guide, "How to enable HTTP 2.0").

mitmproxy closes a failed handshake without a word; the alert that tells the client why is sent
from here.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mitmproxy import connection, ctx, tls
from mitmproxy.addonmanager import AddonManager
from OpenSSL import SSL

from apigateway.model.catalog import Catalog
from apigateway.protocol.wire import host_name
from apigateway.proxy.outliving import standing_before
from apigateway.proxy.tls_context import PROTOCOLS, blank_context
from apigateway.proxy.tls_renewal import Bound, bind, looked_at

logger = logging.getLogger(__name__)

UNRECOGNIZED_NAME = 112
NO_APPLICATION_PROTOCOL = 120

LOOK_EVERY_S = 1.0


def alert_record(description: int) -> bytes:
    """A fatal alert as TLS sends it before anything is agreed on (RFC 8446, 6)."""
    return bytes([21, 3, 3, 0, 2, 2, description])


class TlsDoor:
    """An add-on of mitmproxy's own, before the one that makes certificates; like the guard it
    outlives the script, so that a call over HTTPS is then answered too."""

    name = "apigateway-tls"

    def __init__(self) -> None:
        self._bound: Mapping[str, Bound] = {}
        self._domains: frozenset[str] = frozenset()
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    def install(cls, addons: AddonManager) -> "TlsDoor":
        """The one of this process; the first call puts it into the chain."""
        return standing_before("tlsconfig", cls, addons)

    def serve(self, catalog: Catalog) -> None:
        """From now on, show the certificates of this catalog; renew them as their files do."""
        known, bound = self._bound, {}
        for host, place in catalog.domains.items():
            certificate = place.domain.certificate
            if certificate is not None:
                before = known.get(host)
                same = before is not None and before.certificate == certificate
                bound[host] = before if before and same else bind(host, certificate)
        self._bound, self._domains = bound, frozenset(catalog.domains)
        if self._watching is None and bound:
            self._watching = asyncio.create_task(self._watch(), name="look after certificates")

    def tls_start_client(self, data: tls.TlsData) -> None:
        blank = SSL.Connection(blank_context())
        blank.set_app_data(())
        blank.set_accept_state()
        data.ssl_conn = blank
        client = data.context.client
        protocols = PROTOCOLS if ctx.options.http2 else PROTOCOLS[1:]
        host = host_name(client.sni or "")
        bound = self._bound.get(host)
        if bound is None:
            logger.warning("https refused: %s", self._why_not(host))
            _refuse(data, UNRECOGNIZED_NAME)
        elif client.alpn_offers and not set(protocols) & set(client.alpn_offers):
            logger.warning("https refused: %s was asked for another protocol than HTTP", host)
            _refuse(data, NO_APPLICATION_PROTOCOL)
        else:
            data.ssl_conn = SSL.Connection(bound.context)
            data.ssl_conn.set_app_data(protocols)
            data.ssl_conn.set_accept_state()

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Send the alert that OpenSSL made and mitmproxy would drop."""
        if data.ssl_conn is None:
            return
        try:
            alert = data.ssl_conn.bio_read(65535)
        except SSL.Error:
            return
        _write(data.context.client, alert)

    def done(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _why_not(self, host: str) -> str:
        if not host:
            return "the client named no domain (SNI), as one that calls an IP address does"
        if host not in self._domains:
            return f"no group has the domain {host!r}"
        return (
            f"the domain {host} has no certificate; `apigateway cert dev {host}` makes a local one"
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            before = self._bound
            try:
                after = await asyncio.to_thread(_look_at_all, before, datetime.now(UTC))
            except Exception:  # a watch that ended would be found out when a certificate expires
                logger.exception("cannot look after the certificates")
                continue
            if self._bound is before:
                self._bound = after


def _look_at_all(bound: Mapping[str, Bound], now: datetime) -> Mapping[str, Bound]:
    return {host: looked_at(one, now) for host, one in bound.items()}


def _refuse(data: tls.TlsData, description: int) -> None:
    """Send an alert, and let mitmproxy close the connection without trying a handshake."""
    if _write(data.context.client, alert_record(description)):
        data.conn.state = connection.ConnectionState.CLOSED


def _write(client: connection.Client, content: bytes) -> bool:
    """Send bytes outside the TLS layer; False where this mitmproxy does not let us."""
    proxyserver: Any = ctx.master.addons.get("proxyserver")
    try:
        writer = proxyserver.connections[client.id].transports[client].writer
    except (AttributeError, KeyError):
        return False
    writer.write(content)
    return True
