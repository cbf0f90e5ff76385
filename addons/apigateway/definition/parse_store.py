"""Where the gateway keeps what it lives: `store` of gateway.yaml, a path or a Redis server.

A password never stands in a URL, since URLs are shown: in problems, at the start and in the log.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from apigateway.definition import secrets
from apigateway.definition.addresses import is_host
from apigateway.definition.certificates import MAX_PEM_BYTES, Unfit, read_chain
from apigateway.definition.document import Key
from apigateway.definition.problems import DocumentReport
from apigateway.model.settings import RedisSettings

DATABASE = "state/gateway.db"

_SCHEMES = ("redis", "rediss", "unix")
_MEND = "write redis://host:port/0, rediss://host:port/0 or unix:///path"


def read_store(
    report: DocumentReport, environ: Mapping[str, str]
) -> tuple[str, RedisSettings | None]:
    """The path of the SQLite database, and the Redis server if there is one."""
    given = report.document.data.get("store", DATABASE)
    if isinstance(given, Mapping):
        return given.get("records", DATABASE), _read_server(given, report, environ)
    if "://" not in given:
        return given, None
    _check_url(given, report, "store")
    return DATABASE, RedisSettings(url=given)


def _read_server(
    given: Mapping[str, Any], report: DocumentReport, environ: Mapping[str, str]
) -> RedisSettings:
    url = given["url"]
    _check_url(url, report, "store", "url")
    password = ca = None
    if "password" in given:
        password = secrets.resolve(given["password"], report, environ, "store", "password")
    if "ca" in given:
        ca = _read_ca(given["ca"], report)
        if not url.startswith("rediss://"):
            mend = "write rediss:// in the url, or remove ca"
            report.error("store.ca is for TLS only", mend, "store", "ca", at_key=True)
    return RedisSettings(
        url=url,
        username=given.get("username", ""),
        password=password,
        ca=ca,
        prefix=given.get("prefix", "apigateway"),
        timeout_s=given.get("timeout_s", 1.0),
    )


def _read_ca(reference: str, report: DocumentReport) -> str:
    name = reference.removeprefix("file:")
    text = secrets.text_of_file(name, report, "store", "ca", most_bytes=MAX_PEM_BYTES)
    if text:
        try:
            read_chain(text)
        except Unfit:
            what = f"the file {name} holds no certificate that can be read"
            report.error(what, "write the CA as PEM (-----BEGIN CERTIFICATE-----)", "store", "ca")
    return text


def _check_url(url: str, report: DocumentReport, *keys: Key) -> None:
    if fault := fault_of_server(url):
        mend = _MEND
        if "user" in fault:
            mend = "write store: {url: ..., username: ..., password: env:NAME}"
        report.error(f'the store "{shown_url(url)}" {fault}', mend, *keys)


def fault_of_server(url: str) -> str:
    """What is wrong with the URL of a Redis server; "" when nothing is."""
    if url.partition("://")[0] not in _SCHEMES:
        return "is of no kind that is known"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "names no host and port"
    if "@" in url:
        return "holds a user or a password"
    if "?" in url or "#" in url or "%" in url or re.search(r"\s", url):
        return "holds more than an address"
    if parts.scheme == "unix":
        return "" if parts.path.strip("/") and not parts.netloc else "names no socket"
    if host is None or not is_host(host):
        return "names no host"
    if port == 0 or parts.netloc.endswith(":"):
        return "names no port"
    if not re.fullmatch(r"/?|/[0-9]{1,4}", parts.path):
        return "names no database (a number)"
    return ""


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    *scheme, rest = url.split("://", 1)
    address = re.split(r"[?#]", rest.rpartition("@")[2])[0]
    return "://".join([*scheme, address])
