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
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, tls
from mitmproxy.addonmanager import AddonManager
from mitmproxy.net.tls import log_master_secret
from OpenSSL import SSL

from apigateway.definition.certificates import (
    MAX_PEM_BYTES,
    Finding,
    findings,
    read_chain,
    read_key,
)
from apigateway.model.app import Secret
from apigateway.model.catalog import Catalog
from apigateway.model.group import Certificate
from apigateway.protocol.wire import host_name

logger = logging.getLogger(__name__)

PROTOCOLS = (b"h2", b"http/1.1", b"http/1.0")
"""What ALPN may choose, the best first. (curl asks for the last one with --http1.0.)"""

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else."""

GROUPS = b"X25519MLKEM768:X25519:P-256:P-384"
"""For the key exchange, the first one safe from quantum computers. An older pyOpenSSL cannot be
told, and takes X448 and P-521 besides."""

OPTIONS = (
    SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_NO_TICKET
    | SSL.OP_CIPHER_SERVER_PREFERENCE
)
"""No tickets and no sessions: their keys would have to be changed daily, or past calls could be
read with them; next to all else that a call costs, a whole handshake is cheap."""

UNRECOGNIZED_NAME = 112
NO_APPLICATION_PROTOCOL = 120

LOOK_EVERY_S = 1.0

Stamp = tuple[tuple[int, int, int] | None, ...]
"""What changes with a file, for each file of a certificate; None for one that is not there."""


def alert_record(description: int) -> bytes:
    """A fatal alert as TLS sends it before anything is agreed on (RFC 8446, 6)."""
    return bytes([21, 3, 3, 0, 2, 2, description])


def _choose_protocol(conn: SSL.Connection, offers: list[bytes]) -> Any:
    for protocol in conn.get_app_data():
        if protocol in offers:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


def modern_context() -> SSL.Context:
    """A context of ours, which has no certificate yet."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(":".join(CIPHERS).encode())
    _prefer_groups(context)
    choose: Any = _choose_protocol  # pyOpenSSL before 25 declares its answer too narrowly
    context.set_alpn_select_callback(choose)
    if log_master_secret is not None:  # the variable SSLKEYLOGFILE, for Wireshark
        context.set_keylog_callback(log_master_secret)
    return context


@cache
def _blank_context() -> SSL.Context:
    """The context of who is refused: without a certificate a handshake fails by itself."""
    return modern_context()


def _prefer_groups(context: Any) -> None:
    private: Any = SSL  # pyOpenSSL has the function, but not yet for everybody
    set_groups = getattr(private._lib, "SSL_CTX_set1_curves_list", None)
    if set_groups is not None and set_groups(context._context, GROUPS) != 1:
        raise SSL.Error(f"OpenSSL does not know all of {GROUPS.decode()}")


def context_of(certificate: Certificate) -> SSL.Context:
    """The context that shows this certificate, which was found fit."""
    context = modern_context()
    leaf, *issuers = read_chain(certificate.chain)
    context.use_certificate(leaf)
    for issuer in issuers:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(read_key(certificate.key.reveal()))
    context.check_privatekey()
    return context


@dataclass(frozen=True, slots=True)
class Bound:
    """A host with what it shows. `stamp` is that of the files it was read from.

    A renewed file is refused (`refused` is its stamp) only when it looks the same a second later:
    the two files of a certificate do not change in one instant.
    """

    host: str
    certificate: Certificate
    context: SSL.Context
    stamp: Stamp
    doubted: Stamp | None = None
    refused: Stamp | None = None


def bind(host: str, certificate: Certificate) -> Bound:
    return Bound(host, certificate, context_of(certificate), stamp_of(certificate))


def stamp_of(certificate: Certificate) -> Stamp:
    return tuple(_stamp(path) for path in (certificate.chain_file, certificate.key_file) if path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def looked_at(bound: Bound, now: datetime) -> Bound:
    """`bound` with what its files hold now; the same object when there is nothing new.

    A renewed certificate that is not fit changes nothing but the log.
    """
    stamp = stamp_of(bound.certificate)
    if stamp in (bound.stamp, bound.refused):
        return bound
    try:
        renewed = _read_again(bound.certificate)
        faults = [
            finding
            for finding in findings(renewed.chain, renewed.key.reveal(), bound.host, now)
            if not finding.warning
        ]
        if not faults:
            made = Bound(bound.host, renewed, context_of(renewed), stamp)
            logger.info("renewed the certificate of %s", bound.host)
            return made
    except (OSError, ValueError, SSL.Error) as problem:
        faults = [Finding("chain", f"the files cannot be read ({problem})", "write them again")]
    if bound.doubted != stamp:
        return replace(bound, doubted=stamp)
    for fault in faults:
        path = bound.certificate.key_file if fault.part == "key" else None
        logger.error(
            "%s: %s; %s (%s goes on with the certificate it had)",
            os.path.relpath(path or bound.certificate.chain_file),
            fault.what,
            fault.mend,
            bound.host,
        )
    return replace(bound, doubted=None, refused=stamp)


def _read_again(certificate: Certificate) -> Certificate:
    """Raises: OSError, ValueError (which is what text that is no UTF-8 gives)."""
    key = certificate.key
    if certificate.key_file is not None:
        key = Secret(_text(certificate.key_file))
    return replace(certificate, chain=_text(certificate.chain_file), key=key)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_PEM_BYTES).decode()


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
        door: Any = addons.get(cls.name)
        if door is None:
            door = addons.register(cls())
            stock: Any = addons.get("tlsconfig")
            chain = addons.chain
            # Behind the script that is being loaded: no add-on changes place under its feet.
            chain.insert(chain.index(stock) if stock in chain else len(chain), door)
        assert isinstance(door, cls)
        return door

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
        blank = SSL.Connection(_blank_context())
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
