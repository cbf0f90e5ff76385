"""What TLS is spoken at the listener: versions, ciphers, groups, protocols."""

from functools import cache
from typing import Any

from mitmproxy.net.tls import log_master_secret
from OpenSSL import SSL

from apigateway.definition.certificates import read_chain, read_key
from apigateway.model.group import Certificate

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
def blank_context() -> SSL.Context:
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
