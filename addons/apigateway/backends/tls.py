"""HTTPS to backends as OpenSSL does it for us: always verified, TLS 1.2 or later, HTTP/1.1.

A context is made when a catalog is, or when connections are opened; never on the path of a call.
"""

import contextlib
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from apigateway.model.catalog import TlsProfile
from apigateway.model.policy import BackendTls, ClientCertificate


def tls_profile(declared: BackendTls) -> TlsProfile:
    """
    Raises:
        ssl.SSLError, ValueError: OpenSSL does not take what is declared.
    """
    context = client_context(declared.ca, declared.certificate)
    return TlsProfile(
        name=declared.name,
        context=context,
        server_name=declared.server_name,
        declared=declared,
    )


def client_context(
    ca: str | None = None, certificate: ClientCertificate | None = None
) -> ssl.SSLContext:
    """A context that takes only a backend whose certificate leads to `ca` (PEM; None: to one of
    the system's CAs) and is for the name it is called by.

    Raises:
        ssl.SSLError, ValueError: OpenSSL does not take one of the certificates or the key.
    """
    # Text without a certificate is a ValueError: Python takes b"" for "the system's CAs".
    trusted = None if ca is None else _der(ca)
    context = ssl.create_default_context(cadata=trusted)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if trusted is not None:
        # What a provider names is trusted, be it a root, an intermediate or the backend's own
        # certificate, and whether or not it has every extension of RFC 5280. This is the same on
        # every Python: 3.13 changed both.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate is not None:
        with _readable(_pem(certificate)) as path:
            context.load_cert_chain(path)
    return context


def _der(bundle: str) -> bytes:
    certificates = x509.load_pem_x509_certificates(bundle.encode())
    return b"".join(certificate.public_bytes(Encoding.DER) for certificate in certificates)


def _pem(certificate: ClientCertificate) -> bytes:
    """The key and the chain as they were checked: written anew, so that OpenSSL, which has its own
    way of looking for them in a text, finds nothing else (nor asks for a passphrase)."""
    key = load_pem_private_key(certificate.key.reveal().encode(), password=None)
    chain = x509.load_pem_x509_certificates(certificate.chain.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + b"".join(
        one.public_bytes(Encoding.PEM) for one in chain
    )


@contextlib.contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL can read `content`: it takes a key from files only.

    The file is in memory where the system has such, so that a key of the environment stays off
    the disks; elsewhere it is for the owner alone, and gone a moment later.
    """
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("client-certificate"), "wb") as memory:
            memory.write(content)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
