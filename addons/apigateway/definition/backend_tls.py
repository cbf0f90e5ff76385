"""Profiles of HTTPS to backends: their files read, and everything that would fail a handshake
later said here, before anything is served."""

import ssl
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from apigateway.backends.tls import client_context
from apigateway.definition import secrets
from apigateway.definition.addresses import is_host, plain_host
from apigateway.definition.certificates import (
    MAX_PEM_BYTES,
    Finding,
    ca_findings,
    client_findings,
    lenient,
)
from apigateway.definition.document import Key
from apigateway.definition.parse_policies import Home
from apigateway.definition.problems import DocumentReport
from apigateway.model.policy import BackendTls, ClientCertificate

MAX_BUNDLE_BYTES = 1024 * 1024
EFFECTIVE = ("ca", "server_name", "certificate")

_RELATIVE = "write a path relative to this file"


def read_backend_tls(report: DocumentReport, home: Home) -> BackendTls:
    data: Mapping[str, Any] = report.document.data
    if not any(key in data for key in EFFECTIVE):
        what = "the profile changes nothing: it is the system's way"
        mend = "add ca: file:path, server_name: NAME or certificate: {chain: ..., key: ...}"
        report.error(what, mend, "name")
    profile = BackendTls(
        name=data["name"],
        ca=_ca(data["ca"], report, home) if "ca" in data else None,
        server_name=_server_name(data["server_name"], report) if "server_name" in data else None,
        certificate=(
            _certificate(data["certificate"], report, home) if "certificate" in data else None
        ),
    )
    if not report.failed:
        _try(profile, report)
    return profile


def _ca(reference: str, report: DocumentReport, home: Home) -> str:
    text = secrets.text_of_file(
        reference.removeprefix("file:"),
        report,
        "ca",
        most_bytes=MAX_BUNDLE_BYTES,
        mend=_RELATIVE,
        shorten="keep the CAs that backends need, and nothing else",
    )
    if text:
        _tell(lenient(ca_findings(text, home.now), text, home.in_use), report)
    return text


def _server_name(text: str, report: DocumentReport) -> str:
    if not is_host(text):
        what = f'"{text}" is not a host name'
        report.error(what, "write one, without scheme, port or path", "server_name")
    return plain_host(text)


def _certificate(data: Mapping[str, str], report: DocumentReport, home: Home) -> ClientCertificate:
    keys: tuple[Key, ...] = ("certificate",)
    chain = secrets.text_of_file(
        data["chain"].removeprefix("file:"),
        report,
        *keys,
        "chain",
        most_bytes=MAX_PEM_BYTES,
        mend=_RELATIVE,
        shorten="keep the certificate and its issuers, and nothing else",
    )
    key = secrets.resolve(data["key"], report, home.environ, *keys, "key", most_bytes=MAX_PEM_BYTES)
    if chain and key.reveal():
        found = client_findings(chain, key.reveal(), home.now)
        _tell(lenient(found, chain, home.in_use), report, *keys)
    return ClientCertificate(chain=chain, key=key)


def _tell(found: Iterable[Finding], report: DocumentReport, *keys: Key) -> None:
    for finding in found:
        tell = report.warn if finding.warning else report.error
        tell(finding.what, finding.mend, *keys, finding.part)


def _try(profile: BackendTls, report: DocumentReport) -> None:
    """OpenSSL has the last word on what it takes."""
    tried = {"ca": (profile.ca, None), "certificate": (None, profile.certificate)}
    for key, given in tried.items():
        if any(given) and (problem := _problem_with(*given)):
            report.error(f"OpenSSL does not take it ({problem})", "use another one", key)


@lru_cache(maxsize=256)
def _problem_with(ca: str | None, certificate: ClientCertificate | None) -> str:
    """What OpenSSL has against it, "" for nothing. Files are read again and again, and a context
    takes some hundredths of a second."""
    try:
        client_context(ca, certificate)
    except (ssl.SSLError, ValueError) as problem:
        return str(problem) or type(problem).__name__
    return ""
