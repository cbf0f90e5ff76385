"""Handshakes in memory."""

import contextlib
from typing import Any

from OpenSSL import SSL

from apigateway.proxy.tls_context import PROTOCOLS
from apigateway.proxy.tls_renewal import Bound


def shown_by(bound: Bound, *, protocols: tuple[bytes, ...] = PROTOCOLS) -> SSL.Connection:
    """A client's connection after a handshake in memory."""
    server = SSL.Connection(bound.context)
    server.set_app_data(protocols)
    server.set_accept_state()
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    client.set_tlsext_host_name(bound.host.encode())
    client.set_alpn_protos([b"http/1.1", b"h2"])
    client.set_connect_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    return client


def serial(bound: Bound) -> int:
    certificate: Any = shown_by(bound).get_peer_certificate()
    number: int = certificate.get_serial_number()
    return number
