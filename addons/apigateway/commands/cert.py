"""`apigateway cert`: a certificate for a domain on this machine, and what a file holds."""

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apigateway.commands.project import project_folders, project_options
from apigateway.definition.certificates import (
    MAX_PEM_BYTES,
    Unfit,
    names_in,
    read_chain,
    read_key,
    shown_time,
)

CA_NAME = "apigateway local CA"
CA_DAYS = 3650
CLOCKS_DIFFER = timedelta(hours=1)

_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_ca(now: datetime) -> Issued:
    """A certificate authority of this machine's own; what it issues cannot issue in turn."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME)])
    builder = _builder(name, name, key, now, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(issues=True), critical=True)
    return Issued(builder.sign(key, SHA256()), key)


def make_leaf(ca: Issued, domain: str, now: datetime, days: int) -> Issued:
    """A server's certificate for `domain`, issued by `ca`."""
    key = ec.generate_private_key(ec.SECP256R1())
    common = [x509.NameAttribute(NameOID.COMMON_NAME, domain)] if len(domain) <= 64 else []
    builder = _builder(x509.Name(common), ca.certificate.subject, key, now, days)
    for extension, critical in (
        (x509.SubjectAlternativeName([x509.DNSName(domain)]), not common),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(issues=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return Issued(builder.sign(ca.key, SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(identifier, critical=False)
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def write_file(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Put the whole file in its place at once; a secret is for its owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o600 if secret else 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def ca_in(folder: Path, now: datetime) -> Issued:
    """The folder's certificate authority, made on the first call.

    Raises:
        click.ClickException: it is there, and cannot be used.
    """
    place, key_place = folder / "ca.pem", folder / "ca.key"
    if not place.exists() and not key_place.exists():
        made = make_ca(now)
        write_file(key_place, made.key_pem, secret=True)
        write_file(place, made.pem)
        return made
    again = f"remove {place} and {key_place} to have a new one made"
    try:
        certificate = read_chain(place.read_text())[0]
        key = read_key(key_place.read_text())
    except (OSError, ValueError, Unfit) as problem:
        raise click.ClickException(f"the local CA cannot be read ({problem}); {again}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != (
        key.public_key()
    ):
        raise click.ClickException(f"the local CA's key is not that of its certificate; {again}")
    if now >= certificate.not_valid_after_utc:
        raise click.ClickException(f"the local CA has expired; {again}")
    return Issued(certificate, key)


@click.group()
def cert() -> None:
    """Certificates of domains."""


@cert.command()
@click.argument("domain")
@click.option(
    "--days", type=click.IntRange(1, 825), default=365, show_default=True, help="How long it holds."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the files and the local CA.  [default: certificates, beside the definitions]",
)
@click.option("--force", is_flag=True, help="Replace a certificate that is there (renew it).")
@project_options
def dev(
    domain: str,
    days: int,
    out: Path | None,
    force: bool,
    definitions: Path | None,
    policies: Path | None,
) -> None:
    """Make a certificate for DOMAIN that holds on this machine.

    The first call makes a certificate authority of your own in the same folder. Clients that are
    told to trust it (curl --cacert) take what it issues; nobody else does.
    """
    domain = domain.lower().rstrip(".")
    if len(domain) > 253 or not _HOST.fullmatch(domain):
        raise click.BadParameter("write a host name such as api.example.com", param_hint="DOMAIN")
    there, _ = project_folders(definitions, policies)
    folder = out or there.resolve().parent / "certificates"
    chain_file, key_file = folder / f"{domain}.pem", folder / f"{domain}.key"
    for path in (chain_file, key_file):
        if path.exists() and not force:
            raise click.ClickException(f"{path} is there already; --force replaces it")
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        leaf = make_leaf(ca_in(folder, now), domain, now, days)
        write_file(key_file, leaf.key_pem, secret=True)
        write_file(chain_file, leaf.pem)
    except OSError as problem:
        raise click.ClickException(f"{folder}: {problem.strerror}") from None
    # A group.yaml is two folders down from the project, whatever the group is called.
    beside = Path(os.path.relpath(folder.resolve(), there.resolve() / "group"))
    shown = Path(os.path.relpath(folder))
    click.echo(f"""\
{shown / chain_file.name} and .key hold until {shown_time(leaf.certificate.not_valid_after_utc)}.
In the group.yaml of the domain:

domains:
  - name: {domain}
    certificate:
      name: {_name_for(domain)}
      chain: file:{(beside / chain_file.name).as_posix()}
      key: file:{(beside / key_file.name).as_posix()}

(For the group's second-level domain: subdomain_certificate, with the same three keys.)
A client must trust the local CA:

  curl --cacert {shown / "ca.pem"} https://{domain}:8080/""")


def _name_for(domain: str) -> str:
    name = re.sub(r"[^a-z0-9]", "_", domain)
    return (name if name[0].isalpha() else f"d_{name}").ljust(4, "_")[:50]


@cert.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show(file: Path) -> None:
    """Print the names, dates and fingerprints of the certificates in a PEM FILE."""
    try:
        with file.open("rb") as opened:
            chain = read_chain(opened.read(MAX_PEM_BYTES).decode("utf-8", "replace"))
    except Unfit as unfit:
        raise click.ClickException(f"{file}: {unfit.finding.what}") from None
    for number, certificate in enumerate(chain, 1):
        names = names_in(certificate)
        click.echo(f"{number}  {certificate.subject.rfc4514_string() or '(no subject)'}")
        if names:
            click.echo(f"   names        {', '.join(names)}")
        click.echo(f"   issuer       {certificate.issuer.rfc4514_string()}")
        click.echo(f"   valid from   {shown_time(certificate.not_valid_before_utc)}")
        click.echo(f"   valid until  {shown_time(certificate.not_valid_after_utc)}")
        click.echo(f"   SHA-256      {certificate.fingerprint(SHA256()).hex(':').upper()}")
