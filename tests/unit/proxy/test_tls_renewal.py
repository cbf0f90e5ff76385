"""Certificates that follow their files."""

import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest
from unit.issued import CA, HOST, NOW, leaf, written_to
from unit.proxy.handshakes import serial

from apigateway.proxy.tls_renewal import bind, looked_at


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
