"""Certificates for tests: a CA, and leaves that are good unless told otherwise."""

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
from cryptography.x509.oid import NameOID

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
) -> tuple[str, str]:
    """The PEM texts of a leaf with only these extensions, and of its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=100))
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(issuer.key, hash_with or hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode(), key_text(key)


def key_text(key: Any, password: bytes = b"") -> str:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    return text.decode()


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
