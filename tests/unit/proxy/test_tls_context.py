"""Contexts, in handshakes of their own."""

from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from unit.issued import HOST, leaf, written_to
from unit.proxy.handshakes import serial, shown_by

from apigateway.proxy.tls_context import PROTOCOLS, _choose_protocol, context_of
from apigateway.proxy.tls_renewal import bind


def test_a_handshake_is_shown_the_certificate_and_prefers_http2(tmp_path: Path) -> None:
    issued = leaf()
    bound = bind(HOST, written_to(tmp_path, issued))
    client = shown_by(bound)
    assert serial(bound) == issued.certificate.serial_number
    assert client.get_alpn_proto_negotiated() == b"h2"
    assert client.get_protocol_version_name() == "TLSv1.3"
    client = shown_by(bound, protocols=PROTOCOLS[1:])
    assert client.get_alpn_proto_negotiated() == b"http/1.1"


def test_no_common_protocol_is_none() -> None:
    class Link:
        def get_app_data(self) -> tuple[bytes, ...]:
            return PROTOCOLS

    link: Any = Link()
    assert _choose_protocol(link, [b"ftp"]) is SSL.NO_OVERLAPPING_PROTOCOLS
    assert _choose_protocol(link, [b"http/1.1", b"ftp", b"h2"]) == b"h2"


def test_a_context_takes_nothing_below_tls_1_2(tmp_path: Path) -> None:
    context = context_of(written_to(tmp_path, leaf()))
    old = SSL.Context(SSL.TLS_CLIENT_METHOD)
    old.set_cipher_list(b"ALL:@SECLEVEL=0")
    old.set_max_proto_version(SSL.TLS1_1_VERSION)
    server, client = SSL.Connection(context), SSL.Connection(old)
    server.set_accept_state()
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(65536))
    with pytest.raises(SSL.Error, match="unsupported protocol"):
        server.do_handshake()
