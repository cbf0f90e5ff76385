"""Certificates for tests: a CA, and leaves that are good unless told otherwise."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apigateway.commands.cert import Issued, make_ca, make_leaf
from apigateway.model.group import Certificate
from apigateway.model.secret import Secret

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
HOST = "api.example.test"
CA = make_ca(NOW - timedelta(days=1))


def leaf(host: str = HOST, *, now: datetime = NOW, days: int = 365, ca: Issued = CA) -> Issued:
    return make_leaf(ca, host, now, days)


def pem(*issued: Issued) -> str:
    return "".join(one.pem.decode() for one in issued)


def odd_leaf(
    *extensions: x509.ExtensionType,
    key: Any = None,
    names: tuple[str, ...] = (HOST,),
    hash_with: Any = None,
    issuer: Issued = CA,
    now: datetime = NOW,
) -> tuple[str, str]:
    """The PEM texts of a leaf with only these extensions, and of its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(issuer.key, hash_with or hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode(), key_text(key)


def client(issuer: Issued = CA, now: datetime = NOW) -> tuple[str, str]:
    """The PEM texts of a certificate for a client, good for 100 days, and of its key."""
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return odd_leaf(purpose, issuer=issuer, names=(), now=now)


def key_text(key: Any, password: bytes = b"") -> str:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    return text.decode()


def server_context(*issued: Issued, clients_of: Issued | None = None) -> ssl.SSLContext:
    """The context of a backend with this chain, its own first, that may ask who calls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain"), Path(folder, "key")
        chain.write_text(pem(*issued))
        key.write_bytes(issued[0].key_pem)
        context.load_cert_chain(chain, key)
    if clients_of is not None:
        context.load_verify_locations(cadata=pem(clients_of))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def written_to(folder: Path, issued: Issued, name: str = "site") -> Certificate:
    """A certificate with its two files."""
    chain_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    chain_file.write_bytes(issued.pem)
    key_file.write_bytes(issued.key_pem)
    return Certificate(
        name="a_certificate",
        chain=issued.pem.decode(),
        key=Secret(issued.key_pem.decode()),
        chain_file=chain_file,
        key_file=key_file,
    )
