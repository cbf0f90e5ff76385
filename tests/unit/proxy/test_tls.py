"""Contexts and the renewal of certificates; tests/e2e/test_tls.py has real handshakes."""

import contextlib
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from unit.issued import CA, HOST, NOW, leaf, written_to

from apigateway.proxy.tls import (
    PROTOCOLS,
    Bound,
    _choose_protocol,
    alert_record,
    bind,
    context_of,
    looked_at,
)


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


def test_an_alert_is_seven_bytes() -> None:
    assert alert_record(112) == bytes.fromhex("15030300020270")


def test_nothing_new_is_nothing_done(tmp_path: Path) -> None:
    bound = bind(HOST, written_to(tmp_path, leaf()))
    assert looked_at(bound, NOW) is bound


def test_a_renewed_certificate_is_shown(tmp_path: Path) -> None:
    bound = bind(HOST, written_to(tmp_path, leaf()))
    renewed = leaf()
    written_to(tmp_path, renewed)
    after = looked_at(bound, NOW)
    assert serial(after) == renewed.certificate.serial_number
    assert looked_at(after, NOW) is after


def test_a_broken_renewal_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issued = leaf()
    bound = bind(HOST, written_to(tmp_path, issued))
    (tmp_path / "site.pem").write_bytes(leaf().pem)  # and its key is still to come
    doubted = looked_at(bound, NOW)
    assert not caplog.records
    refused = looked_at(doubted, NOW)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    text = caplog.records[0].getMessage()
    assert text.startswith(os.path.relpath(tmp_path / "site.key") + ": the private key is not")
    assert looked_at(refused, NOW) is refused
    assert len(caplog.records) == 1
    assert serial(refused) == issued.certificate.serial_number


def test_a_key_that_comes_a_moment_after_its_certificate_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bound = bind(HOST, written_to(tmp_path, leaf()))
    renewed = leaf()
    (tmp_path / "site.pem").write_bytes(renewed.pem)
    doubted = looked_at(bound, NOW)
    (tmp_path / "site.key").write_bytes(renewed.key_pem)
    caplog.set_level(logging.INFO)
    assert serial(looked_at(doubted, NOW)) == renewed.certificate.serial_number
    assert [record.levelno for record in caplog.records] == [logging.INFO]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the files cannot be read"),
        (b"\xff\xfe", "the files cannot be read"),
        (b"", "there is no certificate in the file"),
        (CA.pem, "is not for"),
    ],
)
def test_a_renewal_that_is_no_certificate_of_the_domain_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None, told: str
) -> None:
    bound = bind(HOST, written_to(tmp_path, leaf()))
    path = tmp_path / "site.pem"
    path.unlink() if content is None else path.write_bytes(content)
    refused = looked_at(looked_at(bound, NOW), NOW)
    assert refused.context is bound.context
    assert told in caplog.text


def test_an_expired_renewal_is_refused_and_one_that_expires_soon_is_not(tmp_path: Path) -> None:
    bound = bind(HOST, written_to(tmp_path, leaf()))
    written_to(tmp_path, leaf(now=NOW - timedelta(days=20), days=10))
    refused = looked_at(looked_at(bound, NOW), NOW)
    assert refused.context is bound.context
    written_to(tmp_path, leaf(days=10))
    assert looked_at(refused, NOW).context is not bound.context


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
