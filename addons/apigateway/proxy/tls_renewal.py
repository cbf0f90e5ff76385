"""The certificate that a host shows, and how it follows its files."""

import logging
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from OpenSSL import SSL

from apigateway.definition.certificates import MAX_PEM_BYTES, Finding, findings
from apigateway.model.app import Secret
from apigateway.model.group import Certificate
from apigateway.proxy.tls_context import context_of

logger = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int] | None, ...]
"""What changes with a file, for each file of a certificate; None for one that is not there."""


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
