"""Certificates: what is read from a definition, and what makes one unfit to be shown or trusted.

Guide, "If you require the APIs to support HTTPS": a name, the certificate and its private key.
A client refuses a certificate that does not belong to the host, is not valid today or does not
lead to its issuer, so that is said here, before anything is served. The same holds for what the
gateway shows to backends, and for the CAs it knows them by.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from apigateway.definition import secrets
from apigateway.definition.document import Key
from apigateway.definition.problems import DocumentReport
from apigateway.model.group import Certificate

MAX_PEM_BYTES = 64 * 1024
WARN_BEFORE = timedelta(days=30)
MIN_RSA_BITS = 2048
MIN_CURVE_BITS = 256

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with `part` ("chain", "key", "ca"); a warning leaves the certificate usable.
    `expired`: it was fit before."""

    part: str
    what: str
    mend: str
    warning: bool = False
    expired: bool = False


class Unfit(Exception):
    """A PEM text that gives no certificates or no key."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def read_certificate(
    data: Mapping[str, str],
    report: DocumentReport,
    environ: Mapping[str, str],
    host: str,
    now: datetime,
    in_use: Callable[[str], bool],
    *keys: Key,
) -> Certificate:
    """The certificate that `keys` lead to, for the domain `host`; what is wrong is reported.
    `in_use` says of a chain whether it is shown already."""
    chain_name = data["chain"].removeprefix("file:")
    chain = secrets.text_of_file(chain_name, report, *keys, "chain", most_bytes=MAX_PEM_BYTES)
    key = secrets.resolve(data["key"], report, environ, *keys, "key", most_bytes=MAX_PEM_BYTES)
    if chain and key.reveal():
        found = findings(chain, key.reveal(), host, now)
        for finding in lenient(found, chain, in_use):
            tell = report.warn if finding.warning else report.error
            tell(finding.what, finding.mend, *keys, finding.part)
    key_name = data["key"].removeprefix("file:")
    return Certificate(
        name=data["name"],
        chain=chain,
        key=key,
        chain_file=secrets.file_beside(chain_name, report),
        key_file=None if key_name == data["key"] else secrets.file_beside(key_name, report),
    )


def lenient(
    found: Iterable[Finding], chain: str, in_use: Callable[[str], bool]
) -> Iterator[Finding]:
    """What expires while it is in use is warned of: it is shown all the same, and whoever edits
    something else meanwhile is to get on."""
    for finding in found:
        yield replace(finding, warning=True) if finding.expired and in_use(chain) else finding


def findings(chain: str, key: str, host: str, now: datetime) -> list[Finding]:
    """Everything against showing this chain, with this key, for `host` at `now`."""

    def faults_of_leaf(leaf: x509.Certificate) -> Iterator[Finding]:
        yield from _faults_of_names(leaf, host)
        yield from _faults_of_usage(leaf, ExtendedKeyUsageOID.SERVER_AUTH, "a server", "serverAuth")

    return _findings(chain, key, now, "the domain", faults_of_leaf)


def client_findings(chain: str, key: str, now: datetime) -> list[Finding]:
    """Everything against showing this chain, with this key, to a backend at `now`."""

    def faults_of_leaf(leaf: x509.Certificate) -> Iterator[Finding]:
        yield from _faults_of_usage(leaf, ExtendedKeyUsageOID.CLIENT_AUTH, "a client", "clientAuth")

    return _findings(chain, key, now, "the gateway", faults_of_leaf)


def ca_findings(text: str, now: datetime) -> list[Finding]:
    """Everything against knowing backends by these CAs at `now`. One of them that is out of date
    is only warned of: a bundle holds the old and the new while one replaces the other."""
    try:
        bundle = read_chain(text, "the CA", part="ca")
    except Unfit as unfit:
        return [unfit.finding]
    first = "" if len(bundle) > 1 else "the certificate"
    faults = _faults_of_dates(bundle, now, "the file", first=first)
    found = [replace(fault, part="ca") for fault in faults]
    some_hold = sum(not finding.warning for finding in found) < len(bundle)
    return [replace(finding, warning=finding.warning or some_hold) for finding in found]


def _findings(
    chain: str,
    key: str,
    now: datetime,
    owner: str,
    faults_of_leaf: Callable[[x509.Certificate], Iterator[Finding]],
) -> list[Finding]:
    found: list[Finding] = []
    certificates: Sequence[x509.Certificate] = ()
    private: PrivateKey | None = None
    try:
        certificates = read_chain(chain, owner)
    except Unfit as unfit:
        found.append(unfit.finding)
    try:
        private = read_key(key)
    except Unfit as unfit:
        found.append(unfit.finding)
    if certificates and private is not None:
        found.extend(_mismatch(certificates, private, owner))
    if certificates:
        found.extend(faults_of_leaf(certificates[0]))
        found.extend(_faults_of_links(certificates, owner))
        found.extend(_faults_of_dates(certificates, now, "the chain", first="the certificate"))
    return found


def read_chain(
    text: str, owner: str = "the domain", *, part: str = "chain"
) -> list[x509.Certificate]:
    """The certificates of a PEM text, in its order. `owner` is whose they are.

    Raises:
        Unfit: there is none, or one cannot be read.
    """
    if "-----BEGIN CERTIFICATE-----" not in text:
        what = "there is no certificate in the file (-----BEGIN CERTIFICATE-----)"
        raise Unfit(Finding(part, what, f"write {owner}'s certificate as PEM"))
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        what = "a certificate in the file cannot be read"
        raise Unfit(Finding(part, what, "copy the whole PEM text again")) from None


def read_key(text: str) -> PrivateKey:
    """The private key of a PEM text.

    Raises:
        Unfit: there is none, it is encrypted, too weak or of another kind.
    """
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        mend = "remove its passphrase: openssl pkey -in KEY -out KEY.plain"
        raise Unfit(Finding("key", "the private key is encrypted", mend)) from None
    except (ValueError, UnsupportedAlgorithm):
        mend = "write it as PEM (-----BEGIN PRIVATE KEY-----)"
        raise Unfit(Finding("key", "the private key cannot be read", mend)) from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            what = f"an RSA key of {key.key_size} bits is too weak"
            raise Unfit(Finding("key", what, f"make one of {MIN_RSA_BITS} bits or more"))
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.key_size < MIN_CURVE_BITS or not key.curve.name.startswith("secp"):
            what = f"the curve {key.curve.name} is weak or unknown to clients"
            raise Unfit(Finding("key", what, "make a key on P-256 (prime256v1) or P-384"))
        return key
    mend = "make an RSA key of 2048 bits or an EC key on P-256"
    raise Unfit(Finding("key", "the private key is neither RSA nor EC", mend))


def names_in(leaf: x509.Certificate) -> list[str]:
    """The DNS names a certificate is for, as written."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def is_name_for(pattern: str, host: str) -> bool:
    """Whether a DNS name of a certificate stands for `host`; `*` is one whole first label."""
    pattern, host = pattern.lower().rstrip("."), host.lower()
    if not pattern.startswith("*."):
        return pattern == host
    first, dot, rest = host.partition(".")
    return bool(first and dot) and rest == pattern[2:] and "." in rest


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def _mismatch(chain: Sequence[x509.Certificate], key: PrivateKey, owner: str) -> Iterator[Finding]:
    own = _public_bytes(key.public_key())
    holders = [_public_bytes(certificate.public_key()) == own for certificate in chain]
    if holders[0]:
        return
    if any(holders):
        what = f"{owner}'s own certificate is number {holders.index(True) + 1} of the chain"
        yield Finding("chain", what, "put it first, and its issuers after it")
    else:
        mend = "use the key that the certificate was requested with"
        yield Finding("key", "the private key is not that of the certificate", mend)


def _faults_of_names(leaf: x509.Certificate, host: str) -> Iterator[Finding]:
    names = names_in(leaf)
    if not any(is_name_for(name, host) for name in names):
        shown = ", ".join(names[:5]) or "no name"
        what = f'the certificate is not for "{host}", but for {shown}'
        yield Finding("chain", what, "use one that has the domain among its alternative names")


def _faults_of_usage(
    leaf: x509.Certificate, purpose: x509.ObjectIdentifier, who: str, called: str
) -> Iterator[Finding]:
    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        what = "the certificate may not be used for signatures, which TLS needs"
        yield Finding("chain", what, "use one with the key usage digitalSignature")
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    wanted = (purpose, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if purposes is not None and not any(one in wanted for one in purposes):
        what = f"the certificate is not one of {who}"
        yield Finding("chain", what, f"use one with the extended key usage {called}")


def _extension(
    certificate: x509.Certificate, kind: type[x509.extensions.ExtensionTypeVar]
) -> x509.extensions.ExtensionTypeVar | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _faults_of_links(chain: Sequence[x509.Certificate], owner: str) -> Iterator[Finding]:
    """Each certificate is issued by the one after it; a root at the end issued itself."""
    for number, certificate in enumerate(chain, 1):
        if certificate.issuer == certificate.subject and number > 1:
            continue  # a root: nobody looks at its signature
        if isinstance(certificate.signature_hash_algorithm, MD5 | SHA1):
            algorithm = certificate.signature_hash_algorithm.name.upper()
            what = f"certificate {number} of the chain is signed with {algorithm}"
            yield Finding("chain", what, "ask for one that is signed with SHA-256")
    for number, (lower, upper) in enumerate(pairwise(chain), 1):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            what = f"certificate {number} of the chain is not issued by number {number + 1}"
            mend = f"write {owner}'s own certificate first, then each one's issuer"
            yield Finding("chain", what, mend)
            continue
        constraints = _extension(upper, x509.BasicConstraints)
        if constraints is None or not constraints.ca:
            what = f"certificate {number + 1} of the chain is not one of an issuer"
            yield Finding("chain", what, "use the chain as the issuer gives it")


def _faults_of_dates(
    certificates: Sequence[x509.Certificate], now: datetime, whole: str, *, first: str = ""
) -> Iterator[Finding]:
    """At most one a certificate. `whole` is what they are counted in, `first` what number 1 is
    called."""
    for number, certificate in enumerate(certificates, 1):
        called = first if first and number == 1 else f"certificate {number} of {whole}"
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now < start:
            mend = "wait, use another, or set the clock"
            yield Finding("chain", f"{called} is not valid before {shown_time(start)}", mend)
        elif now >= end:
            what = f"{called} expired on {shown_time(end)}"
            yield Finding("chain", what, "renew it", expired=True)
        elif end - now < WARN_BEFORE:
            days = (end - now).days
            what = f"{called} expires in {days} days, on {shown_time(end)}"
            yield Finding("chain", what, "renew it", warning=True)


def shown_time(moment: datetime) -> str:
    return re.sub(r"\+00:00$", " UTC", moment.astimezone(UTC).isoformat(" ", "minutes"))
